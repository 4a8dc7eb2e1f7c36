import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Page, test as base, expect } from "@playwright/test";

export const repository = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const PYTHON = process.env["SHAPECALC_PYTHON"] ?? join(repository, ".venv", "bin", "python");

/** How much longer than its limit what is timed may take: CI's machine is shared, and its figures are read in its output. */
export const slack = process.env["CI"] ? 4 : 1;

/** `shapecalc serve` in a process of its own. */
export class Server {
  private process: ChildProcess | null = null;
  address = "";

  async start(port = 0, ...more: string[]): Promise<string> {
    const started = spawn(PYTHON, ["-m", "shapecalc", "serve", "--no-browser", "--port", String(port), ...more], {
      cwd: process.env["SHAPECALC_TREE"] ?? repository,
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.process = started;
    process.once("exit", () => started.kill("SIGKILL")); // also where a test fails before it stops it
    this.address = await new Promise<string>((resolve, reject) => {
      let said = "";
      started.stdout.on("data", (data: Buffer) => {
        said += data.toString();
        const found = /http:\/\/\S+/.exec(said)?.[0];
        if (found && said.includes("\n")) resolve(found);
      });
      started.once("exit", (code) => reject(new Error(`shapecalc serve ended with ${code}: ${said}`)));
    });
    return this.address;
  }

  async stop(): Promise<void> {
    const { process } = this;
    if (!process || process.exitCode !== null) return;
    const ended = new Promise((resolve) => process.once("exit", resolve));
    process.kill("SIGKILL");
    await ended;
  }

  get port(): number {
    return Number(new URL(this.address).port);
  }
}

interface PerTest {
  /** The page, ready, with the small first example; in every test, nothing may leave its origin. */
  ready: Page;
  watched: Page;
}

interface PerWorker {
  address: string;
  engine: "server" | "static";
}

export const test = base.extend<PerTest, PerWorker>({
  engine: [async ({}, use, worker) => use(worker.project.metadata["engine"] as "server" | "static"), { scope: "worker" }],
  address: [
    async ({ engine }, use, worker) => {
      if (engine === "static") return use(worker.project.metadata["address"] as string);
      const server = new Server();
      await use(await server.start());
      await server.stop();
    },
    { scope: "worker" },
  ],
  watched: async ({ page, address }, use, info) => {
    const isHostile = info.title.includes("hostile answer"); // what a parser finds in it, the policy reports
    const wrong: string[] = [];
    page.context().on("request", (request) => {
      const url = new URL(request.url());
      if (!["blob:", "data:"].includes(url.protocol) && url.hostname !== new URL(address).hostname) wrong.push(`request to ${url}`);
    });
    page.on("console", (message) => {
      const isExpected = /ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|40[39]|crash/.test(message.text());
      const isReported = isHostile && message.text().includes("inline event handler violates");
      if (message.type() === "error" && !isExpected && !isReported) wrong.push(message.text());
    });
    page.on("pageerror", (error) => wrong.push(String(error)));
    page.on("dialog", (dialog) => wrong.push(`dialog: ${dialog.message()}`));
    await use(page);
    expect(wrong).toEqual([]);
  },
  ready: async ({ watched, address }, use) => {
    await watched.goto(address);
    await isReady(watched);
    await use(watched);
  },
});

export async function isReady(page: Page): Promise<void> {
  await expect(page.locator("#status")).toHaveAttribute("data-state", "ready", { timeout: 30_000 });
  await expect(page.locator(".ghost").first()).toBeAttached();
}

/** Replace the text as a reader who types or pastes would. */
export async function write(page: Page, text: string): Promise<void> {
  await page.locator(".cm-content").click();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.insertText(text);
}

/** The text that is shown, without the sizes behind its lines. */
export function textOf(page: Page): Promise<string> {
  return page.locator(".cm-content").evaluate((content) => {
    const copy = content.cloneNode(true) as HTMLElement;
    for (const ghost of copy.querySelectorAll(".ghost")) ghost.remove();
    return copy.textContent ?? "";
  });
}

/** Drop files of the repository on the page. */
export function drop(page: Page, ...paths: string[]): Promise<void> {
  return dropBytes(page, paths.map((path) => ({ name: path.split("/").at(-1), base64: readFileSync(join(repository, path)).toString("base64") })));
}

export function dropText(page: Page, name: string, text: string): Promise<void> {
  return dropBytes(page, [{ name, base64: Buffer.from(text).toString("base64") }]);
}

async function dropBytes(page: Page, files: { name: string | undefined; base64: string }[]): Promise<void> {
  const data = await page.evaluateHandle((given) => {
    const transfer = new DataTransfer();
    for (const { name, base64 } of given) {
      transfer.items.add(new File([Uint8Array.from(atob(base64), (one) => one.charCodeAt(0))], name ?? ""));
    }
    return transfer;
  }, files);
  for (const type of ["dragover", "drop"]) await page.dispatchEvent(".cm-content", type, { dataTransfer: data });
}

export async function openExample(page: Page, name: string): Promise<void> {
  await page.getByRole("button", { name: "Examples" }).click();
  await page.getByRole("searchbox", { name: "Search" }).fill(name);
  await page.keyboard.press("Enter");
  await expect(page.locator("#file")).toHaveText(`${name}.yaml`);
}

export { expect };
