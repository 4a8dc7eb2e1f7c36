import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "@playwright/test";
import { drop, expect, openExample, test } from "./fixtures";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe finds wrong, by rule and element. */
async function violations(page: Page): Promise<string[]> {
  await page.waitForTimeout(350); // transitions
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const axe = (window as unknown as { axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> } }).axe;
    const found = await axe.run();
    return found.violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`));
  });
}

// The page is the same with both engines: each has one theme.
for (const [colorScheme, engine] of [["light", "@server"], ["dark", "@static"]] as const) {
  test(`${engine} axe finds nothing wrong, ${colorScheme}`, async ({ ready: page }) => {
    await page.emulateMedia({ colorScheme });
    expect(await violations(page)).toEqual([]);
    await drop(page, "docs/shape_error.yaml");
    await expect(page.getByRole("button", { name: "padding 0 → 2" })).toBeVisible();
    await page.getByRole("button", { name: "conv1" }).click();
    await expect(page.locator("#explanation")).toBeVisible();
    expect(await violations(page)).toEqual([]);
    await openExample(page, "unet");
    for (const view of ["Picture", "Memory", "Receptive field"]) {
      await page.getByRole("tab", { name: view }).click();
      expect(await violations(page)).toEqual([]);
    }
    await page.getByRole("button", { name: "Examples" }).click();
    await expect(page.getByRole("dialog")).toBeVisible();
    expect(await violations(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Keyboard and help" }).click();
    expect(await violations(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Download" }).click();
    expect(await violations(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await page.setViewportSize({ width: 390, height: 844 });
    await page.getByRole("tab", { name: "YAML" }).click();
    expect(await violations(page)).toEqual([]);
  });
}

test("everything can be reached by keyboard alone", async ({ ready: page }) => {
  await page.keyboard.press("F6");
  await expect(page.locator(".cm-content")).toBeFocused();
  await page.keyboard.press("F6");
  await expect(page.getByRole("tab", { name: "Table" })).toBeFocused();
  await page.keyboard.press("ArrowRight");
  await expect(page.getByRole("tab", { name: "Picture" })).toBeFocused();
  await expect(page.getByRole("tabpanel", { name: "Picture" })).toBeVisible();
  const seen = new Set<string>();
  await page.locator("h1").click();
  for (let count = 0; count < 40; count += 1) {
    await page.keyboard.press("Tab");
    seen.add(await page.evaluate(() => document.activeElement?.id || document.activeElement?.className || ""));
  }
  for (const id of ["examples", "open", "download", "share", "theme", "help", "splitter", "tab-picture"]) expect([...seen]).toContain(id);
  expect([...seen].some((name) => name.includes("cm-content"))).toBe(true);
  await page.locator("#splitter").focus();
  const before = await page.locator("#left").boundingBox();
  await page.keyboard.press("ArrowRight");
  expect((await page.locator("#left").boundingBox())?.width).toBeGreaterThan(before?.width ?? Infinity);
});

test("Tab goes through the table in one step, and on to its last row where that has the focus", async ({ ready: page }) => {
  const name = () => page.evaluate(() => document.activeElement?.textContent);
  await page.locator("#panel-table").focus();
  await page.keyboard.press("Tab");
  expect(await name()).toBe("conv1");
  await page.keyboard.press("Tab");
  expect(await page.evaluate(() => document.activeElement?.closest("table") ?? null)).toBeNull();
  await page.keyboard.press("Shift+Tab");
  expect(await name()).toBe("conv1");
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  await expect(page.locator("#explanation h2")).toContainText("softmax1");
  await page.keyboard.press("Tab");
  expect(await page.evaluate(() => document.activeElement?.closest("section")?.id)).toBe("explanation");
  await page.keyboard.press("Shift+Tab");
  expect(await name()).toBe("softmax1");
  await page.keyboard.press("Escape");
  await expect(page.locator("#explanation")).toBeHidden();
  expect(await name()).toBe("softmax1");
});

test("on a phone, the panes are tabs and the totals stay", async ({ watched: page, address }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto(address);
  await expect(page.locator("#total-output .large")).toHaveText("10", { timeout: 20_000 });
  await expect(page.locator(".cm-content")).toBeVisible();
  await page.getByRole("tab", { name: "Table" }).click();
  await expect(page.locator(".cm-content")).toBeHidden();
  await page.getByRole("button", { name: "conv1" }).click();
  await expect(page.locator("#explanation")).toContainText("= 520");
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await page.getByRole("tab", { name: "YAML" }).click();
  await expect(page.locator(".cm-activeLine")).toContainText("conv");
  await openExample(page, "resnet50");
  await page.getByRole("tab", { name: "Picture" }).click();
  await page.getByLabel("What is drawn").selectOption("Feature maps to scale");
  const picture = page.getByRole("region", { name: "Picture of the network" }).locator("svg");
  const part = () => picture.evaluate((svg) => svg.getBoundingClientRect().width / (svg as SVGSVGElement).viewBox.baseVal.width);
  await expect.poll(part).toBeGreaterThan(0.6); // its words can be read
  await page.getByRole("button", { name: "Fit the pane" }).click();
  await expect.poll(part).toBeLessThan(0.6);
});

test("the list of downloads is used with arrows, and Escape goes back to its button", async ({ ready: page }) => {
  const button = page.getByRole("button", { name: "Download" });
  await button.focus();
  await page.keyboard.press("Enter");
  const list = page.locator("#downloads");
  await expect(list.getByRole("button", { name: "SVG" })).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(button).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(list.getByRole("button", { name: "SVG" })).toBeFocused();
  for (let count = 0; count < 2; count += 1) await page.keyboard.press("ArrowDown");
  const event = page.waitForEvent("download");
  await page.keyboard.press("Enter");
  expect((await event).suggestedFilename()).toBe("net.csv");
});
