import { plainLines } from "../editor/ghosts";
import { ICONS, h, icon } from "../dom";
import type { Diagnostic, Fix, Position } from "../engine/contract";

/** All problems under the text, each with its line, its cause, its hint, and buttons that apply it. */
export class Problems {
  private shown = "";

  constructor(
    private readonly parent: HTMLElement,
    private readonly apply: (fix: Fix) => void,
    private readonly reveal: (position: Position) => void,
  ) {}

  update(diagnostics: Diagnostic[]): void {
    const now = JSON.stringify(diagnostics);
    if (now === this.shown) return;
    this.shown = now;
    this.parent.hidden = !diagnostics.length;
    this.parent.replaceChildren(...diagnostics.map((one) => this.one(one)));
  }

  private one({ level, message, range, fixes }: Diagnostic): HTMLElement {
    const [headline = "", ...rest] = plainLines(message).split("\n");
    const line = h("button.link.line", { type: "button", onclick: () => this.reveal(range.start) }, `Line ${range.start.line + 1}`);
    const buttons = fixes.map((fix) => h("button.fix", { type: "button", onclick: () => this.apply(fix) }, icon(ICONS.fix), fix.title));
    return h(
      `div.problem.is-${level}`,
      {},
      icon(ICONS[level]),
      h(
        "div.problem-text",
        {},
        h("p", {}, line, " ", h("strong", {}, h("span.hidden", {}, `${level}: `), headline)),
        ...rest.map((text, at) => h("p", { class: at === rest.length - 1 ? "hint" : "why" }, text)),
        buttons.length ? h("div.fixes", {}, ...buttons) : null,
      ),
    );
  }
}
