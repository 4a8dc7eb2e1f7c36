import { type Range as CodeRange, StateEffect, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, WidgetType } from "@codemirror/view";
import type { Hint } from "../engine/contract";
import { offsetOf } from "./positions";

/** The size that a layer outputs, behind its line: no part of the text. */
class Ghost extends WidgetType {
  constructor(
    private readonly label: string,
    private readonly tooltip: string,
  ) {
    super();
  }

  override eq(other: Ghost): boolean {
    return other.label === this.label && other.tooltip === this.tooltip;
  }

  toDOM(): HTMLElement {
    const ghost = document.createElement("span");
    ghost.className = "ghost";
    ghost.textContent = this.label;
    ghost.title = this.tooltip;
    return ghost;
  }
}

export const setHints = StateEffect.define<Hint[]>();

/** Ghosts move with their lines until new sizes are known. */
export const ghosts = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(shown, transaction) {
    let now = shown.map(transaction.changes);
    for (const effect of transaction.effects) {
      if (!effect.is(setHints)) continue;
      const { doc } = transaction.state;
      const found: CodeRange<Decoration>[] = effect.value
        .filter(({ position }) => position.line < doc.lines)
        .map((hint) => {
          const at = doc.lineAt(offsetOf(doc, hint.position)).to;
          return Decoration.widget({ widget: new Ghost(hint.label, plainLines(hint.tooltip)), side: 1 }).range(at);
        });
      now = Decoration.set(found, true);
    }
    return now;
  },
  provide: (field) => EditorView.decorations.from(field),
});

/** Line ends of texts that were made visible. */
export function plainLines(text: string): string {
  return text.replaceAll("␊", "\n");
}
