/** Python and shapecalc in a worker. All files come from where the page came from: `scripts/python.mjs` packs them. */
import type { FromWorker } from "./pyodide";

interface Python {
  FS: { mkdirTree(path: string): void; writeFile(path: string, bytes: Uint8Array, options: { canOwn: boolean }): void };
  globals: { get(name: string): (json: string) => string };
}

interface Pyodide {
  loadPyodide(options: { indexURL: string; _loadSnapshot: Promise<Uint8Array> }): Promise<Python>;
}

interface Manifest {
  /** The folder of all files: its name is that of their contents, so that files of two versions never meet. */
  folder: string;
  /** The bytes of each file, for the progress: what a server compresses has another length. */
  sizes: Record<string, number>;
}

const root = new URL("../", self.location.href).href;
let home = root;
const site = "/lib/shapecalc";
const say = (said: FromWorker): void => self.postMessage(said);

/** Count the bytes of what is fetched, also of what Pyodide fetches by itself. */
function countFetched(total: number): void {
  const plain = self.fetch.bind(self);
  let count = 0;
  self.fetch = async (...request) => {
    const response = await plain(...request);
    if (!response.ok || !response.body) return response;
    const counter = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        count += chunk.byteLength;
        say({ what: "progress", text: "Loading Python…", done: Math.min(0.9, (0.9 * count) / total) });
        controller.enqueue(chunk);
      },
    });
    return new Response(response.body.pipeThrough(counter), { status: response.status, headers: response.headers });
  };
}

/** A file of the site, unpacked here: a static server may compress it, or not. */
async function unpacked(name: string): Promise<Uint8Array> {
  const response = await fetch(home + name);
  if (!response.ok || !response.body) throw new Error(`${name}: ${response.status}`);
  const stream = response.body.pipeThrough(new DecompressionStream("gzip") as ReadableWritablePair<Uint8Array, Uint8Array>);
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The memory of a Python that has imported shapecalc: in the file are its parts that are not zero. */
async function snapshot(): Promise<Uint8Array> {
  const packed = await unpacked("snapshot.bin");
  const [length = 0, count = 0] = new Uint32Array(packed.buffer, 0, 2);
  const parts = new Uint32Array(packed.buffer, 8, 2 * count);
  const memory = new Uint8Array(length);
  let from = 8 + parts.byteLength;
  for (let part = 0; part < parts.length; part += 2) {
    const size = parts[part + 1] ?? 0;
    memory.set(packed.subarray(from, from + size), parts[part]);
    from += size;
  }
  return memory;
}

/** Write the files that Python imports later: importers, exporters, bundled networks. */
function writeFiles(python: Python, packed: Uint8Array): void {
  const length = new DataView(packed.buffer).getUint32(0, true);
  const index = JSON.parse(new TextDecoder().decode(packed.subarray(4, 4 + length))) as Record<string, [number, number]>;
  const folders = new Set<string>();
  for (const [path, [at, size]] of Object.entries(index)) {
    const folder = `${site}/${path.slice(0, Math.max(0, path.lastIndexOf("/")))}`;
    if (!folders.has(folder)) python.FS.mkdirTree(folder);
    folders.add(folder);
    python.FS.writeFile(`${site}/${path}`, packed.subarray(4 + length + at, 4 + length + at + size), { canOwn: true });
  }
}

async function start(): Promise<(json: string) => string> {
  say({ what: "progress", text: "Loading Python…", done: 0 });
  const { folder, sizes } = (await (await fetch(`${root}python.json`, { cache: "no-cache" })).json()) as Manifest;
  home = new URL(`${folder}/`, root).href;
  countFetched(Object.values(sizes).reduce((sum, size) => sum + size, 0));
  const packages = unpacked("packages.bin");
  const { loadPyodide } = (await import(/* @vite-ignore */ `${home}pyodide.mjs`)) as Pyodide;
  const python = await loadPyodide({ indexURL: home, _loadSnapshot: snapshot() });
  say({ what: "progress", text: "Starting Python…", done: 0.95 });
  writeFiles(python, await packages);
  return python.globals.get("answer_json");
}

const answering = start();
answering.then(
  () => say({ what: "ready" }),
  (error: unknown) => say({ what: "failed", text: String(error) }),
);
self.onmessage = async ({ data }: MessageEvent<{ id: number; json: string }>) => {
  const answer = await answering;
  say({ what: "answer", id: data.id, json: answer(data.json) });
};
