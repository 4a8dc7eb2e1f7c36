import { h } from "../dom";
import type { Input, Look, Value, Variable } from "../engine/contract";
import { Slider } from "./slider";

export interface Chosen {
  variant: string;
  variables: Record<string, Value>;
  inputs: Record<string, number[]>;
}

/** Variables without a slider, or beyond the first few, are behind a button. */
const FIRST = 4;

/**
 * Sliders of the input sizes and variables: they change no text, only what it is worked out with.
 *
 * What is chosen is shown at once, whatever an answer says that was asked for before.
 */
export class Controls {
  private signature = "";
  private look: Look | null = null;
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
    // A text that cannot be read has none for now: those that it had stay, so that nothing jumps while it is typed.
    if (!look.inputs.length && !look.variables.length && !look.table && this.signature) return;
    this.nameInput(look);
    for (const input of look.inputs) {
      if (!this.chosen.inputs[input.name]) this.defaults.set(input.name, input.sizes);
    }
    this.look = look;
    const signature = JSON.stringify([
      look.variants,
      look.variables.map((one) => [one.name, one.choices, typeof one.default, isSlider(one)]),
      look.inputs.map((input) => [input.name, input.axes, input.free, this.isSquare(input)]),
    ]);
    if (signature !== this.signature) {
      this.signature = signature;
      this.build(look);
    }
    this.write();
  }

  /** Forget what another text had. */
  forget(): void {
    this.signature = "";
    this.defaults.clear();
  }

  /** What is set, as a reader sees it: name and value. */
  get values(): [string, string][] {
    const { variables, inputs } = this.chosen;
    return [
      ...Object.entries(variables).map(([name, value]): [string, string] => [name, asText(value)]),
      ...Object.entries(inputs).map(([name, sizes]): [string, string] => [name || "input", sizes.join("x")]),
    ];
  }

  private write(): void {
    if (!this.look) return;
    for (const write of this.writers) write(this.look);
    this.reset.hidden = !this.values.length;
  }

  /** A command sets the size of "the input": here it has the name that its slider has. */
  private nameInput({ inputs: [input] }: Look): void {
    const { inputs } = this.chosen;
    if (!input || !inputs[""]) return;
    if (input.name) inputs[input.name] ??= inputs[""];
    if (input.name) delete inputs[""];
  }

  private set(action: () => void): void {
    action();
    this.write();
    this.changed();
  }

  private clear(): void {
    this.set(() => {
      this.chosen.variables = {};
      this.chosen.inputs = {};
    });
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
    this.writers.push(({ variant, variants }) => (select.value = variants.includes(this.chosen.variant) ? this.chosen.variant : variant));
    return h("label.control", {}, h("span.label", {}, "Variant"), select);
  }

  /** The sizes of an input as they are in the text. */
  private ownSizes({ name, sizes }: Input): number[] {
    return this.defaults.get(name) ?? sizes;
  }

  private isSquare(input: Input): boolean {
    const sizes = this.ownSizes(input);
    const [first, second, ...others] = freeAxes(input);
    return first !== undefined && second !== undefined && !others.length && sizes[first] === sizes[second];
  }

  private ofInput(input: Input): HTMLElement[] {
    const free = freeAxes(input);
    const isSquare = this.isSquare(input);
    const together = h("input", { type: "checkbox", checked: true });
    const set = (axis: number, size: number) =>
      this.set(() => {
        const sizes = [...(this.chosen.inputs[input.name] ?? this.ownSizes(input))];
        sizes[axis] = size;
        if (isSquare && together.checked) for (const other of free) sizes[other] = size;
        this.chosen.inputs[input.name] = sizes;
      });
    const made = free.map((axis) => {
      const slider = new Slider(input.axes.length > 1 ? `${input.name} ${input.axes[axis] ?? ""}` : input.name, (size) => set(axis, size));
      this.writers.push((look) => {
        const now = look.inputs.find(({ name }) => name === input.name);
        const max = Math.max(64, 4 * (this.ownSizes(now ?? input)[axis] ?? 16));
        slider.write(this.chosen.inputs[input.name]?.[axis] ?? now?.sizes[axis], { min: 1, max, step: 1 });
      });
      return slider.element;
    });
    if (isSquare) made.push(h("label.control.is-check", {}, together, h("span", {}, "Keep the input square")));
    return made;
  }

  private ofVariable({ name, default: written, choices, ...variable }: Variable): HTMLElement {
    const found = (look: Look) => look.variables.find((one) => one.name === name);
    const now = (look: Look): Value => (name in this.chosen.variables ? this.chosen.variables[name] : found(look)?.value) ?? null;
    const set = (value: Value) =>
      this.set(() => {
        const own = this.look ? found(this.look)?.default : null;
        const isAlone = Object.keys(this.chosen.variables).every((one) => one === name); // its value may follow from others
        if (isAlone && JSON.stringify(value) === JSON.stringify(own)) delete this.chosen.variables[name];
        else this.chosen.variables[name] = value;
      });
    if (isSlider({ default: written, ...variable })) {
      const slider = new Slider(name, set);
      this.writers.push((look) => {
        const { min, max, step } = found(look) ?? variable;
        slider.write(Number(now(look)), { min: min ?? 0, max: max ?? 1, step: step ?? 1 });
      });
      return slider.element;
    }
    if (typeof written === "boolean") {
      const box = h("input", { type: "checkbox", onchange: () => set(box.checked) });
      this.writers.push((look) => (box.checked = now(look) === true));
      return h("label.control.is-check", {}, box, h("span", {}, name));
    }
    if (choices) {
      const select = h("select", { onchange: () => set(choices[select.selectedIndex] ?? null) });
      select.append(...choices.map((choice) => h("option", {}, asText(choice))));
      this.writers.push((look) => (select.selectedIndex = choices.findIndex((one) => asText(one) === asText(now(look)))));
      return h("label.control", {}, h("span.label", {}, name), select);
    }
    const field = h("input", { type: "text", spellcheck: "false", onchange: () => set(field.value) });
    this.writers.push((look) => {
      if (document.activeElement !== field) field.value = asText(now(look));
    });
    return h("label.control", {}, h("span.label", {}, name), field);
  }
}

function isSlider({ min, max, default: written }: Pick<Variable, "min" | "max" | "default">): boolean {
  return min !== null && max !== null && typeof written === "number";
}

function freeAxes({ axes, free }: Input): number[] {
  return axes.map((_, axis) => axis).filter((axis) => free[axis]);
}

function asText(value: Value): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
