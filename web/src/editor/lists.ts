import type { EditorView } from "@codemirror/view";

const ITEM = /^(\s*(?:- )+)(.*)$/;

/** Enter at the end of an item begins the next one; at an empty item, it ends the list. */
export function continueList({ state, dispatch }: EditorView): boolean {
  const { main, ranges } = state.selection;
  const line = state.doc.lineAt(main.head);
  const [, marker, text] = ITEM.exec(line.text) ?? [];
  if (ranges.length > 1 || !main.empty || main.head !== line.to || marker === undefined || text === undefined) return false;
  if (!text.trim()) {
    dispatch(state.update({ changes: { from: line.from, to: line.to }, userEvent: "delete" }));
    return true;
  }
  const indent = marker.lastIndexOf("-");
  const next = line.number < state.doc.lines ? state.doc.line(line.number + 1).text : "";
  const isOpen = /:\s*$/.test(text) || count(text, /[[{(]/g) > count(text, /[\])}]/g); // its value is still to come
  const hasMore = next.trim() && next.search(/\S/) > indent; // what is below belongs to it
  if (isOpen || hasMore) return false;
  const insert = `\n${" ".repeat(indent)}- `;
  dispatch(state.update({ changes: { from: main.head, insert }, selection: { anchor: main.head + insert.length }, scrollIntoView: true, userEvent: "input" }));
  return true;
}

function count(text: string, signs: RegExp): number {
  return text.match(signs)?.length ?? 0;
}
