import { readFileSync } from "node:fs";
import { Server, expect, isReady, test, slack } from "./fixtures";

test("@server the server is killed: the page says so, keeps the text, and goes on with the next server", async ({ watched: page, context }) => {
  const server = new Server();
  await page.goto(await server.start());
  await isReady(page);
  expect(page.url()).not.toContain("token");
  await server.stop();
  await page.locator(".cm-line", { hasText: "fc: 10" }).click();
  await page.keyboard.press("End");
  await page.keyboard.type("0");
  await expect(page.getByRole("alert")).toContainText("The server does not answer");
  await expect(page.locator("#status")).toHaveText("Stopped");
  await page.keyboard.type("0");
  const download = page.waitForEvent("download");
  await page.keyboard.press("ControlOrMeta+s");
  expect(readFileSync(await (await download).path(), "utf8")).toContain("fc: 1000");
  const next = new Server();
  const address = await next.start(server.port);
  await expect(page.getByRole("alert")).toContainText("key is not valid");
  const other = await context.newPage();
  await other.goto(address);
  await expect(page.locator("#status")).toHaveText("Local server");
  await expect(page.getByRole("alert")).toBeHidden();
  await expect(page.locator("#total-output .large")).toHaveText("1000");
  await next.stop();
});

test("@server the address of a server that was started again is opened in the same tab: the page goes on with it", async ({ watched: page }) => {
  const server = new Server();
  await page.goto(await server.start());
  await isReady(page);
  await server.stop();
  await page.locator(".cm-line", { hasText: "fc: 10" }).click();
  await page.keyboard.press("End");
  await page.keyboard.type("0");
  await expect(page.getByRole("alert")).toContainText("The server does not answer");
  const next = new Server();
  const address = await next.start(server.port);
  await expect(page.getByRole("alert")).toContainText("key is not valid");
  await page.evaluate((hash) => (location.hash = hash), new URL(address).hash); // as a reader who pastes it
  await expect(page.locator("#status")).toHaveText("Local server");
  await expect(page.locator("#total-output .large")).toHaveText("100");
  await expect(page).not.toHaveURL(/token/);
  await next.stop();
});

test("@static Python crashes: it starts again, and the page goes on", async ({ ready: page }) => {
  await page.workers()[0]?.evaluate(() => void setTimeout(() => { throw new Error("crash"); }));
  await expect(page.locator("#status")).not.toHaveAttribute("data-state", "ready");
  await page.locator(".cm-line", { hasText: "fc: 10" }).click();
  await page.keyboard.press("End");
  await page.keyboard.type("0");
  await isReady(page);
  await expect(page.locator("#total-output .large")).toHaveText("100");
});

test("@time first sizes within 5 s of a cold start, with progress until then", async ({ browser, address, engine }, info) => {
  let best = Infinity;
  for (let round = 0; round < 3 && best >= 5000; round += 1) {
    const context = await browser.newContext();
    const page = await context.newPage();
    const began = Date.now();
    await page.goto(address);
    if (engine === "static") await expect(page.locator("#progress")).toBeVisible();
    await expect(page.locator(".ghost").first()).toBeAttached({ timeout: 30_000 });
    best = Math.min(best, Date.now() - began);
    await expect(page.locator("#progress")).toBeHidden();
    await context.close();
  }
  console.log(`${info.project.name}: first sizes after ${best} ms`);
  expect(best).toBeLessThan(5000 * slack);
});
