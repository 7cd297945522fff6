// The client: starts `mtl lsp` and leaves everything else to it.

const vscode = require("vscode");
const { LanguageClient, RevealOutputChannelOn } = require("vscode-languageclient/node");

let client;
// Starts and stops follow each other: a client that is about to start cannot be stopped.
let last = Promise.resolve();

class Client extends LanguageClient {
  started = false;

  // A start that fails is told by `start`, once.
  error(message, data, show) {
    super.error(message, data, this.started ? show : false);
  }
}

// A file with mistakes is not formatted; whoever formats at every save wants no window each time.
async function format(document, options, token, next) {
  try {
    return await next(document, options, token);
  } catch (error) {
    vscode.window.setStatusBarMessage(`MTL: ${error.message ?? error}`, 5000);
    return null;
  }
}

function create() {
  const command = vscode.workspace.getConfiguration("mtl").get("path", "mtl");
  // Without a transport the client speaks over standard input and output and adds no argument.
  const server = { command, args: ["lsp"] };
  const options = {
    documentSelector: [{ language: "mtl", scheme: "file" }, { language: "mtl", scheme: "untitled" }],
    // What a request met with is for the output panel, not for a window over the text.
    revealOutputChannelOn: RevealOutputChannelOn.Never,
    middleware: { provideDocumentFormattingEdits: format },
  };
  return new Client("mtl", "MTL", server, options);
}

async function start() {
  client = create();
  try {
    await client.start();
    client.started = true;
  } catch (error) {
    // Nobody waits for the answer: until it came, no command could be given and no new path tried.
    tell(error);
  }
}

async function tell(error) {
  const choice = await vscode.window.showErrorMessage(
    `The MTL language server did not start: ${error.message ?? error}. Is the command \`mtl\` installed?`,
    "Set its path",
  );
  if (choice) {
    await vscode.commands.executeCommand("workbench.action.openSettings", "mtl.path");
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

function inTurn(...works) {
  for (const work of works) {
    last = last.then(work, work);
  }
  return last;
}

async function activate(context) {
  context.subscriptions.push(
    vscode.commands.registerCommand("mtl.restart", () => inTurn(stop, start)),
    vscode.workspace.onDidChangeConfiguration(async (change) => {
      if (change.affectsConfiguration("mtl.path")) {
        await inTurn(stop, start);
      }
    }),
  );
  await inTurn(start);
}

module.exports = { activate, deactivate: () => inTurn(stop) };
