import { acceptCompletion, autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, snippet } from "@codemirror/autocomplete";
import type { Completion as Choice, CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { HighlightStyle, bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic as CodeDiagnostic, lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { Annotation, EditorState, Transaction } from "@codemirror/state";
import {
  EditorView,
  drawSelection,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import type { Completion, Diagnostic, Fix, Hint, Hover, Position } from "../engine/contract";
import { ghosts, plainLines, setHints } from "./ghosts";
import { continueList } from "./lists";
import { positionOf, rangeOf } from "./positions";
import { hovers } from "./tooltips";

export interface EditorHooks {
  changed(): void;
  /** The cursor is on another line, counted from 0. */
  moved(line: number): void;
  complete(position: Position): Promise<Completion[]>;
  hover(position: Position): Promise<Hover | null>;
}

const byPage = Annotation.define<boolean>();
const SEVERITY = { error: "error", warning: "warning", note: "info" } as const;

const colours = HighlightStyle.define([
  { tag: [tags.definition(tags.propertyName), tags.propertyName], color: "var(--code-key)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--code-number)" },
  { tag: tags.string, color: "var(--code-string)" },
  { tag: [tags.comment, tags.lineComment], color: "var(--code-comment)", fontStyle: "italic" },
  { tag: [tags.punctuation, tags.separator, tags.squareBracket, tags.brace], color: "var(--quiet)" },
  { tag: tags.keyword, color: "var(--code-key)" },
]);

/** The text of the specification, and what shapecalc says of it in place. */
export class Editor {
  readonly view: EditorView;
  private line = -1;

  constructor(
    parent: HTMLElement,
    private readonly hooks: EditorHooks,
  ) {
    const extensions = [
      lineNumbers(),
      highlightActiveLineGutter(),
      highlightSpecialChars(),
      history(),
      drawSelection(),
      indentOnInput(),
      indentUnit.of("  "),
      EditorState.tabSize.of(2),
      bracketMatching(),
      closeBrackets(),
      autocompletion({ override: [(context) => this.complete(context)], icons: false }),
      highlightActiveLine(),
      highlightSelectionMatches(),
      yaml(),
      syntaxHighlighting(colours),
      lintGutter(),
      matchMedia("(max-width: 760px)").matches ? EditorView.lineWrapping : [],
      ghosts,
      hovers((position) => hooks.hover(position)),
      keymap.of([
        { key: "Enter", run: continueList },
        { key: "Tab", run: acceptCompletion }, // without an open list, Tab goes on to the next part of the page
        ...closeBracketsKeymap,
        ...defaultKeymap,
        ...searchKeymap,
        ...historyKeymap,
        ...completionKeymap,
        ...lintKeymap,
      ]),
      // The begin of a line is seen from where the cursor is near it; gutters are over what is scrolled.
      EditorView.scrollMargins.of(() => ({ left: 120, right: 24 })),
      EditorView.contentAttributes.of({ "aria-label": "Specification in YAML", spellcheck: "false", autocapitalize: "off", tabindex: "0" }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged && !update.transactions.every((one) => one.annotation(byPage))) hooks.changed();
        const line = update.state.doc.lineAt(update.state.selection.main.head).number - 1;
        if ((update.selectionSet || update.docChanged) && line !== this.line) hooks.moved((this.line = line));
      }),
    ];
    this.view = new EditorView({ parent, state: EditorState.create({ doc: "", extensions }) });
  }

  get text(): string {
    return this.view.state.doc.toString();
  }

  /** Replace the whole text; undo brings the old one back, unless there was none. */
  open(text: string, isBeginning = false): void {
    this.view.dispatch({
      changes: { from: 0, to: this.view.state.doc.length, insert: text },
      selection: { anchor: 0 },
      annotations: [byPage.of(true), ...(isBeginning ? [Transaction.addToHistory.of(false)] : [])],
      effects: setHints.of([]),
      scrollIntoView: true,
    });
  }

  /** Show problems and, unless they are as before, sizes. */
  show(hints: Hint[] | null, diagnostics: Diagnostic[]): void {
    const { state } = this.view;
    const found = diagnostics.map((diagnostic): CodeDiagnostic => {
      const { from, to } = rangeOf(state.doc, diagnostic.range);
      return {
        from,
        to: to === from ? Math.min(state.doc.lineAt(from).to, from + 1) : to,
        severity: SEVERITY[diagnostic.level],
        message: plainLines(diagnostic.message),
        actions: diagnostic.fixes.slice(0, 4).map((fix) => ({ name: fix.title, apply: () => this.apply(fix) })),
      };
    });
    this.view.dispatch(hints ? { effects: setHints.of(hints) } : {}, setDiagnostics(state, found));
  }

  /** Make the edits of a quick fix: one step of undo. */
  apply(fix: Fix): void {
    const { doc } = this.view.state;
    this.view.dispatch({ changes: fix.edits.map((edit) => ({ ...rangeOf(doc, edit.range), insert: edit.text })) });
  }

  /** Show a line, counted from 0, and put the cursor there. */
  reveal(line: number, character = 0): void {
    const { doc } = this.view.state;
    if (line >= doc.lines) return;
    const found = doc.line(line + 1);
    const indented = found.from + (/^[\s-]*/.exec(found.text)?.[0].length ?? 0);
    const anchor = character ? Math.min(found.from + character, found.to) : indented;
    this.view.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: "center" }) });
  }

  private async complete(context: CompletionContext): Promise<CompletionResult | null> {
    const before = context.matchBefore(/[\w.-]*$/);
    if (!context.explicit && !before?.text && !/[:{,-] $/.test(context.state.sliceDoc(Math.max(0, context.pos - 2), context.pos))) {
      return null;
    }
    const { doc } = context.state;
    const items = await this.hooks.complete(positionOf(doc, context.pos));
    if (!items.length || context.aborted) return null;
    const from = Math.min(...items.map((item) => rangeOf(doc, item.range).from));
    return {
      from,
      options: items.map(
        (item, at): Choice => ({
          label: item.label,
          ...(item.detail !== item.label && { detail: item.detail }),
          ...(item.info && { info: item.info }),
          apply: item.snippet ? snippet(`${item.snippet}\${}`) : item.insert, // the last field is behind it: Tab goes there
          sortText: String(at).padStart(5, "0"), // in the order of the answer: what is used most, or required, is the first
        }),
      ),
      validFor: /^[\w.]*$/,
    };
  }
}
