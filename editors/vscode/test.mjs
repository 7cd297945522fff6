// Tries the extension in Visual Studio Code as a user would: `node test.mjs [PATH OF mtl] [FOLDER FOR PICTURES]`.
//
// The editor is code-server, which is Visual Studio Code behind a web page, and Chromium shows the page without a window;
// `test-tools.sh` installs the first. Where one of them is not there this says so and does nothing. It packages the extension
// with `package.sh`, which needs npm's registry. Prints one line for each thing tried, and ends with a code other than 0 when
// one fails; of every step there is a picture if a folder is named for them.

import { execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const TOOLS = process.env.MTL_VSCODE_TOOLS ?? path.join(HERE, "../../target/vscode-tools");
const PATIENCE = 30_000;
// The settings of the machine that the server runs on, where a path belongs; to the editor it is not the browser's.
const MACHINE = "user/Machine/settings.json";

const STUDY = `import "films.mtl" { cohort }
import "nets.mtl" { tiny }

param epochs: int = 3

let lesions = cohort |> classify("severity", { malignant: ["M"], benign: ["B"] })
let short = |> finetune(lesions, epoch: epochs)
let arms = { short: short, long: |> finetune(lesions, epochs: 2*epochs) }
let scores = for arm in arms { tiny(classes: 2) |> arm |> evaluate(lesions) }

out study = scores |> report(compare: "arm", baseline: "short")
`;
const FILMS = `/// Films of the breast.
let films = table("manifest.csv") |> rgbb |> resize(32)

/// Two folds by patient.
let cohort = films |> split(kfold(2), by: "patient", seed: 7)
`;
const NETS = `/// A small net.
net tiny(classes: int = 2) {
  x |> conv1: conv(8, 3) |> relu |> global_avgpool |> fc: linear(classes)
}
`;
const MANIFEST = "image,patient,severity\n1.png,p1,M\n2.png,p2,B\n3.png,p3,M\n4.png,p4,B\n";

function check(right, what) {
  if (!right) {
    throw new Error(what);
  }
}

// Waits until `ready` gives something other than a false value, and gives that.
async function until(what, ready) {
  const end = Date.now() + PATIENCE;
  let last;
  while (Date.now() < end) {
    last = await ready();
    if (last) {
      return last;
    }
    await new Promise((wake) => setTimeout(wake, 100));
  }
  throw new Error(`waited in vain: ${what}`);
}

function found(names) {
  const folders = (process.env.PATH ?? "").split(path.delimiter);
  const files = names.flatMap((name) => folders.map((folder) => path.join(folder, name)));
  return files.find((file) => fs.existsSync(file));
}

// The programs this needs, or nothing after saying which one is missing.
function tools() {
  const chromium = process.env.CHROMIUM ?? found(["chromium", "chromium-browser", "google-chrome"]);
  const server = path.join(TOOLS, "node_modules/code-server/out/node/entry.js");
  if (!chromium) {
    console.log("SKIPPED: no chromium in PATH, and CHROMIUM does not name one");
  } else if (!fs.existsSync(server)) {
    console.log(`SKIPPED: no code-server in ${TOOLS}; test-tools.sh installs it`);
  } else {
    return { chromium, server, playwright: createRequire(server)("playwright-core") };
  }
}

function freePort() {
  return new Promise((give, fail) => {
    const probe = net.createServer().on("error", fail);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => give(port));
    });
  });
}

// A folder with the study, the editor's own files and the extension installed.
function layOut(root, server, command) {
  const files = {
    "study/.git/HEAD": "",
    "study/study.mtl": STUDY,
    "study/films.mtl": FILMS,
    "study/nets.mtl": NETS,
    "study/manifest.csv": MANIFEST,
    "config.yaml": "",
    "user/User/settings.json": JSON.stringify({
      "files.autoSave": "off",
      "security.workspace.trust.enabled": false,
      "telemetry.telemetryLevel": "off",
      "workbench.startupEditor": "none",
    }),
    [MACHINE]: JSON.stringify({ "mtl.path": command }),
  };
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(root, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
  }
  execFileSync("sh", [path.join(HERE, "package.sh")], { stdio: ["ignore", "ignore", "inherit"] });
  const { version } = JSON.parse(fs.readFileSync(path.join(HERE, "package.json"), "utf8"));
  const vsix = path.join(HERE, `mtl-${version}.vsix`);
  execFileSync("node", [server, ...places(root), "--install-extension", vsix], { stdio: ["ignore", "ignore", "inherit"] });
}

function places(root) {
  return [
    ...["--config", path.join(root, "config.yaml")],
    ...["--user-data-dir", path.join(root, "user")],
    ...["--extensions-dir", path.join(root, "extensions")],
  ];
}

// What a user does and sees.
class Editor {
  constructor(page, root) {
    this.page = page;
    this.root = root;
    this.keys = page.keyboard;
  }

  disk(name) {
    return fs.readFileSync(path.join(this.root, "study", name), "utf8");
  }

  // Text of all that a selector finds, with plain spaces.
  async text(selector) {
    const all = await this.page.locator(selector).allInnerTexts();
    return all.join("\n").replaceAll("\u00a0", " ");
  }

  see(selector, part) {
    return until(`${part} in ${selector}`, async () => (await this.text(selector)).includes(part));
  }

  async open(name) {
    await this.page.locator(".explorer-folders-view .monaco-list-row", { hasText: name }).first().dblclick();
    await this.see(".tab.active", name);
    await this.page.locator(".editor-instance .view-lines").first().click();
  }

  // Runs a command of the palette by its whole title.
  async command(title) {
    await this.keys.press("F1");
    await this.page.locator(".quick-input-box input").first().fill(`>${title}`);
    await this.page.locator(".quick-input-list .monaco-list-row", { hasText: title }).first().click();
  }

  // Puts the cursor at the first place of a pattern in a file as it is on the disk, moved on by some characters.
  async at(name, pattern, along = 0) {
    const before = this.disk(name).split(pattern);
    check(before.length > 1, `no ${pattern} in ${name}`);
    const lines = before[0].split("\n");
    const place = { line: lines.length, column: lines.at(-1).length + 1 + along };
    await this.keys.press("Control+g");
    await this.page.locator(".quick-input-box input").first().fill(`:${place.line}:${place.column}`);
    await this.keys.press("Enter");
    await this.see("footer .statusbar-item", `Ln ${place.line}, Col ${place.column}`);
  }

  async save() {
    await this.command("File: Save All Files");
  }

  saved(name, part) {
    return until(`${part} in ${name}`, () => this.disk(name).includes(part));
  }

  settings() {
    return fs.readFileSync(path.join(this.root, MACHINE), "utf8");
  }

  // Writes the settings of the server's machine in the editor, which takes notice only then at once.
  async setSettings(text) {
    await this.command("Preferences: Open Remote Settings (JSON)");
    await this.see(".tab.active", "settings.json");
    await this.page.locator(".editor-instance .view-lines").first().click();
    await this.keys.press("Control+a");
    await this.keys.press("Delete");
    await this.keys.insertText(text);
    await this.save();
    await until("the settings", () => this.settings() === text);
  }
}

async function diagnostics(editor) {
  await editor.open("study.mtl");
  await editor.page.locator(".squiggly-error").first().waitFor({ timeout: PATIENCE });
  await editor.command("Problems: Focus on Problems View");
  await editor.see(".markers-panel", "did you mean `epochs`?");
  await editor.see(".markers-panel", "`rgbb` is not defined");
}

// What the grammar and the server say of a word's colour.
async function colours(editor) {
  const wanted = [
    ["study.mtl", "let", "keyword.control.declaration.mtl", "keyword"],
    ["study.mtl", "finetune", "entity.name.function.mtl", "function"],
    ["study.mtl", '"severity"', "string.quoted.double.mtl", "string"],
    ["study.mtl", "3", "constant.numeric.mtl", "number"],
    ["study.mtl", "|>", "keyword.operator.pipe.mtl", undefined],
    ["nets.mtl", "net tiny", "keyword.control.declaration.mtl", "keyword"],
    ["nets.mtl", "tiny", "entity.name.type.class.mtl", "class"],
    ["nets.mtl", "conv1", "variable.parameter.mtl", "label"],
    ["nets.mtl", "/// A", "comment.line.documentation.mtl", "comment"],
  ];
  let name;
  for (const [file, word, scope, type] of wanted) {
    if (file !== name) {
      await editor.open((name = file));
    }
    await editor.at(file, word);
    await editor.command("Developer: Inspect Editor Tokens and Scopes");
    await editor.see(".token-inspect-widget", scope);
    if (type) {
      await editor.see(".token-inspect-widget", `semantic token type\t${type}`);
    }
    await editor.keys.press("Escape");
  }
}

async function hints(editor) {
  await editor.open("study.mtl");
  await editor.see(".view-lines", "let lesions: Task = cohort");
}

async function hover(editor) {
  await editor.at("study.mtl", "finetune", 2);
  await editor.command("Show or Focus Hover");
  await editor.see(".monaco-hover", "not frozen is trained");
}

async function signature(editor) {
  await editor.at("study.mtl", "lesions, epoch", 2);
  await editor.command("Trigger Parameter Hints");
  await editor.see(".parameter-hints-widget", "task: Task");
}

async function completion(editor) {
  await editor.at("study.mtl", "epoch: ", 5);
  await editor.command("Trigger Suggest");
  await editor.see(".suggest-widget", "epochs:");
}

async function fix(editor) {
  await editor.at("study.mtl", "epoch: ", 2);
  await editor.command("Quick Fix...");
  await editor.see(".action-widget", "replace `epoch` with `epochs`");
  await editor.keys.press("Enter");
  await editor.save();
  await editor.saved("study.mtl", "epochs: epochs");
}

async function definition(editor) {
  await editor.at("study.mtl", "tiny(classes", 2);
  await editor.command("Go to Definition");
  await editor.see(".tab.active", "nets.mtl");
  await editor.see("footer .statusbar-item", "Ln 2, Col 5");
}

// A module of the standard library is a file as any other, and one in which nothing is mended.
async function library(editor) {
  await editor.open("study.mtl");
  await editor.at("study.mtl", "finetune", 2);
  await editor.command("Go to Definition");
  await editor.see(".tab.active", "train.mtl");
  await editor.see(".view-lines", "let depth: int = ");
  await editor.command("Quick Fix...");
  await editor.see(".monaco-editor-overlaymessage", "No code actions available");
}

async function rename(editor) {
  await editor.open("films.mtl");
  await editor.at("films.mtl", "cohort =", 2);
  await editor.command("Rename Symbol");
  await editor.page.locator(".rename-box input").fill("folds");
  await editor.keys.press("Enter");
  await editor.see(".view-lines", "let folds");
  await editor.save();
  await editor.saved("films.mtl", "let folds =");
  await editor.saved("study.mtl", "{ folds }");
  await editor.saved("study.mtl", "folds |> classify");
}

// What is typed is checked as it stands, without saving.
async function typing(editor) {
  await editor.at("films.mtl", "rgbb", 4);
  await editor.keys.press("Backspace");
  await until("no errors are left", async () => !(await editor.text(".markers-panel")).includes("rgbb"));
  check(editor.disk("films.mtl").includes("rgbb"), "it was saved");
  await editor.save();
  await editor.saved("films.mtl", "|> rgb |>");
}

async function format(editor) {
  await editor.open("study.mtl");
  await editor.command("Format Document");
  await editor.save();
  await editor.saved("study.mtl", "2 * epochs");
}

// What cannot be formatted is told without a window.
async function unformatted(editor) {
  await editor.at("study.mtl", "out study");
  await editor.keys.type("}");
  await editor.see(".markers-panel", "`}` closes nothing");
  await editor.command("Format Document");
  await editor.see("footer .statusbar-item", "MTL: the file is not formatted");
  await editor.keys.press("Backspace");
  await editor.save();
}

// A wrong path is told once, at every start anew, and a right one starts the server while the message still stands.
async function wrongPath(editor) {
  const message = async () => {
    await editor.see(".notifications-toasts", "The MTL language server did not start");
    const count = await editor.page.locator(".notifications-toasts .notification-list-item").count();
    check(count === 1, `${count} messages`);
  };
  await editor.at("study.mtl", "epochs: epochs");
  await editor.keys.type("x");
  await editor.see(".markers-panel", "no argument `xepochs`");
  const right = editor.settings();
  await editor.setSettings(JSON.stringify({ "mtl.path": "/no/such/mtl" }));
  await message();
  await until("the old server's end", async () => !(await editor.text(".markers-panel")).includes("xepochs"));
  await editor.command("Notifications: Clear All Notifications");
  await until("no message", async () => (await editor.text(".notifications-toasts")) === "");
  await editor.command("MTL: Restart the language server");
  await message();
  await editor.setSettings(right);
  await editor.see(".markers-panel", "no argument `xepochs`");
  await editor.command("Notifications: Clear All Notifications");
  await until("no message", async () => (await editor.text(".notifications-toasts")) === "");
}

const STEPS = {
  ...{ diagnostics, colours, hints, hover, signature, completion, fix, definition, library, rename, typing, format },
  ...{ unformatted, wrongPath },
};

async function run({ chromium, server, playwright }, root, pictures) {
  const port = await freePort();
  const log = fs.openSync(path.join(root, "log"), "a");
  const listening = ["--auth", "none", "--bind-addr", `127.0.0.1:${port}`, "--disable-telemetry", "--disable-update-check"];
  const code = spawn("node", [server, ...places(root), ...listening], {
    stdio: ["ignore", log, log],
    env: { ...process.env, XDG_CACHE_HOME: path.join(root, "cache") },
  });
  const browser = await playwright.chromium.launch({
    executablePath: chromium,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
  try {
    await until("code-server", () => fetch(`http://127.0.0.1:${port}/healthz`).catch(() => undefined));
    const page = await browser.newPage({ viewport: { width: 1500, height: 950 } });
    const editor = new Editor(page, root);
    await page.goto(`http://127.0.0.1:${port}/?folder=${path.join(root, "study")}`);
    for (const [name, step] of Object.entries(STEPS)) {
      try {
        await step(editor);
        check((await editor.text(".notifications-toasts")) === "", "a message is shown");
      } catch (error) {
        throw new Error(`${name}: ${error.message}`);
      } finally {
        if (pictures) {
          await page.screenshot({ path: path.join(pictures, `${name}.png`) });
        }
      }
      await editor.keys.press("Escape");
      console.log(`ok ${name}`);
    }
  } finally {
    await browser.close();
    code.kill();
  }
}

const [, , command = "mtl", pictures] = process.argv;
const needed = tools();
if (needed) {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "mtl-vscode-"));
  try {
    layOut(root, needed.server, command.includes("/") ? path.resolve(command) : command);
    await run(needed, root, pictures);
  } catch (error) {
    console.log(`FAILED ${error.message}`);
    process.exitCode = 1;
  } finally {
    fs.rmSync(root, { recursive: true, force: true });
  }
}
