import { byId } from "../dom";

const WIDTH = "shapecalc-width";
const THEME = "shapecalc-theme";
const THEMES = ["auto", "light", "dark"] as const;

/** The bar between text and results: by pointer, or by arrows. */
export function setUpSplitter(): void {
  const splitter = byId("splitter");
  const main = splitter.parentElement as HTMLElement;
  const set = (percent: number) => {
    const kept = Math.round(Math.min(80, Math.max(15, percent)) * 10) / 10;
    main.style.setProperty("--left", `${kept}%`);
    splitter.setAttribute("aria-valuenow", String(kept));
    localStorage.setItem(WIDTH, String(kept));
  };
  set(Number(localStorage.getItem(WIDTH)) || 42);
  splitter.addEventListener("pointerdown", (event) => {
    splitter.setPointerCapture(event.pointerId);
    const box = main.getBoundingClientRect();
    const move = (moved: PointerEvent) => set((100 * (moved.clientX - box.left)) / box.width);
    splitter.addEventListener("pointermove", move);
    splitter.addEventListener("lostpointercapture", () => splitter.removeEventListener("pointermove", move), { once: true });
  });
  splitter.addEventListener("dblclick", () => set(42));
  splitter.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -2, ArrowRight: 2 }[event.key];
    if (by) set(Number(splitter.getAttribute("aria-valuenow")) + by);
  });
}

export type Theme = "light" | "dark";

/** Light, dark, or as the system is: returns what pictures are drawn in. */
export function setUpTheme(changed: () => void): () => Theme {
  const button = byId("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let chosen = THEMES.find((theme) => theme === localStorage.getItem(THEME)) ?? "auto";
  const show = () => {
    document.documentElement.dataset["theme"] = chosen;
    button.textContent = { auto: "◐", light: "○", dark: "●" }[chosen];
    const label = `Colours: ${chosen === "auto" ? "as the system" : chosen}`;
    button.setAttribute("aria-label", label);
    button.title = label;
  };
  button.addEventListener("click", () => {
    chosen = THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length] ?? "auto";
    localStorage.setItem(THEME, chosen);
    show();
    changed();
  });
  dark.addEventListener("change", changed);
  show();
  return () => (chosen === "auto" ? (dark.matches ? "dark" : "light") : chosen);
}

/** Tabs as ARIA describes them: arrows go from one to the next. */
export class Tabs {
  private readonly tabs = new Map<string, HTMLButtonElement>();

  constructor(
    private readonly list: HTMLElement,
    private readonly changed: (key: string) => void,
  ) {
    list.addEventListener("keydown", (event) => {
      const keys = [...this.tabs].filter(([, tab]) => tab.offsetParent).map(([key]) => key);
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!by) return;
      const next = keys[(keys.indexOf(this.current) + by + keys.length) % keys.length];
      if (next) this.choose(next, true);
    });
  }

  current = "";

  add(key: string, title: string, panel: HTMLElement): void {
    const tab = document.createElement("button");
    Object.assign(tab, { type: "button", textContent: title, id: `tab-${key}` });
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", (panel.id ||= `panel-${key}`));
    if (key !== "text") {
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", tab.id);
    }
    tab.addEventListener("click", () => this.choose(key));
    this.tabs.set(key, tab);
    this.list.append(tab);
  }

  choose(key: string, focus = false): void {
    if (!this.tabs.has(key)) return;
    this.current = key;
    document.documentElement.dataset["tab"] = key;
    for (const [name, tab] of this.tabs) {
      tab.setAttribute("aria-selected", String(name === key));
      tab.tabIndex = name === key ? 0 : -1;
      if (name === key && focus) tab.focus();
      const panel = document.getElementById(tab.getAttribute("aria-controls") ?? "");
      if (name !== "text" && panel) panel.hidden = name !== key;
    }
    this.changed(key);
  }
}
