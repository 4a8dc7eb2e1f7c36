/** A few helpers over the DOM. Texts only ever become text nodes. */

type Attributes = Record<string, string | number | boolean | null | undefined | ((event: never) => void)>;
type Child = Node | string | null | undefined | false;

/** An element: `h("button.quiet", { onclick: … }, "Close")`. */
export function h<K extends keyof HTMLElementTagNameMap>(
  name: K | `${K}.${string}`,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag as K);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key.slice(2), value as unknown as EventListener);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, String(value));
  }
  element.append(...children.filter((child): child is Node | string => child != null && child !== false));
  return element;
}

export function byId<E extends HTMLElement = HTMLElement>(id: string): E {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no element ${id}`);
  return found as E;
}

/** Set a text only where it differs: what a screen reader or a selection is at stays. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** The same of an attribute: a browser works styles out again after each that is set. */
export function setAttribute(element: Element, name: string, value: string): void {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** The same of a variable of CSS. */
export function setProperty(element: HTMLElement, name: string, value: string): void {
  if (element.style.getPropertyValue(name) !== value) element.style.setProperty(name, value);
}

/** An icon of a few strokes on a grid of 16. */
export function icon(path: string): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  const stroke = document.createElementNS("http://www.w3.org/2000/svg", "path");
  stroke.setAttribute("d", path);
  svg.append(stroke);
  return svg;
}

export const ICONS = {
  close: "M4 4l8 8M12 4l-8 8",
  chevron: "M6 4l4 4-4 4",
  error: "M8 1.8l6.6 11.8H1.4zM8 6.2v3.4M8 11.6v.2",
  warning: "M8 2a6 6 0 100 12A6 6 0 008 2zM8 5v3.6M8 10.8v.2",
  note: "M8 2a6 6 0 100 12A6 6 0 008 2zM8 7.4V11M8 5v.2",
  fix: "M13.5 4.5a3.2 3.2 0 01-4.2 4L5 12.9a1.6 1.6 0 01-2.3-2.2L7 6.4a3.2 3.2 0 014-4.2L9 4.2 11.7 7z",
} as const;

/** A number as in the tables: 25,557,032. */
export function grouped(value: number): string {
  return value.toLocaleString("en-US");
}

/** A number in three digits: 25.6 M. */
export function short(value: number): string {
  const units = ["", " k", " M", " G", " T", " P", " E"];
  let unit = 0;
  let scaled = value;
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  return `${unit ? scaled.toPrecision(3) : scaled}${units[unit]}`;
}

/** Call with the newest arguments, once nothing came for a while. */
export function debounced<A extends unknown[]>(milliseconds: number, action: (...args: A) => void): (...args: A) => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...args), milliseconds);
  };
}
