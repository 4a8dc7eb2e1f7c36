/** What buttons, keys and dropped files do. */
import type { App } from "./app";
import { byId, h } from "./dom";
import { Refused, type Request } from "./engine/contract";
import { ExampleDialog, openHelp, openSize } from "./view/dialogs";
import { toPng } from "./view/stage";

const LARGEST_FILE = 64 * 2 ** 20;
const SERVER = "By `shapecalc serve` on this computer. The page talks to nobody else.";
const PAGE = "By Python within this page, on this computer. Nothing that you type or drop is sent anywhere.";

/** Of the link to a page of a local server. */
const LOCAL =
  "It opens in this browser, while shapecalc serve runs. Behind the address of a static page (docs/live-page.md), its part from # on " +
  "opens anywhere.";

const DOWNLOADS: [string, string, string][] = [
  ["Picture", "svg", "SVG"],
  ["Picture", "png", "PNG"],
  ["Table", "csv", "CSV"],
  ["Table", "markdown", "Markdown"],
  ["Table", "latex", "LaTeX"],
  ["Table", "json", "JSON"],
  ["Network", "pytorch", "PyTorch code"],
  ["Network", "keras", "Keras code"],
  ["Network", "yaml", "YAML"],
];

export function setUpCommands(app: App, where: "server" | "page"): void {
  const examples = new ExampleDialog((name) => {
    app.ask("example", { name }).then((opened) => app.open(opened)).catch((error: unknown) => app.sayError(error));
  });
  byId("examples").addEventListener("click", () => {
    app.ask("examples").then(({ names }) => examples.open(names)).catch((error: unknown) => app.sayError(error));
  });
  byId("share").addEventListener("click", () => void share(app, where));
  byId("help").addEventListener("click", () => openHelp(where === "server" ? SERVER : PAGE));
  setUpFiles(app);
  setUpDownloads(app);
  setUpKeys(app);
}

async function share(app: App, where: "server" | "page"): Promise<void> {
  const link = await app.link();
  history.replaceState(null, "", link);
  const holds = `it holds the text itself.${where === "server" ? ` ${LOCAL}` : ""}`;
  try {
    await navigator.clipboard.writeText(link);
    app.say(`Link copied: ${holds}`);
  } catch {
    app.say(`The link is in the address bar: ${holds}`);
  }
}

function setUpFiles(app: App): void {
  const input = byId<HTMLInputElement>("file-input");
  byId("open").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    void read(app, [...(input.files ?? [])]).then(() => (input.value = ""));
  });
  const drop = byId("drop");
  const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
  // Before the editor, which would insert what is dropped as text.
  addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    drop.hidden = false;
  }, true);
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) drop.hidden = true;
  });
  addEventListener("drop", (event) => {
    drop.hidden = true;
    if (!hasFiles(event)) return;
    event.preventDefault();
    event.stopPropagation();
    void read(app, [...(event.dataTransfer?.files ?? [])]);
  }, true);
}

/** Open the first of some files that is a network; return what is wrong with a size that was asked for. */
async function read(app: App, files: File[], inputs: Record<string, string> = {}): Promise<string | void> {
  if (!files.length) return;
  const large = files.find(({ size }) => size > LARGEST_FILE);
  if (large) {
    app.say(`${large.name} is larger than 64 MiB: use \`shapecalc summary ${large.name}\`, which leaves its weights unread`, true);
    return;
  }
  app.say(`Reading ${files.map(({ name }) => name).join(", ")} …`);
  try {
    const read = await Promise.all(files.map(async (file) => ({ name: file.name, base64: await toBase64(file) })));
    const opened = await app.engine.ask({ do: "read", files: read, inputs } as Request<"read">);
    app.open(opened);
    app.say(opened.note || `${opened.name} is open.`);
  } catch (error) {
    if (!(error instanceof Refused)) return app.sayError(error);
    const { message, hint } = error.failure;
    if (inputs[""] !== undefined) return `${message}${hint && `: ${hint}`}`;
    if (/ is dynamic: | does not state the size of /.test(message) && hint.includes("--input ")) openSize(message, hint, (size) => read(app, files, { "": size }));
    else app.sayError(error);
  }
}

function toBase64(file: File): Promise<string> {
  const reader = new FileReader();
  return new Promise((resolve, reject) => {
    reader.onload = () => resolve(String(reader.result).split(",", 2)[1] ?? "");
    reader.onerror = () => reject(new Error(`${file.name} could not be read`));
    reader.readAsDataURL(file);
  });
}

function setUpDownloads(app: App): void {
  const menu = byId("downloads");
  const groups = Map.groupBy(DOWNLOADS, ([group]) => group);
  for (const [group, items] of groups) {
    const buttons = items.map(([, format, title]) =>
      h("button", { type: "button", onclick: () => { menu.hidePopover(); void download(app, format); } }, title),
    );
    menu.append(h("div", { role: "group", "aria-label": group }, h("span.title", {}, group), ...buttons));
  }
  menu.addEventListener("toggle", () => {
    const box = byId("download").getBoundingClientRect();
    menu.style.top = `${box.bottom + 6}px`;
    menu.style.left = `${Math.max(8, Math.min(box.left, innerWidth - menu.offsetWidth - 8))}px`;
    if (menu.matches(":popover-open")) menu.querySelector("button")?.focus();
  });
  menu.addEventListener("keydown", (event) => {
    const buttons = [...menu.querySelectorAll("button")];
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    buttons[(at + by + buttons.length) % buttons.length]?.focus();
  });
}

async function download(app: App, format: string): Promise<void> {
  try {
    // The text as it is needs no engine: it can be saved while that is stopped.
    const isAsWritten = format === "yaml" && (!app.controls.values.length || app.isLost);
    if (isAsWritten) {
      app.say(`${app.name} is downloaded${ofVariant(app, app.name)}`);
      return saveAs(new Blob([app.editor.text], { type: "application/yaml" }), app.name);
    }
    if (format === "svg" || format === "png") {
      const source = await app.picture();
      const blob = format === "svg" ? new Blob([source], { type: "image/svg+xml" }) : await toPng(source);
      return save(app, blob, format);
    }
    const { text, mime, name } = await app.ask("export", { format });
    save(app, new Blob([text], { type: mime }), name.split(".").at(-1) ?? format);
  } catch (error) {
    app.sayError(error);
  }
}

/** A specification has all of its variants: how the one that is shown is read from it. */
function ofVariant({ chosen: { variant } }: App, name: string): string {
  return variant && `; it has all variants, and ${name}:${variant} is the one that is shown`;
}

/** Save a file under the name of the text, with what is set beside it: its content is of these values. */
function save(app: App, blob: Blob, suffix: string): void {
  const { values } = app.controls;
  const { variant } = app.chosen;
  const text = app.name.replace(/\.\w+$/, "");
  const own = variant.startsWith(text) ? variant : [text, variant].filter(Boolean).join("_"); // resnet101, net_wide
  const stem = [own, ...values.map(([name, value]) => `${name}=${value}`)].join("_");
  const name = `${stem.replaceAll(/[^\w.=+-]+/g, "-").slice(0, 80)}.${suffix}`;
  const set = values.map(([one, value]) => `${one} = ${value}`).join(", ");
  app.say(`${name} is downloaded${set && `: with ${set}`}${suffix === "yaml" ? ofVariant(app, name) : ""}`);
  saveAs(blob, name);
}

function saveAs(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

function setUpKeys(app: App): void {
  addEventListener("keydown", (event) => {
    const control = event.ctrlKey || event.metaKey;
    const inField = event.target instanceof Element && event.target.closest("input, select, .cm-editor, dialog");
    const view = ["table", "picture", "memory", "field"][Number(event.code.replace("Digit", "")) - 1];
    if (event.altKey && !control && /^Digit[1-4]$/.test(event.code) && view) app.tabs.choose(view);
    else if (control && event.key === "s") void download(app, "yaml");
    else if (control && event.key === "o") byId("open").click();
    else if (control && event.key === ".") fixFirst(app);
    else if (event.key === "F6") otherPane(app);
    else if (event.key === "?" && !inField) byId("help").click();
    else if (event.key === "Escape" && app.explanation.layer && !event.defaultPrevented && !inField) closeExplanation(app);
    else return;
    event.preventDefault();
  });
}

function fixFirst(app: App): void {
  const fix = app.look?.diagnostics.find(({ fixes }) => fixes.length)?.fixes[0];
  if (fix) app.fix(fix);
}

function otherPane(app: App): void {
  if (!byId("left").contains(document.activeElement)) {
    app.showText();
    app.editor.view.focus();
  } else byId("tabs").querySelector<HTMLElement>('[aria-selected="true"]')?.focus();
}

function closeExplanation(app: App): void {
  const { layer } = app.explanation;
  app.explanation.close();
  app.table.choose("");
  app.table.focus(layer);
}
