import { h, setAttribute, setProperty } from "../dom";
import type { Input, Look, Value, Variable } from "../engine/contract";

export interface Chosen {
  variant: string;
  variables: Record<string, Value>;
  inputs: Record<string, number[]>;
}

/** Variables without a slider, or beyond the first few, are behind a button. */
const FIRST = 4;

/** Sliders of the input sizes and variables: they change no text, only what it is worked out with. */
export class Controls {
  private signature = "";
  private writers: ((look: Look) => void)[] = [];
  private defaults = new Map<string, number[]>();
  private readonly reset = h("button.quiet.small", { type: "button", hidden: true, onclick: () => this.clear() }, "Reset");
  private readonly grid = h("div.controls");

  constructor(
    private readonly parent: HTMLElement,
    reset: HTMLElement,
    private readonly chosen: Chosen,
    private readonly changed: () => void,
  ) {
    parent.append(this.grid);
    reset.append(this.reset);
  }

  update(look: Look): void {
    for (const input of look.inputs) {
      if (!this.chosen.inputs[input.name]) this.defaults.set(input.name, input.sizes);
    }
    const signature = JSON.stringify([
      look.variants,
      look.variables.map((one) => [one.name, one.choices, typeof one.value, isSlider(one)]),
      look.inputs.map(({ name, axes, free }) => [name, axes, free]),
    ]);
    if (signature !== this.signature) {
      this.signature = signature;
      this.build(look);
    }
    for (const write of this.writers) write(look);
    const { variables, inputs } = this.chosen;
    this.reset.hidden = !Object.keys(variables).length && !Object.keys(inputs).length;
  }

  /** Forget what another text had. */
  forget(): void {
    this.signature = "";
    this.defaults.clear();
  }

  private clear(): void {
    this.chosen.variables = {};
    this.chosen.inputs = {};
    this.changed();
  }

  private build(look: Look): void {
    this.writers = [];
    const sized = look.inputs.flatMap((input) => this.ofInput(input));
    const [sliders, others] = [look.variables.filter(isSlider), look.variables.filter((variable) => !isSlider(variable))];
    const first = [...sized, ...(look.variants.length > 1 ? [this.ofVariants(look)] : []), ...sliders.slice(0, FIRST).map((one) => this.ofVariable(one))];
    const rest = [...sliders.slice(FIRST), ...others].map((one) => this.ofVariable(one));
    const more = rest.length ? [h("details.more", {}, h("summary", {}, `${rest.length} more`), h("div.controls", {}, ...rest))] : [];
    this.grid.replaceChildren(...first, ...more);
    const settings = this.parent.parentElement;
    if (settings) settings.hidden = !first.length && !rest.length;
  }

  private ofVariants(look: Look): HTMLElement {
    const options = look.variants.map((name) => h("option", { value: name }, name));
    const select = h("select", {
      onchange: () => {
        this.chosen.variant = select.value;
        this.clear();
      },
    });
    select.append(...options);
    this.writers.push(({ variant }) => (select.value = variant));
    return h("label.control", {}, h("span.label", {}, "Variant"), select);
  }

  private ofInput(input: Input): HTMLElement[] {
    const start = this.defaults.get(input.name) ?? input.sizes;
    const free = input.axes.map((_, axis) => axis).filter((axis) => input.free[axis]);
    const isSquare = () => {
      const sizes = this.defaults.get(input.name) ?? start;
      return free.length === 2 && sizes[free[0] ?? 0] === sizes[free[1] ?? 0];
    };
    const together = h("input", { type: "checkbox", checked: true });
    const set = (axis: number, size: number) => {
      const sizes = [...(this.chosen.inputs[input.name] ?? this.defaults.get(input.name) ?? start)];
      sizes[axis] = size;
      if (isSquare() && together.checked) for (const other of free) sizes[other] = size;
      this.chosen.inputs[input.name] = sizes;
      this.changed();
    };
    const made = free.map((axis) => {
      const max = Math.max(64, 4 * (start[axis] ?? 16));
      const name = `${input.name} ${input.axes[axis] ?? ""}`;
      const [element, write] = slider(name, 1, max, 1, (size) => set(axis, size));
      this.writers.push((look) => write(look.inputs.find(({ name }) => name === input.name)?.sizes[axis]));
      return element;
    });
    if (isSquare()) made.push(h("label.control.is-check", {}, together, h("span", {}, "Keep the input square")));
    return made;
  }

  private ofVariable(variable: Variable): HTMLElement {
    const { name } = variable;
    const set = (value: Value) => {
      if (JSON.stringify(value) === JSON.stringify(variable.default)) delete this.chosen.variables[name];
      else this.chosen.variables[name] = value;
      this.changed();
    };
    const found = (look: Look) => look.variables.find((one) => one.name === name);
    const now = (look: Look) => found(look)?.value;
    if (isSlider(variable)) {
      const [element, write] = slider(name, variable.min ?? 0, variable.max ?? 1, variable.step ?? 1, set);
      this.writers.push((look) => write(now(look) as number | undefined, found(look)?.max ?? undefined));
      return element;
    }
    if (typeof variable.value === "boolean") {
      const box = h("input", { type: "checkbox", onchange: () => set(box.checked) });
      this.writers.push((look) => (box.checked = now(look) === true));
      return h("label.control.is-check", {}, box, h("span", {}, name));
    }
    if (variable.choices) {
      const { choices } = variable;
      const select = h("select", { onchange: () => set(choices[select.selectedIndex] ?? null) });
      select.append(...choices.map((choice) => h("option", {}, asText(choice))));
      this.writers.push((look) => (select.selectedIndex = choices.findIndex((one) => asText(one) === asText(now(look) ?? null))));
      return h("label.control", {}, h("span.label", {}, name), select);
    }
    const field = h("input", { type: "text", spellcheck: "false", onchange: () => set(field.value) });
    this.writers.push((look) => {
      if (document.activeElement !== field) field.value = asText(now(look) ?? null);
    });
    return h("label.control", {}, h("span.label", {}, name), field);
  }
}

function isSlider({ min, max, value }: Variable): boolean {
  return min !== null && max !== null && typeof value === "number";
}

function asText(value: Value): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A slider with a field for the exact number; and what writes the value that is used. */
function slider(
  name: string,
  min: number,
  max: number,
  step: number,
  set: (value: number) => void,
): [HTMLElement, (value: number | undefined, max?: number) => void] {
  const range = h("input", { type: "range", min, max, step: "any", "aria-label": name });
  const field = h("input.exact", { type: "number", min, step: "any", "aria-label": `${name}, exact` });
  // Steps are of the base `min`, which would make 1, 9, 17 of a step of 8: round to multiples instead.
  range.addEventListener("input", () => {
    const value = Number(Math.max(min, Math.round(Number(range.value) / step) * step).toPrecision(12));
    field.value = String(value);
    range.setAttribute("aria-valuetext", String(value));
    set(value);
  });
  range.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 8, PageDown: -8 }[event.key];
    if (!by) return;
    event.preventDefault();
    range.value = String(Math.min(max, Math.max(min, Math.round(Number(range.value) / step) * step + by * step)));
    range.dispatchEvent(new Event("input"));
  });
  field.addEventListener("change", () => {
    const value = Number(field.value);
    if (field.value && Number.isFinite(value)) set(value);
  });
  const write = (value: number | undefined, most?: number) => {
    if (value === undefined) return;
    const isMoved = [range, field].includes(document.activeElement as HTMLInputElement);
    if (most !== undefined && !isMoved) setAttribute(range, "max", String(most));
    if (value > Number(range.max)) range.max = String(value);
    setProperty(range, "--filled", `${(100 * (value - min)) / (Number(range.max) - min || 1)}%`);
    // While one of them is moved, what comes is older than what it shows.
    if (isMoved) return;
    range.value = field.value = String(value);
    setAttribute(range, "aria-valuetext", String(value));
  };
  return [h("div.control", {}, h("span.label", { title: name }, name), range, field), write];
}
