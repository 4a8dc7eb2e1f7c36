import type { Answers, Do, Opened, Request } from "./contract";
import { Refused } from "./contract";

/** How an engine is: `lost` is one that the page waits for, and says so. */
export interface Status {
  state: "starting" | "ready" | "lost";
  text: string;
  /** What is done of the start, from 0 to 1. */
  done?: number;
}

/** Thrown for a request that got no answer because the engine stopped: ask again when it is ready. */
export class EngineLost extends Error {}

/** What answers the page's requests: a local server, or Python within the page. The page does not know which. */
export interface Engine {
  /** Where the work is done, in a few words. */
  readonly title: string;
  /** Start; return what to show first, or null. */
  start(): Promise<Opened | null>;
  ask<D extends Do>(request: Request<D>): Promise<Answers[D]>;
  onStatus(listener: (status: Status) => void): void;
}

/** What both engines share: listeners of the status, and the reading of answers. */
export abstract class EngineBase {
  private listeners: ((status: Status) => void)[] = [];
  protected status: Status = { state: "starting", text: "Starting…" };

  onStatus(listener: (status: Status) => void): void {
    this.listeners.push(listener);
    listener(this.status);
  }

  protected report(status: Status): void {
    this.status = status;
    for (const listener of this.listeners) listener(status);
  }

  protected read<D extends Do>(answer: unknown): Answers[D] {
    const read = answer as { ok: boolean; error: Refused["failure"] };
    if (!read.ok) throw new Refused(read.error);
    return answer as Answers[D];
  }
}
