import { drop, dropText, expect, isReady, openExample, test, textOf, write, slack } from "./fixtures";

const SMALL = "layout: HWC\ninput: 28x28x1\nlayers:\n";

test("a layer that is typed has its size behind it, in the table and in the totals", async ({ ready: page }) => {
  await write(page, SMALL);
  await page.keyboard.type("  - conv: {out_channels: 20, kernel_size: 5");
  await page.keyboard.press("Escape");
  await page.keyboard.press("ControlOrMeta+End");
  await expect(page.locator(".ghost")).toHaveText("→ 24×24×20 · 520 params");
  await expect(page.locator(".layers tbody tr")).toContainText(["conv1"]);
  await expect(page.locator("#total-parameters .large")).toHaveText("520");
  await expect(page.locator("#total-output .large")).toHaveText("24×24×20");
  await expect(page.locator("#announcer")).toHaveText("520 parameters, 288,000 MACs, output 24×24×20");
});

test("kinds of layer and arguments are completed", async ({ ready: page }) => {
  await write(page, `${SMALL}  - `);
  await page.keyboard.type("max_po");
  const list = page.getByRole("listbox");
  await expect(list.getByRole("option").first()).toContainText("max_pool");
  await page.waitForTimeout(100); // what is pressed just when a list opens was not meant for it
  await page.keyboard.press("Escape");
  await page.keyboard.type("ol: {ker");
  await expect(list.getByRole("option").first()).toContainText("kernel_size");
  await page.waitForTimeout(100);
  await page.keyboard.press("Tab");
  await expect(page.locator(".cm-content")).toContainText("- max_pool: {kernel_size");
});

test("a kind is completed with the arguments that it requires, and those that are used most are the first", async ({ ready: page }) => {
  await write(page, `${SMALL}  - `);
  await page.keyboard.press("ControlOrMeta+Space");
  const options = page.getByRole("listbox").getByRole("option");
  await expect(options.first()).toContainText("conv");
  await expect(options.nth(1)).toContainText("relu");
  await page.waitForTimeout(100);
  await page.keyboard.press("Enter");
  await expect(page.locator(".cm-content")).toContainText("- conv: {out_channels: out_channels, kernel_size: kernel_size}");
  await page.keyboard.type("20");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Tab");
  await page.keyboard.type("5");
  await expect(page.locator("#total-output .large")).toHaveText("24×24×20");
  await page.keyboard.press("Escape");
});

test("Tab goes from the last field of a layer behind it, and Enter begins the next one", async ({ ready: page }) => {
  await write(page, `${SMALL}  - `);
  await page.keyboard.press("ControlOrMeta+Space");
  await expect(page.getByRole("listbox").getByRole("option").first()).toContainText("conv");
  await page.waitForTimeout(100);
  await page.keyboard.press("Enter");
  for (const value of ["20", "5"]) {
    await page.keyboard.type(value);
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("Enter");
  await page.keyboard.type("relu");
  await expect(page.locator("#total-layers .large")).toHaveText("2");
  expect(await textOf(page)).toContain("- conv: {out_channels: 20, kernel_size: 5}  - relu");
});

test("a network without parameters is announced with 0 of them", async ({ ready: page }) => {
  await write(page, `${SMALL}  - relu\n`);
  await expect(page.locator("#announcer")).toHaveText("0 parameters, 0 MACs, output 28×28×1");
});

test("long lines are within a phone, with the sizes behind them", async ({ ready: page, context, address }) => {
  await page.close();
  const phone = await context.newPage();
  await phone.setViewportSize({ width: 390, height: 844 });
  await phone.goto(address);
  await isReady(phone);
  await openExample(phone, "unet");
  await expect(phone.locator(".ghost").first()).toBeAttached();
  expect(await phone.locator(".cm-scroller").evaluate((one) => one.scrollWidth - one.clientWidth)).toBe(0);
});

test("a Caffe file without a size asks for it", async ({ ready: page }) => {
  await dropText(page, "net.prototxt", 'layer { name: "d" type: "Data" top: "d" }\nlayer { name: "r" type: "ReLU" bottom: "d" top: "r" }\n');
  const dialog = page.getByRole("dialog", { name: "Which input size?" });
  await expect(dialog).toContainText("does not state the size of d");
  await dialog.getByRole("textbox").fill("3x8x8");
  await page.keyboard.press("Enter");
  await expect(page.locator("#file")).toHaveText("net.yaml");
  await expect(page.locator("#total-output .large")).toHaveText("3×8×8");
});

test("Enter goes on with a list, and ends it at an empty item", async ({ ready: page }) => {
  await write(page, `${SMALL}  - conv: {out_channels: 20, kernel_size: 5}`);
  await page.keyboard.press("Enter");
  await page.keyboard.type("flatten");
  await expect(page.locator("#total-output .large")).toHaveText("11520");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Enter");
  await expect(page.locator(".cm-activeLine")).toHaveText("  - ");
  await page.keyboard.press("Enter");
  await expect(page.locator(".cm-activeLine")).toHaveText("");
  await page.keyboard.insertText("  - conv:");
  await page.keyboard.press("Enter");
  await expect(page.locator(".cm-activeLine")).not.toContainText("-"); // its arguments follow
});

test("undo does not empty the page that nothing was done on", async ({ ready: page }) => {
  const before = await textOf(page);
  await page.locator(".cm-content").click();
  await page.keyboard.press("ControlOrMeta+z");
  expect(await textOf(page)).toBe(before);
  await openExample(page, "lenet5");
  await page.locator(".cm-content").click();
  await page.keyboard.press("ControlOrMeta+z");
  await expect(page.locator(".cm-content")).toContainText("name: digits");
});

test("numbers of lines, and names in the table, stay over what is scrolled sideways", async ({ ready: page }) => {
  const isOpaque = (selector: string) =>
    page.locator(selector).first().evaluate((one) => !/, 0\)|transparent/.test(getComputedStyle(one).backgroundColor));
  expect(await isOpaque(".cm-gutters")).toBe(true);
  expect(await isOpaque(".layers tbody .col-name")).toBe(true);
  await write(page, `${SMALL}  - conv: {out_channels: 20, kernel_size: 5, padding: 0, stride: 1, dilation: 1, groups: 1, bias: true}`);
  const scrolled = () => page.locator(".cm-scroller").evaluate((scroller) => scroller.scrollLeft);
  expect(await scrolled()).toBeGreaterThan(0);
  await page.keyboard.press("Enter");
  expect(await scrolled()).toBe(0); // the begin of the line, which the cursor is near
  await page.setViewportSize({ width: 390, height: 844 });
  await page.getByRole("tab", { name: "Table" }).click();
  const name = page.locator(".layers tbody .col-name").first();
  const before = await name.boundingBox();
  await page.locator("#panel-table").evaluate((panel) => panel.scrollBy(60, 0));
  expect((await name.boundingBox())?.x).toBe(before?.x);
});

test("a shape error is underlined, says why, and its hint is a quick fix", async ({ ready: page }) => {
  await drop(page, "docs/shape_error.yaml");
  const problem = page.locator(".problem");
  await expect(problem).toContainText("Line 8");
  await expect(problem).toContainText("the 5×5 window does not fit its 2×2 input");
  await expect(problem).toContainText("padding: 2 would fit, or kernel_size at most 2");
  await expect(page.locator(".cm-lintRange-error")).toHaveText("conv");
  await expect(page.locator("#totals")).toHaveClass(/is-incomplete/);
  await problem.getByRole("button", { name: "padding 0 → 2" }).click();
  await expect(page.locator("#problems")).toBeHidden();
  await expect(page.locator(".cm-content")).toContainText("kernel_size: 5, padding: 2}");
  await expect(page.locator("#total-output .large")).toHaveText("2×2×256");
  await page.keyboard.press("ControlOrMeta+z");
  await expect(problem).toContainText("does not fit");
  await expect(problem.getByRole("button", { name: "padding 0 → 2" })).toBeVisible();
  await page.keyboard.press("ControlOrMeta+.");
  await expect(page.locator("#problems")).toBeHidden();
});

test("a broken text says so, and what was known stays in view", async ({ ready: page }) => {
  await page.locator(".cm-content").click();
  await page.keyboard.press("ControlOrMeta+Home");
  await page.keyboard.insertText("layers: {\n");
  await expect(page.locator(".problem.is-error").first()).toBeVisible();
  await expect(page.locator(".layers tbody tr")).not.toHaveCount(0);
});

test("an ONNX file that is dropped becomes a specification; one with a dynamic size asks for it", async ({ ready: page }) => {
  await drop(page, "tests/data/onnx/maps.dynamo.onnx");
  await expect(page.locator("#file")).toHaveText(/maps\.dynamo.*\.yaml/);
  await expect(page.locator(".cm-content")).toContainText("inputs: {x: 3x24x24}");
  await expect(page.locator(".layers tbody tr").first()).toContainText("16×24×24");
  await drop(page, "tests/data/onnx/attention_dynamic.ts.onnx");
  const dialog = page.getByRole("dialog", { name: "Which input size?" });
  await expect(dialog).toContainText("is dynamic");
  await dialog.getByRole("textbox").fill("9x32");
  await page.keyboard.press("Enter");
  await expect(page.locator("#file")).toHaveText(/attention_dynamic.*\.yaml/);
  await expect(page.locator(".layers tbody tr").first()).toContainText("9×");
});

test("a file that is none says so, and the text stays", async ({ ready: page }) => {
  await drop(page, "tests/data/keras_models.json.gz");
  await expect(page.locator("#toast.is-error")).toBeVisible();
  await expect(page.locator(".cm-content")).toContainText("name: digits");
});

test("sliders change the input size and variables, not the text", async ({ ready: page }) => {
  await openExample(page, "unet");
  await expect(page.locator("#total-output .large")).toHaveText("2×388×388");
  const before = await textOf(page);
  const width = page.getByRole("slider", { name: "width", exact: true });
  const box = await width.boundingBox();
  if (!box) throw new Error("no slider");
  await page.mouse.move(box.x + box.width * 0.25, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + box.height / 2, { steps: 5 });
  await page.mouse.up();
  await expect(page.locator("#total-parameters .large")).toHaveText("124 M");
  await page.getByRole("slider", { name: "input H" }).focus();
  for (let count = 0; count < 16; count += 1) await page.keyboard.press("ArrowRight");
  await expect(page.locator("#total-output .large")).toHaveText("2×404×404");
  await expect(page.getByRole("spinbutton", { name: "input W, exact" })).toHaveValue("588");
  expect(await textOf(page)).toBe(before);
  await page.getByRole("button", { name: "Reset" }).click();
  await expect(page.locator("#total-output .large")).toHaveText("2×388×388");
});

test("@time ResNet-50: sizes follow a keystroke within 100 ms", async ({ ready: page }, info) => {
  await openExample(page, "resnet50");
  await expect(page.locator("#total-parameters .full")).toHaveText("25,557,032");
  const line = page.locator(".cm-line", { hasText: "classes: 1000" }).first();
  await line.click();
  await page.keyboard.press("End");
  let median = Infinity;
  // The machine may be busy: the best of five medians.
  for (let round = 0; round < 5 && median >= 100; round += 1) {
    await page.evaluate(() => performance.clearMeasures());
    for (let key = 0; key < 12; key += 1) {
      await page.keyboard.press(key % 2 ? "Backspace" : "7");
      await expect(page.locator("#total-output .large")).toHaveText(key % 2 ? "1000" : "10007");
    }
    const times = await page.evaluate(() => performance.getEntriesByName("keystroke to sizes").map(({ duration }) => duration));
    expect(times.length).toBeGreaterThan(5); // answers that were overtaken have none
    median = Math.min(median, times.sort((a, b) => a - b)[times.length >> 1] ?? Infinity);
  }
  info.annotations.push({ type: "keystroke to sizes", description: `${median.toFixed(0)} ms` });
  console.log(`${info.project.name}: ResNet-50, keystroke to sizes ${median.toFixed(0)} ms`);
  expect(median).toBeLessThan(100 * slack);
});
