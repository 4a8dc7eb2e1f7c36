import { hoverTooltip } from "@codemirror/view";
import type { Extension } from "@codemirror/state";
import { h } from "../dom";
import type { Hover, Position } from "../engine/contract";
import { positionOf, rangeOf } from "./positions";

/** What is under the pointer: a kind of layer, an argument, a variable. */
export function hovers(ask: (position: Position) => Promise<Hover | null>): Extension {
  return hoverTooltip(async (view, offset) => {
    const { doc } = view.state;
    const found = await ask(positionOf(doc, offset));
    if (!found?.markdown || view.state.doc !== doc) return null;
    const { from, to } = found.range ? rangeOf(doc, found.range) : { from: offset, to: offset };
    return { pos: from, end: to, above: true, create: () => ({ dom: h("div.hover", {}, ...fromMarkdown(found.markdown)) }) };
  });
}

/** The little Markdown that shapecalc writes: paragraphs, bold, code, fences. */
export function fromMarkdown(source: string): Node[] {
  return source.split(/^```\w*\n([\s\S]*?)^```$/m).flatMap((part, at): Node[] => {
    if (at % 2) return [h("pre", {}, part)];
    const paragraphs = part.split(/\n{2,}/).filter((text) => text.trim());
    return paragraphs.map((text) => h("p", {}, ...inline(text.trim())));
  });
}

function inline(text: string): (Node | string)[] {
  return text.split(/(\*\*.+?\*\*|`[^`]+`)/).map((part) => {
    if (part.startsWith("**") && part.endsWith("**") && part.length > 4) return h("strong", {}, part.slice(2, -2));
    if (part.startsWith("`") && part.endsWith("`") && part.length > 2) return h("code", {}, part.slice(1, -1));
    return part;
  });
}
