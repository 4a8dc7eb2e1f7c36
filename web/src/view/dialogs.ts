import { byId, h, setText } from "../dom";
import { fromMarkdown } from "../editor/tooltips";
import type { Example } from "../engine/contract";

/** The bundled networks, to be searched by typing. */
export class ExampleDialog {
  private readonly dialog = byId<HTMLDialogElement>("example-dialog");
  private readonly list = h("div.list");
  private readonly search = h("input", { type: "search", placeholder: "ResNet, language, llama …", "aria-label": "Search", autofocus: true });
  private examples: Example[] = [];

  constructor(private readonly chosen: (name: string) => void) {
    const close = h("button.quiet", { type: "button", onclick: () => this.dialog.close() }, "Close");
    this.dialog.append(h("div.toolbar", {}, h("h2", { id: "example-title" }, "Bundled networks"), close), this.search, this.list);
    this.search.addEventListener("input", () => this.fill());
    this.dialog.addEventListener("keydown", (event) => this.key(event));
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
  }

  get isFilled(): boolean {
    return this.examples.length > 0;
  }

  open(examples: Example[]): void {
    this.examples = examples;
    this.search.value = "";
    this.fill();
    if (!this.dialog.open) this.dialog.showModal();
    this.search.focus();
  }

  private fill(): void {
    const words = this.search.value.toLowerCase().split(/\s+/);
    const found = this.examples.filter(({ name, title, family, task }) => {
      const all = `${name} ${title} ${family} ${task}`.toLowerCase();
      return words.every((word) => all.includes(word));
    });
    const [first = ""] = words;
    const rank = ({ name }: Example) => (name === first ? 0 : name.startsWith(first) ? 1 : 2);
    if (first) found.sort((a, b) => rank(a) - rank(b));
    const tasks = Map.groupBy(found, ({ task }) => task || "others");
    this.list.replaceChildren(
      ...[...tasks].map(([task, members]) =>
        h("section", {}, h("h3", {}, task), h("div.names", {}, ...members.map((one) => this.button(one)))),
      ),
      ...(found.length ? [] : [h("p.quiet-text", {}, "No bundled network has this name.")]),
    );
  }

  private button({ name, title }: Example): HTMLElement {
    const choose = () => {
      this.dialog.close();
      this.chosen(name);
    };
    return h("button", { type: "button", onclick: choose }, title, title === name ? null : h("code", {}, name));
  }

  private key(event: KeyboardEvent): void {
    const buttons = [...this.list.querySelectorAll("button")];
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    if (event.key === "ArrowDown") buttons[Math.min(at + 1, buttons.length - 1)]?.focus();
    else if (event.key === "ArrowUp") (buttons[at - 1] ?? this.search).focus();
    else if (event.key === "Enter" && event.target === this.search) buttons[0]?.click();
    else return;
    event.preventDefault();
  }
}

const KEYS: [string, string][] = [
  ["Ctrl+Space", "complete what is typed: layers, arguments, values"],
  ["F8", "go to the next problem"],
  ["Ctrl+.", "apply the first quick fix"],
  ["Ctrl+Z", "undo, also what was opened or fixed"],
  ["Ctrl+F", "search the text"],
  ["Ctrl+] and Ctrl+[", "indent, and less (Tab leaves the text)"],
  ["F6", "go from the text to the results, and back"],
  ["Alt+1 … Alt+4", "table, picture, memory, receptive field"],
  ["Up, Down", "in the table: from layer to layer; Enter shows the arithmetic"],
  ["Left, Right", "in the table: collapse a block, expand it"],
  ["Ctrl+O, Ctrl+S", "open a file, download the text"],
  ["Escape", "close the arithmetic"],
];

export function openHelp(where: string): void {
  const dialog = byId<HTMLDialogElement>("help-dialog");
  const close = h("button.quiet", { type: "button", onclick: () => dialog.close() }, "Close");
  dialog.replaceChildren(
    h("div.toolbar", {}, h("h2", { id: "help-title" }, "Keyboard"), close),
    h("dl.keys", {}, ...KEYS.flatMap(([keys, what]) => [h("dt", {}, ...keys.split(/(?= and |, | … )|(?<= and |, | … )/).map((key) => (/^( and |, | … )$/.test(key) ? key : h("kbd", {}, key)))), h("dd", {}, what)])),
    h("h3", {}, "Where it is worked out"),
    ...fromMarkdown(where),
  );
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.showModal();
}

/** Ask for the input size of a file in which it is dynamic, until `chosen` returns nothing that is wrong with it. */
export function openSize(message: string, hint: string, chosen: (size: string) => Promise<string | void>): void {
  const dialog = byId<HTMLDialogElement>("size-dialog");
  const field = h("input", { type: "text", value: /--input (\S+)/.exec(hint)?.[1] ?? "", "aria-label": "Input size", spellcheck: "false" });
  const cancel = h("button", { type: "button", onclick: () => dialog.close() }, "Cancel");
  const form = h("form.toolbar", {}, field, h("button", { type: "submit" }, "Use this size"), cancel);
  const wrong = h("p.wrong", { role: "alert" });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void chosen(field.value.trim()).then((found) => {
      setText(wrong, found ?? "");
      if (found) field.select();
      else dialog.close();
    });
  });
  dialog.replaceChildren(h("h2", { id: "size-title" }, "Which input size?"), h("p", {}, message), form, wrong);
  dialog.showModal();
  field.select();
}
