import { defineConfig } from "@playwright/test";

const STATIC_PORT = 8124;

export default defineConfig({
  testDir: "tests",
  timeout: 45_000,
  expect: { timeout: 10_000 },
  workers: Number(process.env["WORKERS"] ?? 2),
  reporter: [["list"]],
  forbidOnly: true,
  retries: process.env["CI"] ? 1 : 0, // a machine that is busy: a time is measured again, once
  use: {
    viewport: { width: 1280, height: 800 },
    permissions: ["clipboard-read", "clipboard-write"],
    launchOptions: { executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium", args: ["--no-sandbox"] },
  },
  projects: [
    { name: "server", grepInvert: /@static/, metadata: { engine: "server" } },
    { name: "static", grepInvert: /@server/, metadata: { engine: "static", address: `http://127.0.0.1:${STATIC_PORT}/` } },
  ],
  webServer: { command: `node scripts/serve-static.mjs ${STATIC_PORT}`, port: STATIC_PORT, reuseExistingServer: false },
});
