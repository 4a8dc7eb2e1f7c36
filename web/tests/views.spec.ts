import { readFileSync } from "node:fs";
import { drop, expect, openExample, test, write } from "./fixtures";

test("a click on a layer shows its arithmetic and its line", async ({ ready: page }) => {
  await page.getByRole("button", { name: "fc1" }).click();
  const explanation = page.getByRole("region", { name: "Arithmetic of a layer" });
  await expect(explanation).toContainText("H_in·W_in·C_in·F_out = 12·12·20·10 = 28,800");
  await expect(page.locator(".cm-activeLine")).toContainText("fc: 10");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Enter");
  await expect(explanation).toContainText("max_pool1");
  await explanation.getByLabel("back to the input").check();
  await expect(explanation).toContainText("conv1");
  await explanation.getByRole("button", { name: "Close" }).click();
  await expect(explanation).toBeHidden();
});

test("a row that is chosen stays in view above its arithmetic, and so do rows around it", async ({ ready: page }) => {
  await page.setViewportSize({ width: 1280, height: 640 });
  await openExample(page, "unet");
  await page.locator("details.more").evaluateAll((all) => all.forEach((one) => ((one as HTMLDetailsElement).open = true)));
  await page.locator(".layers tbody tr").nth(5).scrollIntoViewIfNeeded();
  const inView = await page.locator(".layers tbody tr").evaluateAll((rows) => {
    const end = document.querySelector(".layers tfoot")?.getBoundingClientRect().top ?? 0;
    return rows.findLastIndex((row) => row.getBoundingClientRect().bottom <= end);
  });
  await page.locator(".layers tbody tr").nth(inView).click({ position: { x: 200, y: 10 } });
  await expect(page.locator("#explanation pre")).toBeVisible();
  const [head, row, foot, panel] = await page.evaluate(() =>
    [".layers thead", ".layers tr.is-chosen", ".layers tfoot", "#panels"].map((one) => document.querySelector(one)?.getBoundingClientRect()),
  );
  if (!head || !row || !foot || !panel) throw new Error("no table");
  expect(panel.height).toBeGreaterThan(180);
  expect(row.top).toBeGreaterThanOrEqual(head.bottom - 1);
  expect(row.bottom).toBeLessThanOrEqual(foot.top + 1);
});

test("of a file without any sizes, nothing of the file before is shown", async ({ ready: page }) => {
  await expect(page.locator(".layers tbody tr")).not.toHaveCount(0);
  await drop(page, "tests/bad_specs/argument_missing.yaml");
  await expect(page.locator(".problem").first()).toBeVisible();
  await expect(page.locator(".layers tbody tr")).toHaveCount(0);
  await expect(page.locator(".notes")).toContainText("No layer has a size yet");
  await expect(page.locator("#panels")).not.toHaveClass(/is-stale/);
  await write(page, "\n");
  await expect(page.locator("#problems")).toContainText("the file is empty");
  await expect(page.getByRole("slider")).toHaveCount(0);
  await openExample(page, "lenet5");
  await expect(page.locator(".layers thead")).toContainText("Params");
});

test("blocks collapse and expand, by keyboard too", async ({ ready: page }) => {
  await openExample(page, "resnet50");
  const inner = page.getByRole("button", { name: "conv2", exact: true });
  await expect(inner.first()).toBeVisible();
  const count = await inner.count();
  await page.getByRole("button", { name: "layer1", exact: true }).focus();
  await page.keyboard.press("ArrowLeft");
  await expect(inner).toHaveCount(count - 3);
  await page.keyboard.press("ArrowRight");
  await expect(inner).toHaveCount(count);
});

test("the picture, memory and receptive field follow the text", async ({ ready: page }) => {
  await page.keyboard.press("Alt+2");
  const picture = page.getByRole("region", { name: "Picture of the network" });
  await expect(picture).toContainText("24×24×20");
  await write(page, "layout: HWC\ninput: 32x32x1\nlayers:\n  - conv: {out_channels: 20, kernel_size: 5}\n");
  await expect(picture).toContainText("28×28×20");
  await picture.locator("rect", { has: page.locator("title", { hasText: "conv1 · conv" }) }).click();
  await expect(page.locator("#explanation")).toContainText("k²·C_in·C_out = 5²·1·20 = 500");
  await page.getByLabel("What is drawn").selectOption("Feature maps to scale");
  await expect(picture).toContainText("28");
  await page.getByRole("tab", { name: "Memory" }).click();
  await expect(page.getByRole("tabpanel", { name: "Memory" })).toContainText("weights");
  await page.getByLabel("What is run").selectOption("Training");
  await expect(page.getByRole("tabpanel", { name: "Memory" })).toContainText("gradients");
  await page.getByRole("tab", { name: "Receptive field" }).click();
  await page.getByLabel("Layer", { exact: true }).selectOption("conv1");
  await expect(page.getByRole("tabpanel", { name: "Receptive field" })).toContainText("sees 5×5 of input");
});

test("downloads: SVG, PNG, CSV, Markdown, PyTorch, YAML", async ({ ready: page }) => {
  const starts: Record<string, RegExp> = {
    SVG: /^<svg /,
    PNG: /^.PNG/,
    CSV: /^name,|^Layer,|^layer,/i,
    Markdown: /\| Layer/i,
    "PyTorch code": /from torch import nn/,
    YAML: /^name: digits/,
  };
  for (const [title, start] of Object.entries(starts)) {
    await page.getByRole("button", { name: "Download" }).click();
    const event = page.waitForEvent("download");
    await page.locator("#downloads").getByRole("button", { name: title, exact: true }).click();
    const download = await event;
    expect(readFileSync(await download.path(), "latin1")).toMatch(start);
    expect(download.suggestedFilename()).toMatch(/\.(svg|png|csv|md|py|yaml)$/);
  }
});

test("a link holds the text and the sliders, and opens as they were", async ({ ready: page, context, engine }) => {
  await openExample(page, "unet");
  await page.getByRole("spinbutton", { name: "width, exact" }).fill("32");
  await page.keyboard.press("Enter");
  await expect(page.locator("#total-parameters .large")).toHaveText("7.76 M");
  await page.getByRole("button", { name: "Share" }).click();
  await expect(page.locator("#toast")).toContainText("Link copied");
  const where = page.locator("#toast").getByText("It opens in this browser, while shapecalc serve runs.");
  await expect(where).toHaveCount(engine === "server" ? 1 : 0);
  const link = await page.evaluate(() => navigator.clipboard.readText());
  expect(new URL(link).hash).toMatch(/^#s=[\w-]+$/);
  const other = await context.newPage();
  await other.goto(link);
  await expect(other.locator("#total-parameters .large")).toHaveText("7.76 M", { timeout: 20_000 });
  await expect(other.locator("#file")).toHaveText("unet.yaml");
  await expect(other.locator(".cm-content")).toContainText("name: U-Net");
});

test("@server a link that is opened in another browser says what it needs, and goes on with that", async ({ ready: page, browser, address }) => {
  await write(page, "input: 3x8x8\nlayers:\n  - conv: {out_channels: 77, kernel_size: 3}\n");
  await page.getByRole("button", { name: "Share" }).click();
  await expect(page.locator("#toast")).toContainText("Link copied");
  const context = await browser.newContext();
  const other = await context.newPage();
  await other.goto(page.url());
  await expect(other.getByRole("alert")).toContainText("open the address that shapecalc serve printed");
  await expect(other.locator(".cm-content")).toContainText("out_channels: 77");
  await other.evaluate((hash) => (location.hash = hash), new URL(address).hash);
  await expect(other.locator("#total-output .large")).toHaveText("77×6×6");
  await context.close();
});

test("hostile names do no harm", async ({ ready: page }) => {
  const name = `<img src=x onerror=alert(1)><script>alert(2)</script>`;
  await write(page, `name: "${name}"\ninput: 3x8x8\nlayers:\n  - conv: {out_channels: 2, kernel_size: 3}\n    name: "<svg onload=alert(3)>"\n`);
  for (const view of ["Picture", "Memory", "Receptive field", "Table"]) {
    await page.getByRole("tab", { name: view }).click();
    await page.waitForTimeout(200);
  }
  await expect(page.locator("img:not(.cm-widgetBuffer), #right script")).toHaveCount(0);
  await page.goto(`${new URL(page.url()).origin}/#s=broken`);
  await page.reload();
  await expect(page.locator(".cm-content")).not.toBeEmpty();
});

test("@server of a hostile answer, only harmless elements and attributes are shown", async ({ ready: page }) => {
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9" onload="alert(1)"><script>alert(2)</script><style>@import "//evil";</style>` +
    `<foreignObject><img xmlns="http://www.w3.org/1999/xhtml" src="x" onerror="alert(3)"/></foreignObject><image href="//evil/x.png"/>` +
    `<rect width="9" height="9" onclick="alert(4)" style="fill:red" fill="url(//evil)"/><a href="javascript:alert(5)"><text y="9">shown</text></a><text y="9">kept</text></svg>`;
  const html = `<p onclick="alert(6)">text</p><img src=x onerror=alert(7)><script>alert(8)</script><a href="javascript:alert(9)">link</a>`;
  await page.route("**/api/answer", async (route) => {
    const { do: what } = route.request().postDataJSON() as { do: string };
    if (what === "memory") await route.fulfill({ json: { ok: true, svg, html, text: "", rows: [], total: { bytes: 0, shown: "0" } } });
    else await route.continue();
  });
  await page.getByRole("tab", { name: "Memory" }).click();
  const panel = page.getByRole("tabpanel", { name: "Memory" });
  await expect(panel).toContainText("kept");
  await expect(panel).toContainText("text");
  await expect(panel.locator("script, foreignObject, image, img, a")).toHaveCount(0);
  const attributes = await panel.evaluate((element) => {
    const all = [...element.querySelectorAll("*")].flatMap((one) => [one, ...(one.shadowRoot?.querySelectorAll("*") ?? [])]);
    return all.flatMap((one) => [...one.attributes]).filter(({ name, value }) => name.startsWith("on") || /evil|javascript/.test(value)).length;
  });
  expect(attributes).toBe(0);
  await expect(panel.locator("rect")).toHaveCount(1);
  expect(await panel.locator("rect").getAttribute("fill")).toBeNull();
});
