import { byId, debounced, h, setText } from "./dom";
import { Editor } from "./editor/editor";
import { type Answers, type Do, type Fix, type Look, Refused, type Request, type Settings, type Sizes, type Table } from "./engine/contract";
import { type Engine, EngineLost, type Status } from "./engine/engine";
import { Latest } from "./latest";
import { fromFragment, toFragment } from "./share";
import { Controls } from "./view/controls";
import { type Theme, Tabs, setUpSplitter, setUpTheme } from "./view/layout";
import { Explanation, FieldPanel, MemoryPanel, type Panel, PicturePanel } from "./view/panels";
import { Problems } from "./view/problems";
import { LayerTable } from "./view/table";
import { TotalsBar } from "./view/totals";

const FIRST_TEXT = `name: digits
layout: HWC
input: 28x28x1
layers:
  - conv: {out_channels: 20, kernel_size: 5}
  - relu
  - max_pool: {kernel_size: 2}
  - fc: 10
  - softmax
`;
/** Addresses longer than this are no longer kept up to date. */
const LONGEST_TEXT = 60_000;

/** A text that is opened, with what is set beside it. */
type Shown = { text: string; name: string; variant?: string } & Partial<Pick<Settings, "variables" | "inputs">>;

/** The page: the text and the choices beside it are its state; all else is what the engine says of them. */
export class App {
  readonly editor: Editor;
  readonly table: LayerTable;
  readonly tabs: Tabs;
  readonly explanation: Explanation;
  name = "net.yaml";
  /** Whether what is shown is still of the text before. */
  private isOther = false;
  chosen = { variant: "", variables: {} as Settings["variables"], inputs: {} as Record<string, number[]> };
  look: Look | null = null;
  readonly controls: Controls;
  private readonly totals = new TotalsBar(byId("totals"));
  private readonly problems: Problems;
  private readonly panels: Panel[];
  private readonly field: FieldPanel;
  private readonly theme: () => Theme;
  private readonly looking = new Latest<number>((began) => this.lookNow(began));
  private readonly showing = new Latest<true>(() => this.refreshPanels());
  private readonly soonPanels = debounced(80, () => this.showing.ask(true));
  private readonly soonAddress = debounced(300, () => void this.keepAddress());
  private readonly soonSaid = debounced(900, (text: string) => setText(byId("announcer"), text));

  constructor(readonly engine: Engine) {
    this.theme = setUpTheme(() => this.showing.ask(true));
    setUpSplitter();
    this.editor = new Editor(byId("editor"), {
      changed: () => this.change(),
      moved: (line) => this.table.mark(line),
      complete: (position) => this.ask("complete", { position }).then(({ items }) => items, () => []),
      hover: (position) => this.ask("hover", { position }).catch(() => null),
    });
    this.problems = new Problems(byId("problems"), (fix) => this.fix(fix), ({ line, character }) => {
      this.showText();
      this.editor.reveal(line, character);
      this.editor.view.focus();
    });
    const scroll = h("div.panel.scroll", { tabindex: 0 });
    this.table = new LayerTable(scroll, {
      chosen: (row) => {
        if (row.line !== null) this.editor.reveal(row.line);
        this.choose(row.id);
      },
    });
    this.controls = new Controls(byId("controls"), byId("reset"), this.chosen, () => this.change());
    const hooks = {
      ask: <D extends Do>(what: D, more: Record<string, unknown>) => this.ask(what, more),
      chosen: (id: string) => this.chooseInPicture(id),
      changed: () => this.showing.ask(true),
    };
    this.explanation = new Explanation(byId("explanation"), hooks, () => this.table.reveal(), () => {
      const { layer } = this.explanation;
      this.table.choose("");
      this.table.focus(layer);
    });
    this.field = new FieldPanel(hooks);
    this.panels = [new PicturePanel(hooks), new MemoryPanel(hooks), this.field];
    this.tabs = new Tabs(byId("tabs"), () => this.showing.ask(true));
    this.tabs.add("text", "YAML", byId("left"));
    this.tabs.add("table", "Table", scroll);
    byId("panels").append(scroll, ...this.panels.map(({ element }) => element));
    for (const { key, title, element } of this.panels) this.tabs.add(key, title, element);
    const isNarrow = matchMedia("(max-width: 760px)").matches;
    this.tabs.choose(isNarrow ? "text" : "table");
    byId<HTMLDetailsElement>("settings").open = innerWidth > 900;
    engine.onStatus((status) => this.showStatus(status));
  }

  /** Show what the address, the command, or nobody says. */
  async start(): Promise<void> {
    const shared = await fromFragment(location.hash);
    this.open(shared ?? { text: FIRST_TEXT, name: "net.yaml" }, true, !shared);
    addEventListener("hashchange", () => {
      void fromFragment(location.hash).then((found) => found && this.open(found));
    });
    const first = await this.engine.start();
    if (first && !shared && this.editor.text === FIRST_TEXT) this.open(first, true);
    else this.change();
  }

  /** Show another text, with the choices that belong to it. That which the page begins with cannot be undone. */
  open(opened: Shown, isBeginning = false, isDraft = false): void {
    this.name = opened.name;
    Object.assign(this.chosen, {
      variant: opened.variant ?? "",
      variables: opened.variables ?? {},
      inputs: Object.fromEntries(Object.entries(opened.inputs ?? {}).map(([name, sizes]) => [name, asSizes(sizes)])),
    });
    this.forget();
    this.explanation.close();
    this.table.choose("");
    setText(byId("file"), opened.name);
    this.editor.open(opened.text, isBeginning);
    if (isDraft) this.looking.ask(performance.now());
    else this.change();
  }

  /** What is shown is not of this text. */
  private forget(): void {
    this.isOther = true;
    this.controls.forget();
  }

  ask<D extends Do>(what: D, more: Record<string, unknown> = {}): Promise<Answers[D]> {
    const settings: Settings = { text: this.editor.text, name: this.name, ...this.chosen, batch: 1, theme: this.theme() };
    return this.engine.ask({ do: what, ...settings, ...more } as Request<D>);
  }

  change(): void {
    this.looking.ask(performance.now());
    this.soonAddress();
  }

  /** Make a quick fix; where there is a keyboard, it goes on in the text. */
  fix(fix: Fix): void {
    this.editor.apply(fix);
    if (!matchMedia("(pointer: coarse)").matches) this.editor.view.focus();
  }

  choose(id: string): void {
    this.explanation.layer = id;
    this.field.choose(id);
    this.table.choose(id);
    this.table.reveal();
    this.showing.ask(true);
  }

  /** The text, where it is a tab of its own. */
  showText(): void {
    if (matchMedia("(max-width: 760px)").matches) this.tabs.choose("text");
  }

  async link(): Promise<string> {
    const fragment = await toFragment({ text: this.editor.text, name: this.name, ...this.chosen });
    return location.origin + location.pathname + fragment;
  }

  /** The picture that is shown, else that of the network, as it is downloaded: light, whatever the page is. */
  async picture(): Promise<string> {
    const theme = { theme: "light" };
    const shown = await this.panels.find(({ key }) => key === this.tabs.current)?.picture(theme);
    return shown || (await this.ask("picture", { style: "graph", ...theme })).svg;
  }

  say(text: string, isError = false): void {
    const toast = byId("toast");
    toast.classList.toggle("is-error", isError);
    toast.replaceChildren(h("span", {}, text));
    toast.classList.add("is-shown");
    this.hideToast();
  }

  private readonly hideToast = debounced(5000, () => byId("toast").classList.remove("is-shown"));

  /** Say what went wrong: a request that was refused, or what the browser says. */
  sayError(error: unknown): void {
    if (error instanceof EngineLost) return;
    const text = error instanceof Refused ? [error.failure.message, error.failure.hint].filter(Boolean).join(": ") : String(error);
    this.say(text, true);
  }

  private async lookNow(began: number): Promise<void> {
    const { text } = this.editor;
    try {
      const look = await this.ask("look");
      if (this.editor.text !== text) return; // positions of an older text: the next answer is on its way
      const answered = performance.now();
      this.show(look);
      performance.measure("answer shown", { start: answered, end: performance.now() });
      requestAnimationFrame(() => performance.measure("keystroke to sizes", { start: began, end: performance.now() }));
    } catch (error) {
      if (!(error instanceof Refused) || error.failure.kind !== "overtaken") this.sayError(error);
    }
  }

  private show(look: Look): void {
    if (!this.editor.text.trim()) this.forget();
    this.look = look;
    this.editor.show(look.hints, look.diagnostics);
    this.soonSaid(this.totals.update(look));
    this.controls.update(look);
    this.problems.update(look.diagnostics);
    if (look.diagnostics.some(({ level }) => level === "error")) this.soonFixes(look);
    byId("panels").classList.toggle("is-stale", !look.table && !this.isOther);
    const table = look.table ?? (this.isOther ? NO_TABLE : null);
    if (table) {
      this.table.update(table);
      this.field.setLayers(table.rows);
    }
    if (look.table) this.isOther = false;
    this.soonPanels();
  }

  /** Quick fixes are tried out one by one, which takes longer than a keystroke. */
  private readonly soonFixes = debounced(250, async (look: Look) => {
    const isSame = (): boolean => this.look === look;
    const found = isSame() ? await this.ask("fixes").catch(() => null) : null;
    if (!found || !isSame()) return;
    look.diagnostics = found.diagnostics;
    this.editor.show(null, look.diagnostics);
    this.problems.update(look.diagnostics);
  });

  private async refreshPanels(): Promise<void> {
    const panel = this.panels.find(({ key }) => key === this.tabs.current);
    if (!this.look) return;
    try {
      await this.explanation.refresh();
    } catch (error) {
      if (error instanceof Refused) this.explanation.fail(error.failure.message);
    }
    if (!panel) return;
    try {
      await panel.refresh();
      panel.element.classList.remove("is-refused");
    } catch (error) {
      if (!(error instanceof Refused)) return;
      panel.element.classList.add("is-refused");
      const { message, why, hint } = error.failure;
      panel.element.dataset["refused"] = [message, ...why, hint].filter(Boolean).join("\n");
    }
  }

  private chooseInPicture(id: string): void {
    const row = this.look?.table?.rows.find((one) => one.id === id);
    if (!row) return;
    if (row.line !== null) this.editor.reveal(row.line);
    this.choose(id);
  }

  private async keepAddress(): Promise<void> {
    if (this.editor.text.length < LONGEST_TEXT) history.replaceState(null, "", await this.link());
  }

  private wasLost = false;

  /** Whether nobody answers. */
  get isLost(): boolean {
    return this.wasLost;
  }

  private showStatus({ state, text, done }: Status): void {
    const status = byId("status");
    status.dataset["state"] = state;
    setText(status, state === "lost" ? "Stopped" : text);
    const progress = byId<HTMLProgressElement>("progress");
    progress.hidden = state !== "starting";
    if (done === undefined) progress.removeAttribute("value");
    else progress.value = done;
    const lost = byId("lost");
    lost.hidden = state !== "lost";
    setText(lost, state === "lost" ? text : "");
    if (state === "ready" && this.wasLost) this.change();
    this.wasLost = state === "lost" || (this.wasLost && state === "starting");
  }
}

const NO_TABLE: Table = { columns: [], rows: [], totals: {}, notes: ["No layer has a size yet: the problems say why."] };

function asSizes(sizes: Sizes): number[] {
  return typeof sizes === "string" ? sizes.split(/[x×]/).map(Number) : sizes;
}
