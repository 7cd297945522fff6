// Tries `mtl watch --web` in Chromium as a researcher would: `node watch.mjs [PATH OF mtl] [FOLDER FOR PICTURES]`.
//
// Needs Chromium and `playwright-core`, which `npm install --no-save --prefix target/browser playwright-core` brings. Where one
// of them is not there this says so and does nothing. Prints one line for each thing tried, and ends with a code other than 0
// when one fails. With a folder it also takes the pictures of the manual, of the page and of the terminal (needs `script`).

import { spawn } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import { fileURLToPath } from "node:url";

const ROOT = path.join(path.dirname(fileURLToPath(import.meta.url)), "../..");
const FILMS = path.join(ROOT, "pipelines/data/cbis-ddsm-mass/manifest.csv");
const PATIENCE = 120_000;

const study = (epochs) => `//! Does pre-training on density help?

import std.models { lenet }

let films = table("${FILMS}") |> resize(28) |> rgb |> normalize(imagenet)
let cohort = films |> split(kfold(4, tuning: 20%), by: "patient", stratify: "label", seed: 7)
let malignancy = cohort |> classify("label", { malignant: ["malignant"], rest: ["benign", "benign_without_callback"] })
let density = cohort |> classify("breast_density", { dense: [3, 4], fatty: [1, 2] })

let starts = { scratch: (model) => model, density: |> pretrain(density, epochs: 6) }
let scores = for start in starts, lr in [1e-2, 1e-3] {
  lenet() |> start |> finetune(malignancy, epochs: ${epochs}, lr: lr) |> evaluate(malignancy)
}

@allow("single_run")
out study = scores |> report(compare: "start", baseline: "scratch")
`;

function check(right, what) {
  if (!right) throw new Error(what);
}

function tools() {
  const names = ["chromium", "chromium-browser", "google-chrome"];
  const folders = (process.env.PATH ?? "").split(path.delimiter);
  const files = names.flatMap((name) => folders.map((folder) => path.join(folder, name)));
  const chromium = process.env.CHROMIUM ?? files.find((file) => fs.existsSync(file));
  const playwright = path.join(ROOT, "target/browser/node_modules/playwright-core/index.js");
  if (!chromium) console.log("SKIPPED: no chromium in PATH, and CHROMIUM does not name one");
  else if (!fs.existsSync(playwright)) console.log("SKIPPED: no playwright-core in target/browser");
  else return { chromium, playwright: createRequire(playwright)("playwright-core") };
}

// A watch whose events are read as they come.
class Watch {
  constructor(mtl, folder, more = []) {
    this.child = spawn(mtl, ["watch", "study.mtl", "--format", "json", "--web", ...more], {
      cwd: folder,
      env: { ...process.env, MTL_STORE: "" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.events = [];
    this.waiting = [];
    readline.createInterface({ input: this.child.stdout }).on("line", (line) => {
      this.events.push(JSON.parse(line));
      this.waiting.splice(0).forEach((wake) => wake());
    });
  }

  async next(what, wanted) {
    const end = Date.now() + PATIENCE;
    for (;;) {
      const place = this.events.findIndex(wanted);
      if (place >= 0) return this.events.splice(0, place + 1).at(-1);
      check(Date.now() < end, `waited in vain: ${what}`);
      await new Promise((wake) => {
        this.waiting.push(wake);
        setTimeout(wake, 1000);
      });
    }
  }

  event(name) {
    return this.next(name, (event) => event.event === name);
  }

  async end() {
    const ended = new Promise((wake) => this.child.once("exit", wake));
    this.child.kill("SIGINT");
    await ended;
  }
}

const STEPS = [];
const step = (what, act) => STEPS.push([what, act]);

step("the page appears with the stages of the study", async ({ page, url }) => {
  await page.goto(url);
  await page.getByRole("heading", { name: "study.mtl" }).waitFor();
  await page.getByRole("row", { name: /prepare films/ }).waitFor();
  check((await page.locator("#steps tbody tr").count()) >= 5, "a row for each step");
});

step("it loads nothing from elsewhere", async ({ requests, url }) => {
  const others = requests.filter((request) => !request.startsWith(url) && !request.startsWith("data:"));
  check(others.length === 0, `it asked for ${others}`);
});

step("it is told of what runs: curves and AUCs fill in", async ({ page, pictures, url, album }) => {
  await page.locator("#curves figure").first().waitFor({ timeout: PATIENCE });
  const cell = page.locator("#matrices td").filter({ hasText: /^0\.\d{3}/ });
  await cell.first().waitFor({ timeout: PATIENCE });
  if (pictures) {
    await cell.nth(1).waitFor({ timeout: PATIENCE });
    await album.goto(url);
    await album.locator("#matrices td").filter({ hasText: /^0\.\d{3}/ }).first().waitFor({ timeout: PATIENCE });
    await album.screenshot({ path: path.join(pictures, "watch-web.png"), fullPage: true });
    await album.goto("about:blank");
  }
});

step("a change of the program shows without a reload", async ({ page, folder }) => {
  fs.writeFileSync(path.join(folder, "study.mtl"), study(3));
  await page.locator("#phase", { hasText: "decision 2" }).waitFor({ timeout: PATIENCE });
});

step("a mistake is told, above the last good results", async ({ page, folder }) => {
  fs.writeFileSync(path.join(folder, "study.mtl"), study(3).replace("classify", "clasify"));
  const alert = page.getByRole("alert");
  await alert.filter({ hasText: "clasify" }).waitFor({ timeout: PATIENCE });
  check((await page.locator("#steps tbody tr").count()) >= 5, "the stages stay");
  fs.writeFileSync(path.join(folder, "study.mtl"), study(3));
  await alert.waitFor({ state: "hidden", timeout: PATIENCE });
});

step("it survives a restart of the watch", async (bench) => {
  await bench.watch.end();
  await bench.page.locator("#phase", { hasText: "does not answer" }).waitFor({ timeout: PATIENCE });
  bench.watch = new Watch(bench.mtl, bench.folder);
  const { url } = await bench.watch.event("serving");
  check(url === bench.url, "the address is the same");
  await bench.page.locator("#phase", { hasText: "decision 1" }).waitFor({ timeout: PATIENCE });
});

step("results stay sealed until they are asked for, with the keyboard alone", async ({ page, watch }) => {
  await watch.next("all has run", (event) => event.event === "settled" && event.failed === 0 && event.skipped === 0);
  await page.locator("#phase", { hasText: "all done" }).waitFor({ timeout: PATIENCE });
  check((await page.getByRole("link", { name: "report" }).count()) === 0, "no report yet");
  for (let tabs = 0; tabs < 20; tabs += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(() => document.activeElement.id === "reveal")) break;
  }
  check(await page.evaluate(() => document.activeElement.id === "reveal"), "the button has the focus");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  check((await page.getByRole("link", { name: "report" }).count()) === 0, "escape reveals nothing");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: "report" }).waitFor({ timeout: PATIENCE });
});

step("the report opens from the page", async ({ page, context }) => {
  const opened = context.waitForEvent("page");
  await page.getByRole("link", { name: "report" }).click();
  const report = await opened;
  await report.waitForLoadState();
  check(/AUC/.test(await report.locator("body").innerText()), "it is the report");
  await report.close();
});

step("it is readable at the width of a telephone", async ({ page }) => {
  await page.setViewportSize({ width: 360, height: 740 });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  check(wide <= 360, `the page is ${wide} wide`);
  const size = await page.evaluate(() => parseFloat(getComputedStyle(document.body).fontSize));
  check(size >= 16, "letters keep their size");
});

step("screen readers are told what is to be seen", async ({ page }) => {
  const unnamed = await page.evaluate(() => {
    const name = (element) => element.getAttribute("aria-label") ?? element.textContent.trim();
    const named = [...document.querySelectorAll("button, a, [role=img], th, svg[role=img]")];
    return named.filter((element) => !name(element)).map((element) => element.outerHTML.slice(0, 80));
  });
  check(unnamed.length === 0, `without a name: ${unnamed}`);
  check((await page.getByRole("status").count()) === 1, "the state is announced");
  check((await page.locator("html[lang=en] main h2").count()) >= 4, "parts have headings");
  const low = await page.evaluate(contrasts);
  check(low.length === 0, `too little contrast: ${low}`);
});

step("nothing went wrong in the browser", async ({ errors }) => {
  check(errors.length === 0, errors.join("\n"));
});

// Colours of text whose contrast with the page is below 4.5 (WCAG 2.2, 1.4.3).
function contrasts() {
  const light = (colour) => {
    const parts = colour.match(/[\d.]+/g).slice(0, 3).map((part) => Number(part) / 255);
    const linear = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const paper = light(getComputedStyle(document.body).backgroundColor);
  const ratio = (colour) => {
    const own = light(colour);
    return (Math.max(own, paper) + 0.05) / (Math.min(own, paper) + 0.05);
  };
  const texts = [...document.querySelectorAll("h1, h2, p, th, td, li, figcaption, caption, a, button")];
  const low = texts.filter((element) => element.offsetParent && ratio(getComputedStyle(element).color) < 4.5);
  return [...new Set(low.map((element) => `${element.tagName} ${element.textContent.slice(0, 40)}`))];
}

// What a terminal shows after the codes that `mtl watch` writes: places, colours, cleared lines.
class Screen {
  constructor() {
    this.lines = [];
    this.row = 0;
    this.style = "";
  }

  write(text) {
    for (const part of text.matchAll(/\x1b\[([?\d;]*)([A-Za-z])|([^\x1b]+)/g)) {
      const [, numbers, code, plain] = part;
      if (plain !== undefined) (this.lines[this.row] ??= []).push([this.style, plain]);
      else if (code === "H") {
        this.row = Number(numbers.split(";")[0] || 1) - 1;
        this.lines[this.row] = [];
      } else if (code === "m") this.style = numbers === "0" ? "" : `s${numbers}`;
      else if (code === "J") this.lines.length = this.row;
    }
  }

  html() {
    const escape = (text) => text.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);
    const lines = [...this.lines].map((line) =>
      (line ?? []).map(([style, text]) => `<span class="${style}">${escape(text.replace(/[\r\n]/g, ""))}</span>`).join(""),
    );
    return `<style>body{margin:0;background:#16181c;color:#e6e8eb}pre{margin:0;padding:16px;font:14px/1.35 "DejaVu Sans Mono",monospace;display:inline-block}
.s1{font-weight:bold}.s2{color:#8b949e}.s31{color:#f2857d}.s32{color:#4fbf8b}.s33{color:#e8a33d}</style><pre>${lines.join("\n")}</pre>`;
  }
}

// The picture of the terminal, taken while trainings run.
async function terminal(bench) {
  fs.rmSync(path.join(bench.folder, ".mtl"), { recursive: true, force: true });
  const command = `stty cols 112 rows 34; exec "${bench.mtl}" watch study.mtl`;
  const child = spawn("script", ["-qfec", command, "/dev/null"], { cwd: bench.folder, stdio: ["pipe", "pipe", "inherit"] });
  const screen = new Screen();
  child.stdout.setEncoding("utf8").on("data", (text) => screen.write(text));
  const text = () => [...screen.lines].flatMap((line) => line ?? []).map(([, text]) => text).join("");
  const end = Date.now() + PATIENCE;
  while (!/0\.\d{3} [23]\/4/.test(text()) || !/tuning 0\./.test(text())) {
    check(Date.now() < end, `the terminal shows no AUC: ${text()}`);
    await new Promise((wake) => setTimeout(wake, 50));
  }
  await bench.album.setContent(screen.html());
  await bench.album.locator("pre").screenshot({ path: path.join(bench.pictures, "watch-terminal.png") });
  child.stdin.write("q");
  await new Promise((wake) => child.once("exit", wake));
}

async function main() {
  const [mtl = "target/release/mtl", pictures] = process.argv.slice(2).map((name) => path.resolve(name));
  const found = tools();
  if (!found) return 0;
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "mtl-watch-"));
  fs.writeFileSync(path.join(folder, "study.mtl"), study(4));
  const browser = await found.playwright.chromium.launch({ executablePath: found.chromium, args: ["--no-sandbox"] });
  const context = await browser.newContext({ viewport: { width: 1000, height: 900 } });
  const page = await context.newPage();
  // For pictures a page into which styles may be put, as is done where they are taken.
  const album = await (await browser.newContext({ viewport: { width: 1100, height: 900 }, bypassCSP: true })).newPage();
  const bench = { mtl: path.resolve(mtl), folder, pictures, page, album, context, requests: [], errors: [] };
  page.on("request", (request) => bench.requests.push(request.url()));
  page.on("pageerror", (error) => bench.errors.push(String(error)));
  page.on("console", (message) => {
    // That the watch is away for a moment is part of what is tried.
    if (message.type() === "error" && !/ERR_(CONNECTION|INCOMPLETE|EMPTY)/.test(message.text())) bench.errors.push(message.text());
  });
  let failed = 0;
  try {
    bench.watch = new Watch(bench.mtl, folder);
    bench.url = (await bench.watch.event("serving")).url;
    for (const [what, act] of STEPS) {
      try {
        await act(bench);
        console.log(`ok: ${what}`);
      } catch (error) {
        failed += 1;
        console.log(`FAILED: ${what}\n  ${error.message}`);
      }
    }
    await bench.watch.end();
    if (pictures) await terminal(bench);
  } finally {
    bench.watch?.child.kill("SIGKILL");
    await browser.close();
    fs.rmSync(folder, { recursive: true, force: true });
  }
  console.log(failed === 0 ? `all ${STEPS.length} steps passed` : `${failed} of ${STEPS.length} steps failed`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main();
