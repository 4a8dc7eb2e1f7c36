/** What the page and shapecalc exchange: `shapecalc/editor/engine.py` answers the same JSON in both engines. */

export interface Position {
  line: number;
  character: number;
}

export interface Range {
  start: Position;
  end: Position;
}

export interface TextEdit {
  range: Range;
  text: string;
}

export interface Fix {
  title: string;
  edits: TextEdit[];
}

export type Level = "error" | "warning" | "note";

export interface Diagnostic {
  range: Range;
  level: Level;
  message: string;
  fixes: Fix[];
}

export interface Hint {
  position: Position;
  label: string;
  tooltip: string;
}

export interface Column {
  key: string;
  title: string;
  align: "left" | "right";
}

export interface Row {
  id: string;
  cells: string[];
  line: number | null;
  depth: number;
  kind: string;
  family: string;
  group?: string;
  params: number | null;
  macs: number | null;
}

export interface Table {
  columns: Column[];
  rows: Row[];
  totals: Record<string, string>;
  notes: string[];
}

export interface Totals {
  params: number | null;
  macs: number | null;
  layers: number;
  output: Record<string, number[]>;
}

export type Value = string | number | boolean | null | Value[];

/** The sizes of an input, or as they are written: 3x224x224. */
export type Sizes = number[] | string;

export interface Variable {
  name: string;
  value: Value;
  default: Value;
  choices: Value[] | null;
  is_whole: boolean;
  min: number | null;
  max: number | null;
  step: number | null;
  text: string;
}

export interface Input {
  name: string;
  sizes: number[];
  axes: string[];
  free: boolean[];
}

export interface Look {
  diagnostics: Diagnostic[];
  hints: Hint[];
  table: Table | null;
  totals: Totals | null;
  is_complete: boolean;
  variants: string[];
  variant: string;
  variables: Variable[];
  inputs: Input[];
  layout: string;
}

export interface Completion {
  label: string;
  /** What is inserted, with fields that are filled; empty where `insert` is. */
  snippet: string;
  sort: string;
  detail: string;
  info: string;
  insert: string;
  range: Range;
}

export interface Hover {
  markdown: string;
  range: Range | null;
}

export interface Example {
  name: string;
  title: string;
  family: string;
  task: string;
}

export interface Opened {
  text: string;
  name: string;
  note?: string;
  variant?: string;
  variables?: Record<string, Value>;
  inputs?: Record<string, Sizes>;
}

export interface Exported {
  name: string;
  mime: string;
  text: string;
}

export interface Picture {
  svg: string;
}

export interface Explained {
  title: string;
  html: string;
  text: string;
}

export interface Memory {
  html: string;
  svg: string;
  total: { bytes: number; shown: string };
}

export interface Field {
  html: string;
  svg: string;
}

/** The answer to each request, by its `do`. */
export interface Answers {
  look: Look;
  fixes: { diagnostics: Diagnostic[] };
  hover: Hover;
  complete: { items: Completion[] };
  picture: Picture;
  explain: Explained;
  memory: Memory;
  field: Field;
  export: Exported;
  read: Opened;
  examples: { names: Example[] };
  example: Opened;
}

export type Do = keyof Answers;

/** What every request says of the network that it is about. */
export interface Settings {
  text: string;
  name: string;
  variant: string;
  variables: Record<string, Value>;
  inputs: Record<string, Sizes>;
  batch: number;
  theme: "light" | "dark";
}

export type Request<D extends Do = Do> = Partial<Settings> & { do: D } & Record<string, unknown>;

export interface Failure {
  message: string;
  why: string[];
  hint: string;
  kind?: string;
}

/** An answer that is an error: the request was understood, and cannot be answered. */
export class Refused extends Error {
  constructor(readonly failure: Failure) {
    super(failure.message);
  }
}
