import { grouped, h, setText, short } from "../dom";
import type { Look } from "../engine/contract";

/** The totals, always in view: large, and in full below. */
export class TotalsBar {
  private readonly values = new Map<string, [HTMLElement, HTMLElement]>();

  constructor(private readonly parent: HTMLElement) {
    for (const name of ["Parameters", "MACs", "Layers", "Output"]) {
      const pair: [HTMLElement, HTMLElement] = [h("span.large", {}, "–"), h("span.full")];
      this.values.set(name, pair);
      parent.append(h("div.total", { id: `total-${name.toLowerCase()}` }, h("span.label", {}, name), ...pair));
    }
  }

  /** Show the totals; return them as one sentence for who hears the page. */
  update({ totals, table, is_complete, diagnostics }: Look): string {
    this.parent.classList.toggle("is-incomplete", !is_complete);
    this.parent.title = is_complete ? "" : "Incomplete: totals cover the layers that could be inferred";
    const outputs = Object.values(totals?.output ?? {}).map((sizes) => sizes.join("×"));
    // In full as the table has them: a number of JavaScript has 53 bits.
    const params = table?.totals["params"] ?? "";
    const macs = table?.totals["macs"] ?? "";
    const count = (value: number | null | undefined, full: string): [string, string] =>
      value == null ? ["–", ""] : [short(value), value < 1000 ? "" : full];
    this.set("Parameters", ...count(totals?.params, params));
    this.set("MACs", ...count(totals?.macs, macs));
    this.set("Layers", totals ? grouped(totals.layers) : "–", "");
    this.set("Output", outputs[0] ?? "–", outputs.length > 1 ? `and ${outputs.length - 1} more` : "");
    const errors = diagnostics.filter(({ level }) => level === "error");
    if (errors.length) {
      const [first] = errors;
      return `${errors.length} error${errors.length > 1 ? "s" : ""}. Line ${(first?.range.start.line ?? 0) + 1}: ${first?.message.split(/[\n␊]/)[0]}`;
    }
    const heard = (full: string): string => full.replace("–", "0"); // the table has a dash for none
    return totals ? `${heard(params)} parameters, ${heard(macs)} MACs, output ${outputs.join(" and ")}` : "";
  }

  private set(name: string, large: string, full: string): void {
    const [first, second] = this.values.get(name) ?? [];
    if (first) setText(first, large);
    if (second) setText(second, full);
  }
}
