import { h, setAttribute, setProperty } from "../dom";

export interface Limits {
  min: number;
  max: number;
  step: number;
}

const STEPS: Record<string, number> = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 8, PageDown: -8 };

/** A slider with a field for the exact number. Its steps are multiples; the field takes any number. */
export class Slider {
  readonly element: HTMLElement;
  private readonly range: HTMLInputElement;
  private readonly field: HTMLInputElement;
  private limits: Limits = { min: 0, max: 1, step: 1 };
  /** A number that is being typed is not yet set. */
  private isTyping = false;
  private value = 0;

  constructor(
    name: string,
    private readonly set: (value: number) => void,
  ) {
    // Steps of a slider are from `min` on, which would make 1, 9, 17 of a step of 8: they are worked out here.
    this.range = h("input", { type: "range", step: "any", "aria-label": name });
    this.field = h("input.exact", { type: "number", step: "any", "aria-label": `${name}, exact` });
    this.range.addEventListener("input", () => this.choose(this.rounded(Number(this.range.value))));
    this.range.addEventListener("keydown", (event) => this.key(event));
    this.field.addEventListener("input", () => (this.isTyping = true));
    this.field.addEventListener("change", () => this.typed());
    this.field.addEventListener("blur", () => this.typed());
    this.element = h("div.control", {}, h("span.label", { title: name }, name), this.range, this.field);
  }

  /** Show the value that is set, and how far the slider goes: at least to that. */
  write(value: number | undefined, limits: Limits): void {
    if (value === undefined || !Number.isFinite(value)) return;
    const { range, field } = this;
    this.limits = limits;
    this.value = value;
    const { min, max } = this.reach;
    setAttribute(range, "min", String(min));
    setAttribute(range, "max", String(max));
    setAttribute(field, "min", String(limits.min));
    setProperty(range, "--filled", `${(100 * (value - min)) / (max - min || 1)}%`);
    if (range.value !== String(value)) range.value = String(value);
    if (!this.isTyping && field.value !== String(value)) field.value = String(value);
    setAttribute(range, "aria-valuetext", String(value));
  }

  private get reach(): { min: number; max: number } {
    return { min: Math.min(this.limits.min, this.value), max: Math.max(this.limits.max, this.value) };
  }

  private rounded(value: number): number {
    const { min, step } = this.limits;
    return Number(Math.max(min, Math.round(value / step) * step).toPrecision(12));
  }

  private choose(value: number): void {
    this.isTyping = false;
    this.set(value);
  }

  private typed(): void {
    if (!this.isTyping) return;
    const value = Number(this.field.value);
    this.isTyping = false;
    if (this.field.value && Number.isFinite(value)) this.set(value);
    else this.field.value = String(this.value);
  }

  /** Go to the next multiple of the step. */
  private key(event: KeyboardEvent): void {
    const by = STEPS[event.key];
    if (!by) return;
    event.preventDefault();
    const { step } = this.limits;
    const { min, max } = this.reach;
    const from = by > 0 ? Math.floor(this.value / step) : Math.ceil(this.value / step);
    this.choose(Number(Math.min(max, Math.max(min, (from + by) * step)).toPrecision(12)));
  }
}
