// A thin client: everything that it shows comes from `shapecalc lsp`.
"use strict";

const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

function options() {
  const settings = vscode.workspace.getConfiguration("shapecalc");
  const [command, ...args] = settings.get("command");
  const patterns = settings.get("yamlFiles");
  const selector = [{ language: "shapecalc" }, ...patterns.map((pattern) => ({ language: "yaml", pattern }))];
  return { server: { command, args }, client: { documentSelector: selector, synchronize: {
    fileEvents: patterns.map((pattern) => vscode.workspace.createFileSystemWatcher(pattern)) } } };
}

async function start() {
  const found = options();
  client = new LanguageClient("shapecalc", "shapecalc", found.server, found.client);
  try {
    await client.start();
  } catch (error) {
    const hint = "Install it with: pip install 'shapecalc-nn[lsp]', or set shapecalc.command.";
    vscode.window.showErrorMessage(`shapecalc: ${found.server.command} cannot be started. ${hint}`);
  }
}

async function stop() {
  const running = client;
  client = undefined;
  if (running && running.needsStop()) await running.stop();
}

async function restart() {
  await stop();
  await start();
}

exports.activate = async (context) => {
  context.subscriptions.push(
    vscode.commands.registerCommand("shapecalc.restart", restart),
    vscode.workspace.onDidChangeConfiguration((change) => change.affectsConfiguration("shapecalc") && restart()),
  );
  await start();
};

exports.deactivate = stop;
