// The client with a stand-in for VS Code: which command it starts, for which documents.
"use strict";

const assert = require("node:assert");
const Module = require("node:module");
const test = require("node:test");

const manifest = require("../package.json");

function loaded(settings, fails = false) {
  const seen = { clients: [], errors: [], commands: {} };
  const values = Object.fromEntries(
    Object.entries(manifest.contributes.configuration.properties).map(([key, one]) => [key.split(".")[1], one.default]),
  );
  const stubs = {
    vscode: {
      workspace: {
        getConfiguration: () => ({ get: (key) => ({ ...values, ...settings })[key] }),
        createFileSystemWatcher: (pattern) => ({ pattern }),
        onDidChangeConfiguration: (handler) => (seen.changed = handler),
      },
      window: { showErrorMessage: (text) => seen.errors.push(text) },
      commands: { registerCommand: (name, work) => (seen.commands[name] = work) },
    },
    "vscode-languageclient/node": {
      LanguageClient: class {
        constructor(id, name, server, client) {
          Object.assign(this, { id, server, client, running: false });
          seen.clients.push(this);
        }
        async start() {
          if (fails) throw new Error("ENOENT");
          this.running = true;
        }
        needsStop() { return this.running; }
        async stop() { this.running = false; }
      },
    },
  };
  const load = Module._load;
  Module._load = (name, ...rest) => stubs[name] ?? load(name, ...rest);
  delete require.cache[require.resolve("../extension.js")];
  const extension = require("../extension.js");
  Module._load = load;
  return { extension, seen };
}

test("it starts the command of the settings for specifications and YAML files", async () => {
  const { extension, seen } = loaded({ command: ["/bin/shapecalc", "lsp"] });
  await extension.activate({ subscriptions: [] });
  assert.deepStrictEqual(seen.clients[0].server, { command: "/bin/shapecalc", args: ["lsp"] });
  assert.deepStrictEqual(seen.clients[0].client.documentSelector, [
    { language: "shapecalc" },
    { language: "yaml", pattern: "**/*.yaml" },
    { language: "yaml", pattern: "**/*.yml" },
  ]);
});

test("it starts again when its settings change, and stops", async () => {
  const { extension, seen } = loaded({});
  await extension.activate({ subscriptions: [] });
  await seen.changed({ affectsConfiguration: (name) => name === "shapecalc" });
  assert.deepStrictEqual(seen.clients.map((one) => one.running), [false, true]);
  await extension.deactivate();
  assert.deepStrictEqual(seen.clients.map((one) => one.running), [false, false]);
});

test("a command that is missing is said, with what installs it", async () => {
  const { extension, seen } = loaded({}, true);
  await extension.activate({ subscriptions: [] });
  assert.match(seen.errors[0], /pip install 'shapecalc-nn\[lsp\]'/);
});
