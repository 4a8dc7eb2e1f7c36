import type { Answers, Do, Opened, Request } from "./contract";
import { type Engine, EngineBase, EngineLost } from "./engine";

/** What the worker says: how far its start is, that it is ready, or an answer as JSON. */
export type FromWorker =
  | { what: "progress"; text: string; done: number }
  | { what: "ready" }
  | { what: "failed"; text: string }
  | { what: "answer"; id: number; json: string };

interface Waiting {
  resolve: (json: string) => void;
  reject: (error: Error) => void;
  sent: number;
}

const TOO_LONG = 60_000;

/** Python within the page: Pyodide in a worker, so that nothing leaves this computer. */
export class PyodideEngine extends EngineBase implements Engine {
  readonly title = "In this page";
  private worker: Worker;
  private waiting = new Map<number, Waiting>();
  private number = 0;
  private failures = 0;
  private ready = Promise.withResolvers<void>();

  constructor() {
    super();
    this.worker = this.begin();
    setInterval(() => {
      const oldest = Math.min(...[...this.waiting.values()].map(({ sent }) => sent));
      if (performance.now() - oldest > TOO_LONG) this.restart("A calculation took too long: Python starts again…");
    }, 1000);
  }

  async start(): Promise<Opened | null> {
    await this.ready.promise;
    return null;
  }

  async ask<D extends Do>(request: Request<D>): Promise<Answers[D]> {
    await this.ready.promise;
    const id = ++this.number;
    const answer = Promise.withResolvers<string>();
    this.waiting.set(id, { ...answer, sent: performance.now() });
    this.worker.postMessage({ id, json: JSON.stringify(request) });
    return this.read<D>(JSON.parse(await answer.promise));
  }

  /** End the worker, as a crash would; what was asked is asked again by the page. */
  restart(text: string): void {
    this.worker.terminate();
    this.ready = Promise.withResolvers<void>();
    for (const { reject } of this.waiting.values()) reject(new EngineLost());
    this.waiting.clear();
    this.report({ state: "lost", text });
    this.worker = this.begin();
  }

  private begin(): Worker {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "shapecalc" });
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.hear(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.fail(event.message || "its files could not be loaded");
    };
    return worker;
  }

  private hear(said: FromWorker): void {
    if (said.what === "progress") {
      this.report({ state: "starting", text: said.text, done: said.done });
    } else if (said.what === "ready") {
      this.failures = 0;
      this.report({ state: "ready", text: this.title });
      this.ready.resolve();
    } else if (said.what === "failed") {
      this.fail(said.text);
    } else {
      this.waiting.get(said.id)?.resolve(said.json);
      this.waiting.delete(said.id);
    }
  }

  private fail(why: string): void {
    this.failures += 1;
    if (this.failures > 3) {
      this.worker.terminate();
      this.report({ state: "lost", text: `Python could not be started: ${why}. Reload the page to try again.` });
    } else {
      setTimeout(() => this.restart(`Python stopped (${why}) and starts again…`), 500 * this.failures);
    }
  }
}
