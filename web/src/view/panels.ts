import { h, setText } from "../dom";
import type { Answers, Do, Row } from "../engine/contract";
import { safeHtml } from "../safe";
import { Stage } from "./stage";

export interface PanelHooks {
  ask<D extends Do>(what: D, more: Record<string, unknown>): Promise<Answers[D]>;
  chosen(id: string): void;
  /** The reader changed what a panel shows. */
  changed(): void;
}

/** A tab beside the table: it asks for what it shows when it is looked at, and again after each change. */
export interface Panel {
  readonly key: string;
  readonly title: string;
  readonly element: HTMLElement;
  refresh(): Promise<void>;
  /** Its picture once more, for a download: in another theme. */
  picture(theme: { theme: string }): Promise<string>;
}

function choice(label: string, options: [string, string][], changed: () => void): HTMLSelectElement {
  const select = h("select", { "aria-label": label, onchange: changed });
  select.append(...options.map(([value, text]) => h("option", { value }, text)));
  return select;
}

function zoomButtons(stage: Stage): HTMLElement {
  const button = (text: string, label: string, action: () => void) =>
    h("button.quiet", { type: "button", "aria-label": label, title: label, onclick: action }, text);
  return h(
    "div.zoom",
    { role: "group", "aria-label": "Size of the picture" },
    button("−", "Smaller", () => stage.zoomBy(1 / 1.25)),
    button("Fit", "Fit the pane", () => stage.scale(0)),
    button("+", "Larger", () => stage.zoomBy(1.25)),
  );
}

/** A panel whose picture stands below a toolbar, and above what is said of it, if anything is. */
abstract class StagePanel implements Panel {
  abstract readonly key: string;
  abstract readonly title: string;
  readonly element = h("div.panel.is-waiting");
  private readonly text = h("div.answer");

  protected constructor(
    protected readonly hooks: PanelHooks,
    protected readonly stage: Stage,
  ) {}

  /** Ask for what it shows. */
  protected abstract answer(more?: Record<string, unknown>): Promise<{ svg: string; html?: string }>;

  async refresh(): Promise<void> {
    const { svg, html = "" } = await this.answer();
    this.element.classList.remove("is-waiting");
    this.stage.show(svg);
    this.text.replaceChildren(safeHtml(html));
  }

  async picture(theme: { theme: string }): Promise<string> {
    return (await this.answer(theme)).svg;
  }

  protected fill(tools: HTMLElement[], body: HTMLElement): void {
    this.element.append(h("div.toolbar", {}, ...tools, zoomButtons(this.stage)), body);
  }

  /** The picture and the text below it, which scroll together. */
  protected region(label: string): HTMLElement {
    return h("div.scroll", { tabindex: 0, role: "region", "aria-label": label }, this.stage.element, this.text);
  }
}

export class PicturePanel extends StagePanel {
  readonly key = "picture";
  readonly title = "Picture";
  private readonly style: HTMLSelectElement;
  private readonly direction: HTMLSelectElement;

  constructor(hooks: PanelHooks) {
    super(hooks, new Stage("Picture of the network", (name) => hooks.chosen(name)));
    const styles: [string, string][] = [["graph", "Graph"], ["volumes", "Feature maps to scale"], ["shares", "Shares of layers"]];
    this.style = choice("What is drawn", styles, () => this.changed());
    this.direction = choice("Direction", [["down", "Down"], ["right", "To the right"]], () => this.changed());
    this.fill([this.style, this.direction], this.stage.element);
  }

  protected answer(more = {}): Promise<Answers["picture"]> {
    const direction = this.style.value === "graph" ? { direction: this.direction.value } : {};
    return this.hooks.ask("picture", { style: this.style.value, ...direction, ...more });
  }

  private changed(): void {
    this.direction.hidden = this.style.value !== "graph";
    this.hooks.changed();
  }
}

export class MemoryPanel extends StagePanel {
  readonly key = "memory";
  readonly title = "Memory";
  private readonly mode: HTMLSelectElement;
  private readonly optimizer: HTMLSelectElement;

  constructor(hooks: PanelHooks) {
    super(hooks, new Stage("Live bytes over time"));
    this.mode = choice("What is run", [["", "Inference"], ["training", "Training"]], () => this.changed());
    this.optimizer = choice("Optimizer", [["adam", "Adam"], ["sgd", "SGD"], ["momentum", "SGD with momentum"]], () => this.changed());
    this.optimizer.hidden = true;
    this.fill([this.mode, this.optimizer], this.region("Memory"));
  }

  protected answer(more = {}): Promise<Answers["memory"]> {
    const training = this.mode.value === "training";
    return this.hooks.ask("memory", { ...(training ? { training, optimizer: this.optimizer.value } : {}), ...more });
  }

  private changed(): void {
    this.optimizer.hidden = this.mode.value !== "training";
    this.hooks.changed();
  }
}

export class FieldPanel extends StagePanel {
  readonly key = "field";
  readonly title = "Receptive field";
  private readonly layer: HTMLSelectElement;
  private names = "";

  constructor(hooks: PanelHooks) {
    super(hooks, new Stage("Receptive field on the input"));
    this.layer = choice("Layer", [["", "All layers"]], () => hooks.changed());
    this.fill([this.layer], this.region("Receptive field"));
  }

  setLayers(rows: Row[]): void {
    const names = rows.filter(({ family }) => family !== "block").map(({ id }) => id);
    if (names.join("\n") === this.names) return;
    this.names = names.join("\n");
    const { value } = this.layer;
    this.layer.replaceChildren(h("option", { value: "" }, "All layers"), ...names.map((name) => h("option", { value: name }, name)));
    this.layer.value = names.includes(value) ? value : "";
  }

  choose(id: string): void {
    if ([...this.layer.options].some(({ value }) => value === id)) this.layer.value = id;
  }

  protected answer(more = {}): Promise<Answers["field"]> {
    return this.hooks.ask("field", { layer: this.layer.value, ...more });
  }
}

/** The arithmetic of the chosen layer, below the views. */
export class Explanation {
  private readonly title = h("h2", { "aria-live": "polite" });
  private readonly text = h("div.answer", { tabindex: 0, role: "region", "aria-label": "Arithmetic" });
  private readonly back = h("input", { type: "checkbox" });
  layer = "";

  constructor(
    private readonly parent: HTMLElement,
    private readonly hooks: PanelHooks,
    private readonly opened: () => void,
    closed: () => void,
  ) {
    this.back.addEventListener("change", () => hooks.changed());
    const close = h("button.quiet", { type: "button", onclick: () => { this.close(); closed(); } }, "Close");
    parent.append(
      h("div.toolbar", {}, this.title, h("label.check", { title: "Show where its input comes from, back to the network's input" }, this.back, "back to the input"), close),
      this.text,
    );
  }

  async refresh(): Promise<void> {
    if (!this.layer) return;
    const layer = this.layer;
    const explained = await this.hooks.ask("explain", { layer, back: this.back.checked });
    if (layer !== this.layer) return;
    // The first line is a title: the name and the kind at the left, the sizes at the right.
    const [title = "", rule = "", ...lines] = explained.text.split("\n");
    const isTitled = /^[─-]+$/.test(rule.trim());
    setText(this.title, isTitled ? title.trim().replace(/\s{2,}/, "   ") : layer);
    this.text.replaceChildren(h("pre", {}, isTitled ? lines.join("\n") : explained.text));
    this.show();
  }

  private show(): void {
    if (!this.parent.hidden) return;
    this.parent.hidden = false;
    this.opened(); // the views have less room now
  }

  fail(message: string): void {
    setText(this.title, this.layer);
    this.text.replaceChildren(h("p", {}, message));
    if (this.layer) this.show();
  }

  close(): void {
    this.layer = "";
    this.parent.hidden = true;
  }
}
