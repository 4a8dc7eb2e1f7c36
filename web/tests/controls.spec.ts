import { readFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import { Server, drop, expect, isReady, openExample, test, textOf, write } from "./fixtures";

const FAMILY = `input: 1x64x64
vars: {width: 40}
layers:
  - conv: {out_channels: width, kernel_size: 5}
variants:
  wide: {vars: {width: 400}}
  narrow: {vars: {width: 10}}
  exact: {vars: {width: 30}}
`;

async function exact(page: Page, name: string, value: string): Promise<void> {
  await page.getByRole("spinbutton", { name: `${name}, exact` }).fill(value);
  await page.keyboard.press("Enter");
}

test("a slider at which the first layer fails stays, with Reset, and the error says that it is the one", async ({ ready: page }) => {
  const slider = page.getByRole("slider", { name: "input H" });
  await slider.focus();
  await page.keyboard.press("Home");
  await exact(page, "input H", "3");
  await expect(page.locator(".problem")).toContainText("the 5×5 window does not fit its 3×3 input");
  await expect(page.locator(".problem")).toContainText("input is set to 3×3×1: with 28×28×1, as in the text, there is no error");
  await expect(slider).toBeVisible();
  await expect(slider).toHaveValue("3");
  await exact(page, "input H", "12");
  await expect(page.locator("#problems")).toBeHidden();
  await exact(page, "input H", "1");
  await expect(page.locator(".problem")).toBeVisible();
  await page.getByRole("button", { name: "Reset" }).click();
  await expect(page.locator("#problems")).toBeHidden();
  await expect(slider).toHaveValue("28");
  await expect(page.getByRole("button", { name: "Reset" })).toBeHidden();
});

test("controls stay while the text cannot be read", async ({ ready: page }) => {
  await write(page, "layers: {\n");
  await expect(page.locator(".problem.is-error").first()).toBeVisible();
  await expect(page.getByRole("slider", { name: "input H" })).toBeVisible();
});

test("the error of a number that is typed leads to where its value is in the text", async ({ ready: page }) => {
  await exact(page, "input H", "0");
  await expect(page.locator(".problem")).toContainText("an input size must be a whole number of at least 1, not 0");
  await page.getByRole("button", { name: "Line 3" }).click();
  await expect(page.locator(".cm-activeLine")).toContainText("input: 28x28x1");
});

test("a square input shows both of its sides at once, also where one of them has the focus", async ({ ready: page }) => {
  const [height, width] = ["H", "W"].map((side) => page.getByRole("spinbutton", { name: `input ${side}, exact` }));
  if (!height || !width) throw new Error("no sides");
  await width.fill("0");
  await page.keyboard.press("Enter");
  await expect(height).toHaveValue("0");
  await expect(width).toBeFocused();
  await page.evaluate(() => document.querySelector<HTMLButtonElement>("#reset button")?.click()); // the focus stays
  await expect(width).toHaveValue("28");
  await width.fill("");
  await page.keyboard.press("Tab");
  await expect(width).toHaveValue("28");
});

test("arrows go on from the value of a variant, and from one that was typed", async ({ ready: page }) => {
  await write(page, FAMILY);
  const slider = page.getByRole("slider", { name: "width", exact: true });
  await page.getByLabel("Variant").selectOption("narrow");
  await expect(slider).toHaveValue("10");
  await page.getByLabel("Variant").selectOption("wide");
  await expect(slider).toHaveValue("400");
  await slider.focus();
  await page.keyboard.press("ArrowRight");
  await expect(slider).toHaveValue("408");
  await expect(page.locator("#total-output .large")).toHaveText("408×60×60");
  await exact(page, "width", "2001");
  await slider.focus();
  await page.keyboard.press("ArrowLeft");
  await expect(slider).toHaveValue("2000");
  await page.getByLabel("Variant").selectOption("exact");
  await expect(slider).toHaveValue("30");
  await slider.focus();
  await page.keyboard.press("ArrowRight");
  await expect(slider).toHaveValue("32");
});

test("what is downloaded is what is seen, with the values in its name", async ({ ready: page }) => {
  await openExample(page, "unet");
  await exact(page, "width", "32");
  await expect(page.locator("#total-parameters .full")).toHaveText("7,759,554");
  const before = await textOf(page);
  const get = async (title: string): Promise<[string, string]> => {
    await page.getByRole("button", { name: "Download" }).click();
    const event = page.waitForEvent("download");
    await page.locator("#downloads").getByRole("button", { name: title, exact: true }).click();
    const download = await event;
    return [download.suggestedFilename(), readFileSync(await download.path(), "utf8")];
  };
  const [name, text] = await get("YAML");
  expect(name).toBe("unet_width=32.yaml");
  expect(text).toContain("vars: {width: 32, classes: 2");
  await expect(page.locator("#toast")).toHaveText("unet_width=32.yaml is downloaded: with width = 32");
  const [, code] = await get("PyTorch code");
  expect(code).toContain("7,759,554 parameters");
  expect(await textOf(page)).toBe(before);
});

test("what is downloaded of a variant has its name, and a specification says how it is read", async ({ ready: page }) => {
  await write(page, FAMILY);
  await page.getByLabel("Variant").selectOption("narrow");
  await expect(page.locator("#total-output .large")).toHaveText("10×60×60");
  for (const [title, due, said] of [["CSV", "net_narrow.csv", "net_narrow.csv is downloaded"], ["YAML", "net.yaml", "net.yaml is downloaded; it has all variants, and net.yaml:narrow is the one that is shown"]] as const) {
    await page.getByRole("button", { name: "Download" }).click();
    const event = page.waitForEvent("download");
    await page.locator("#downloads").getByRole("button", { name: title, exact: true }).click();
    expect((await event).suggestedFilename()).toBe(due);
    await expect(page.locator("#toast")).toHaveText(said);
  }
});

test("pictures are downloaded light, whatever the page is", async ({ ready: page }) => {
  await page.emulateMedia({ colorScheme: "dark" });
  for (const view of ["Table", "Picture", "Memory"]) {
    await page.getByRole("tab", { name: view }).click();
    await page.getByRole("button", { name: "Download" }).click();
    const event = page.waitForEvent("download");
    await page.locator("#downloads").getByRole("button", { name: "SVG", exact: true }).click();
    const svg = readFileSync(await (await event).path(), "utf8");
    expect(svg).toMatch(/#ffffff|#fff\b|white/);
    expect(svg).not.toContain("#0d1117");
  }
});

test("totals above 2^53 are exact", async ({ ready: page }) => {
  await write(page, "input: 94906267\nlayers:\n  - fc: {out_features: 94906267, bias: false}\n");
  await expect(page.locator("#total-parameters .full")).toHaveText("9,007,199,515,875,289");
  await expect(page.locator("#announcer")).toContainText("9,007,199,515,875,289 parameters");
});

test("a size of a file that is no size is asked for again", async ({ ready: page }) => {
  await drop(page, "tests/data/onnx/attention_dynamic.ts.onnx");
  const dialog = page.getByRole("dialog", { name: "Which input size?" });
  await dialog.getByRole("textbox").fill("9xx32");
  await page.keyboard.press("Enter");
  await expect(dialog.getByRole("alert")).toContainText("is not a size");
  await dialog.getByRole("textbox").fill("9x32");
  await page.keyboard.press("Enter");
  await expect(dialog).toBeHidden();
  await expect(page.locator("#file")).toHaveText(/attention_dynamic.*\.yaml/);
});

test("@server a bundled family has a list of its variants, and a size of the command is that of the slider", async ({ watched: page }) => {
  const server = new Server();
  await page.goto(await server.start(0, "resnet18", "--input", "3x64x64"));
  await isReady(page);
  await expect(page.locator("#total-parameters .full")).toHaveText("11,689,512");
  await expect(page.getByLabel("Variant")).toHaveValue("resnet18");
  await exact(page, "input H", "96");
  await expect(page.locator(".layers tbody tr").first()).toContainText("64×48×48");
  await page.getByLabel("Variant").selectOption("resnet34");
  await expect(page.locator("#total-parameters .full")).toHaveText("21,797,672");
  await server.stop();
});
