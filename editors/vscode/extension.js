// The client: starts `mtl lsp` and leaves everything else to it.

const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

function create() {
  const command = vscode.workspace.getConfiguration("mtl").get("path", "mtl");
  // Without a transport the client speaks over standard input and output and adds no argument.
  const server = { command, args: ["lsp"] };
  const options = {
    documentSelector: [{ language: "mtl", scheme: "file" }, { language: "mtl", scheme: "untitled" }],
  };
  return new LanguageClient("mtl", "MTL", server, options);
}

async function start() {
  client = create();
  try {
    await client.start();
  } catch (error) {
    const choice = await vscode.window.showErrorMessage(
      `The MTL language server did not start: ${error.message ?? error}. Is the command \`mtl\` installed?`,
      "Set its path",
    );
    if (choice) {
      await vscode.commands.executeCommand("workbench.action.openSettings", "mtl.path");
    }
  }
}

async function stop() {
  const running = client;
  client = undefined;
  // A server that never started cannot be stopped.
  if (running?.isRunning()) {
    await running.stop();
  }
}

async function restart() {
  await stop();
  await start();
}

async function activate(context) {
  context.subscriptions.push(
    vscode.commands.registerCommand("mtl.restart", restart),
    vscode.workspace.onDidChangeConfiguration(async (change) => {
      if (change.affectsConfiguration("mtl.path")) {
        await restart();
      }
    }),
  );
  await start();
}

module.exports = { activate, deactivate: stop };
