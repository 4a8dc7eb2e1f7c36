/** Pack what Python needs within a page: Pyodide, PyYAML, shapecalc, all compiled, and a snapshot of the memory after start. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const repository = dirname(web);
const own = join(repository, ".venv", "bin", "python");
const interpreter = existsSync(own) ? own : "python3";
const cache = join(web, ".cache");
const out = join(web, "dist-static", "python");
const pyodide = dirname(createRequire(import.meta.url).resolve("pyodide/package.json"));
const site = "/lib/shapecalc";

// Any platform's wheel has the pure module; only its compiled part is left out. What click and rich are for, the command
// line, is not in the page.
const wheels = { "pyyaml==6.0.3": ["--platform", "manylinux2014_x86_64", "--python-version", "3.12"] };
const left = /^(cli|server)\/|__pycache__|^py\.typed$/;

/** The files that Python finds: path to bytes. */
function collect() {
  const files = new Map();
  rmSync(join(cache, "wheels"), { recursive: true, force: true });
  for (const [wheel, options] of Object.entries(wheels)) {
    const pip = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"];
    execFileSync(interpreter, [...pip, ...options, "--dest", join(cache, "wheels"), wheel], { stdio: "inherit" });
  }
  for (const name of readdirSync(join(cache, "wheels"))) {
    execFileSync(interpreter, ["-m", "zipfile", "-e", join(cache, "wheels", name), join(cache, "wheels", "unpacked")]);
  }
  const add = (from, to, wanted) => {
    for (const path of readdirSync(from, { recursive: true })) {
      const whole = join(from, path);
      if (statSync(whole).isFile() && wanted(path)) files.set(join(to, relative(from, whole)), readFileSync(whole));
    }
  };
  add(join(cache, "wheels", "unpacked"), "", (path) => /^yaml\/.*\.py$/.test(path));
  add(join(repository, "shapecalc"), "shapecalc", (path) => !left.test(path));
  add(join(repository, "specs"), "shapecalc/specs", (path) => !path.includes("__pycache__"));
  return files;
}

/** One file of many: the length of an index, the index as JSON (path to start and length), the bytes. */
function pack(files) {
  const index = {};
  let at = 0;
  const sorted = [...files].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [path, bytes] of sorted) {
    index[path] = [at, bytes.length];
    at += bytes.length;
  }
  const head = Buffer.from(JSON.stringify(index));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(head.length);
  return Buffer.concat([length, head, ...sorted.map(([, bytes]) => bytes)]);
}

/** The parts of a memory that are not zero: its length, how many parts, their starts and lengths, their bytes. */
function packMemory(memory) {
  const step = 4096;
  const zeros = Buffer.alloc(step);
  const parts = [];
  for (let at = 0; at < memory.length; at += step) {
    if (zeros.compare(memory, at, Math.min(at + step, memory.length)) === 0) continue;
    const last = parts.at(-1);
    if (last && last[0] + last[1] === at) last[1] += step;
    else parts.push([at, step]);
  }
  const head = Buffer.from(new Uint32Array([memory.length, parts.length, ...parts.flat()]).buffer);
  return Buffer.concat([head, ...parts.map(([at, length]) => memory.subarray(at, at + length))]);
}

/** Pyodide restores a snapshot into the memory that it starts with: this one is larger. */
function growBeforeRestoring(source) {
  const restoring = "Module.HEAP8.set(t),l}";
  if (source.split(restoring).length !== 2) throw new Error("this Pyodide restores snapshots in another way: see scripts/python.mjs");
  const growing = "t.length>Module.HEAP8.length&&(wasmMemory.grow((t.length-Module.HEAP8.length)/65536),updateMemoryViews()),";
  return source.replace(restoring, growing + restoring);
}

export async function buildPython() {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const sources = collect();
  for (const name of ["pyodide.asm.wasm", "pyodide.mjs", "python_stdlib.zip"]) copyFileSync(join(pyodide, name), join(out, name));
  writeFileSync(join(out, "pyodide.asm.mjs"), growBeforeRestoring(readFileSync(join(pyodide, "pyodide.asm.mjs"), "utf8")));
  const lock = JSON.parse(readFileSync(join(pyodide, "pyodide-lock.json"), "utf8"));
  writeFileSync(join(out, "pyodide-lock.json"), JSON.stringify({ ...lock, packages: {} }));

  const { loadPyodide } = await import(join(out, "pyodide.mjs"));
  const python = await loadPyodide({ indexURL: out, _makeSnapshot: true });
  const write = (files) => {
    for (const [path, bytes] of files) {
      python.FS.mkdirTree(dirname(`${site}/${path}`));
      python.FS.writeFile(`${site}/${path}`, bytes);
    }
  };
  // Compiled by the Python that runs them; without sources, which nobody reads there.
  const compiled = new Map();
  write(sources);
  python.runPython(readFileSync(join(web, "scripts", "compile_all.py"), "utf8"));
  for (const [path, bytes] of sources) {
    const found = path.endsWith(".py") ? `${path}c` : path;
    compiled.set(found, found === path ? bytes : Buffer.from(python.FS.readFile(`${site}/${found}`)));
  }
  const fresh = await loadPyodide({ indexURL: out, _makeSnapshot: true });
  for (const [path, bytes] of compiled) {
    fresh.FS.mkdirTree(dirname(`${site}/${path}`));
    fresh.FS.writeFile(`${site}/${path}`, bytes);
  }
  fresh.runPython(readFileSync(join(web, "scripts", "warm_up.py"), "utf8"));
  const parts = { "packages.bin": pack(compiled), "snapshot.bin": packMemory(Buffer.from(fresh.makeMemorySnapshot())) };
  for (const [name, bytes] of Object.entries(parts)) writeFileSync(join(out, name), gzipSync(bytes, { level: 9 }));
  const fetched = ["pyodide.asm.wasm", "pyodide.asm.mjs", "python_stdlib.zip", "packages.bin", "snapshot.bin"];
  const sizes = Object.fromEntries(fetched.map((name) => [name, statSync(join(out, name)).size]));
  const hash = createHash("sha256");
  for (const name of fetched) hash.update(readFileSync(join(out, name)));
  const folder = `python-${hash.digest("hex").slice(0, 12)}`;
  renameSync(out, join(dirname(out), folder));
  writeFileSync(join(dirname(out), "python.json"), JSON.stringify({ folder, sizes }));
  console.log(sizes, { snapshot: parts["snapshot.bin"].length, packages: parts["packages.bin"].length });
  return sizes;
}
if (process.argv[1] === fileURLToPath(import.meta.url)) await buildPython();
