import type { Answers, Do, Failure, Opened, Request } from "./contract";
import { type Engine, EngineBase, EngineLost } from "./engine";

const TOKEN = "shapecalc-token";
const RETRY_AFTER = 700;
const GONE = "The server does not answer. Start shapecalc serve again: your text is kept, and this page goes on by itself.";
const OTHER = "This page's key is not valid any more. Open the address that shapecalc serve printed: your text is kept.";

const NONE =
  "This page belongs to a local server, and this browser has no key of it: open the address that shapecalc serve printed in this tab. " +
  "The text of the link is kept.";

/** Take the token of `#token=…` out of the address, and keep it: addresses are shared, tokens are not. */
export function keepToken(): void {
  const found = /^#token=([\w-]+)$/.exec(location.hash);
  if (!found?.[1]) return;
  localStorage.setItem(TOKEN, found[1]);
  history.replaceState(null, "", location.pathname + location.search);
}

/** The local server that `shapecalc serve` started. */
export class ServerEngine extends EngineBase implements Engine {
  readonly title = "Local server";
  private readonly page = crypto.randomUUID();
  private number = 0;
  private waiting = false;

  async start(): Promise<Opened | null> {
    for (;;) {
      try {
        const start = (await this.send("/api/start", { method: "GET" })) as unknown as Opened;
        this.report({ state: "ready", text: this.title });
        return start.text ? start : null;
      } catch (error) {
        if (!(error instanceof EngineLost)) throw error;
        await this.untilReady();
      }
    }
  }

  async ask<D extends Do>(request: Request<D>): Promise<Answers[D]> {
    const headers: Record<string, string> = { "Content-Type": "application/json" };
    if (request.do === "look") {
      headers["X-Shapecalc-Page"] = this.page;
      headers["X-Shapecalc-Number"] = String(++this.number);
      headers["X-Shapecalc-Do"] = "look";
    }
    const path = request.do === "read" ? "/api/read" : "/api/answer";
    for (let wait = 50; ; wait *= 2) {
      const answer = (await this.send(path, { method: "POST", body: JSON.stringify(request), headers })) as { error?: Failure };
      // More is asked at once than the server has processes: it is asked again, for a few seconds.
      if (answer.error?.kind !== "busy" || wait > 2000) return this.read<D>(answer);
      await pause(wait);
    }
  }

  private async send(path: string, init: RequestInit): Promise<unknown> {
    const headers = { ...(init.headers as Record<string, string>), "X-Shapecalc-Token": localStorage.getItem(TOKEN) ?? "" };
    let response: Response;
    let answer: unknown;
    try {
      response = await fetch(path, { ...init, headers, cache: "no-store", signal: AbortSignal.timeout(60_000) });
      answer = await response.json();
    } catch {
      this.lose(GONE);
      throw new EngineLost();
    }
    if (response.status === 403) {
      this.lose(this.refused);
      throw new EngineLost();
    }
    return answer;
  }

  /** Why the server refuses to answer. */
  private get refused(): string {
    return localStorage.getItem(TOKEN) ? OTHER : NONE;
  }

  private lose(text: string): void {
    if (this.status.text !== text) this.report({ state: "lost", text });
    void this.untilReady();
  }

  /** Ask again and again until the server answers; the page then asks what it missed. */
  private async untilReady(): Promise<void> {
    if (this.waiting) {
      while (this.waiting) await pause(RETRY_AFTER / 4);
      return;
    }
    this.waiting = true;
    for (;;) {
      await pause(RETRY_AFTER);
      try {
        const token = localStorage.getItem(TOKEN) ?? "";
        const response = await fetch("/api/start", { headers: { "X-Shapecalc-Token": token }, cache: "no-store" });
        if (response.ok) break;
        if (response.status === 403) this.report({ state: "lost", text: this.refused });
      } catch {
        this.report({ state: "lost", text: GONE });
      }
    }
    this.waiting = false;
    this.report({ state: "ready", text: this.title });
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
