import { ICONS, h, icon, setAttribute, setProperty, setText } from "../dom";
import type { Row, Table } from "../engine/contract";

export interface TableHooks {
  chosen(row: Row): void;
}

/** Above this many rows, blocks start collapsed. */
const MANY = 400;

interface Shown {
  element: HTMLTableRowElement;
  button: HTMLButtonElement;
  toggle: HTMLButtonElement | null;
  cells: HTMLTableCellElement[];
  row: Row;
}

/** The table of layers: rows are kept between answers, and only what differs is written. */
export class LayerTable {
  private readonly head = h("tr");
  private readonly body = h("tbody");
  private readonly foot = h("tr");
  private readonly notes = h("div.notes");
  private rows: Shown[] = [];
  private keys = "";
  private closed = new Set<string>();
  private opened = new Set<string>();
  private table: Table | null = null;
  private chosen = "";
  /** The one button that Tab goes to: from there, arrows go on. */
  private stop: HTMLButtonElement | null = null;

  constructor(
    parent: HTMLElement,
    private readonly hooks: TableHooks,
  ) {
    const caption = h("caption.hidden", {}, "Layers of the network");
    const table = h("table.layers", {}, caption, h("thead", {}, this.head), this.body, h("tfoot", {}, this.foot));
    parent.append(table, this.notes);
    this.body.addEventListener("click", (event) => this.click(event));
    this.body.addEventListener("keydown", (event) => this.key(event));
    this.body.addEventListener("focusin", ({ target }) => this.stopAt(this.rows.find(({ element }) => element.contains(target as Node))));
  }

  update(table: Table): void {
    this.table = table;
    const keys = table.columns.map(({ key }) => key).join();
    if (keys !== this.keys) this.setColumns(table, keys);
    const shown = this.visible(table.rows);
    const most = {
      params: Math.max(1, ...table.rows.filter(isLeaf(table.rows)).map(({ params }) => params ?? 0)),
      macs: Math.max(1, ...table.rows.filter(isLeaf(table.rows)).map(({ macs }) => macs ?? 0)),
    };
    shown.forEach(({ row, isBlock }, at) => {
      const old = this.rows[at];
      if (old && (old.toggle !== null) === isBlock) this.write(old, row, table, most);
      else {
        const made = this.make(isBlock, table);
        this.write(made, row, table, most);
        if (old) old.element.replaceWith(made.element);
        else this.body.append(made.element);
        this.rows[at] = made;
      }
    });
    for (const { element } of this.rows.splice(shown.length)) element.remove();
    if (!this.stop?.isConnected) this.stopAt(this.rows[0]);
    const last = table.columns.map(({ key }, at) => (at === 0 ? "Total" : (table.totals[key] ?? "")));
    [...this.foot.children].forEach((cell, at) => setText(cell, last[at] ?? ""));
    const notes = table.notes.join("\n");
    if (this.notes.dataset["shown"] !== notes) {
      this.notes.dataset["shown"] = notes;
      this.notes.replaceChildren(...table.notes.map((note) => h("p", {}, note)));
    }
  }

  /** Mark the rows of a line of the text, counted from 0; scroll to the first. */
  mark(line: number): void {
    let first: HTMLElement | null = null;
    for (const { element, row } of this.rows) {
      const here = row.line === line;
      element.classList.toggle("is-here", here);
      if (here) first ??= element;
    }
    if (first && this.body.offsetParent && !this.body.contains(document.activeElement)) first.scrollIntoView({ block: "nearest" });
  }

  choose(id: string): void {
    this.chosen = id;
    for (const { element, row, button } of this.rows) {
      element.classList.toggle("is-chosen", row.id === id);
      button.setAttribute("aria-pressed", String(row.id === id));
    }
    this.stopAt(this.rows.find(({ row }) => row.id === id));
  }

  private stopAt(shown: Shown | undefined): void {
    if (!shown || shown.button === this.stop) return;
    if (this.stop) this.stop.tabIndex = -1;
    this.stop = shown.button;
    this.stop.tabIndex = 0;
  }

  focus(id: string): void {
    this.rows.find(({ row }) => row.id === id)?.button.focus();
  }

  /** Scroll to the chosen row, where the table is shown. */
  reveal(): void {
    const element = this.rows.find(({ row }) => row.id === this.chosen)?.element;
    if (element?.offsetParent) element.scrollIntoView({ block: "nearest" });
  }

  private setColumns(table: Table, keys: string): void {
    this.keys = keys;
    this.rows = [];
    this.body.replaceChildren();
    const of = (column: { key: string; align: string }) => `col-${column.key} ${column.align === "right" ? "is-number" : ""}`;
    this.head.replaceChildren(...table.columns.map((column) => h("th", { scope: "col", class: of(column) }, column.title)));
    this.foot.replaceChildren(
      ...table.columns.map((column, at) => (at ? h("td", { class: of(column) }) : h("th", { scope: "row", class: of(column) }))),
    );
  }

  /** The rows that are not within a collapsed block. */
  private visible(rows: Row[]): { row: Row; isBlock: boolean }[] {
    const found: { row: Row; isBlock: boolean }[] = [];
    let hiddenFrom = Infinity;
    rows.forEach((row, at) => {
      if (row.depth > hiddenFrom) return;
      hiddenFrom = Infinity;
      const isBlock = (rows[at + 1]?.depth ?? 0) > row.depth;
      found.push({ row, isBlock });
      if (isBlock && this.isClosed(row, rows.length)) hiddenFrom = row.depth;
    });
    return found;
  }

  private isClosed(row: Row, count: number): boolean {
    return this.closed.has(row.id) || (count > MANY && !this.opened.has(row.id));
  }

  private make(isBlock: boolean, table: Table): Shown {
    const button = h("button.layer", { type: "button", tabindex: -1, "aria-pressed": "false" });
    const toggle = isBlock ? h("button.toggle", { type: "button", tabindex: -1 }, icon(ICONS.chevron)) : null;
    const cells = table.columns.map((column, at) =>
      at
        ? h("td", { class: `col-${column.key} ${column.align === "right" ? "is-number" : ""}` })
        : h("td.col-name", {}, h("span.chip"), toggle, button),
    );
    return { element: h("tr", {}, ...cells), button, toggle, cells, row: null as unknown as Row };
  }

  private write(shown: Shown, row: Row, table: Table, most: { params: number; macs: number }): void {
    const old = shown.row as Row | null;
    shown.row = row;
    const { element, button, toggle, cells } = shown;
    if (old?.id !== row.id) {
      element.dataset["id"] = row.id;
      setText(button, row.id.split(".").slice(row.depth ? -1 : 0).join("."));
      button.title = row.id;
      element.classList.toggle("is-chosen", row.id === this.chosen);
      button.setAttribute("aria-pressed", String(row.id === this.chosen));
    }
    setProperty(element, "--depth", String(row.depth));
    const group = row.group ?? (row.family === "block" ? "collapsed" : row.family);
    if (element.dataset["group"] !== group) element.dataset["group"] = group;
    if (toggle) {
      const closed = this.isClosed(row, table.rows.length);
      setAttribute(toggle, "aria-expanded", String(!closed));
      setAttribute(toggle, "aria-label", `${row.id}: layers of the block`);
    }
    table.columns.forEach(({ key }, at) => {
      const cell = cells[at];
      if (!cell || !at) return;
      setText(cell, row.cells[at] ?? "");
      if (key === "params" || key === "macs") {
        const share = toggle ? 0 : Math.min(1, (row[key] ?? 0) / most[key]);
        setProperty(cell, "--share", `${(share * 100).toFixed(1)}%`);
      } else if (key === "arguments" && cell.title !== row.cells[at]) cell.title = row.cells[at] ?? "";
    });
  }

  private click(event: MouseEvent): void {
    const target = event.target as Element;
    const shown = this.rows.find(({ element }) => element.contains(target));
    if (!shown || !this.table) return;
    if (shown.toggle?.contains(target)) this.toggle(shown, this.isClosed(shown.row, this.table.rows.length));
    else if (!getSelection()?.toString()) this.hooks.chosen(shown.row);
  }

  private toggle(shown: Shown, open: boolean): void {
    if (!this.table) return;
    this.closed[open ? "delete" : "add"](shown.row.id);
    this.opened[open ? "add" : "delete"](shown.row.id);
    this.update(this.table);
  }

  /** Arrows go from row to row, and collapse and expand blocks. */
  private key(event: KeyboardEvent): void {
    const at = this.rows.findIndex(({ element }) => element.contains(event.target as Node));
    const shown = this.rows[at];
    if (!shown) return;
    if (event.key === "ArrowDown") this.rows[at + 1]?.button.focus();
    else if (event.key === "ArrowUp") this.rows[at - 1]?.button.focus();
    else if (event.key === "Home") this.rows[0]?.button.focus();
    else if (event.key === "End") this.rows.at(-1)?.button.focus();
    else if (event.key === "ArrowRight" && shown.toggle) this.toggle(shown, true);
    else if (event.key === "ArrowLeft" && shown.toggle) this.toggle(shown, false);
    else return;
    event.preventDefault();
  }
}

function isLeaf(rows: Row[]): (row: Row, at: number) => boolean {
  return (row, at) => (rows[at + 1]?.depth ?? 0) <= row.depth;
}
