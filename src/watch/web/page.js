"use strict";

const at = (selector, within = document) => within.querySelector(selector);

/** An element with text and attributes. */
function make(name, text = "", attributes = {}) {
  const element = document.createElement(name);
  element.textContent = text;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

const WORDS = { ".": "waiting", k: "known before", d: "done now", r: "running", f: "failed" };
const PHASES = { planning: "planning", running: "running", done: "all done", failed: "stopped: a stage failed" };

let outline = { stages: [], steps: [] };
let state = null;

/** What many stages of a step are at: the state that matters most. */
function overall(letters) {
  for (const letter of "fr") if (letters.includes(letter)) return letter;
  if (letters.includes(".")) return ".";
  return letters.includes("d") ? "d" : "k";
}

function letters(step) {
  return step.stages.map((stage) => state.stages[stage] ?? ".");
}

function drawOutline() {
  document.title = `${outline.program} - mtl watch`;
  at("#program").textContent = outline.program;
  // The drawing comes from the program that serves this page, with all names escaped.
  at("#drawing").innerHTML = outline.drawing ?? "";
  const rows = outline.steps.map((step) => {
    const row = make("tr");
    const stages = make("td");
    step.stages.forEach((stage) => stages.append(make("i", "", { title: outline.stages[stage].name })));
    row.append(make("th", step.label, { scope: "row" }), stages, make("td", "", { class: "number" }));
    return row;
  });
  at("#steps tbody").replaceChildren(...rows);
}

function drawSteps() {
  const rows = at("#steps tbody").rows;
  const boxes = document.querySelectorAll("#drawing .stage");
  outline.steps.forEach((step, place) => {
    const row = rows[place];
    if (!row) return;
    const own = letters(step);
    [...row.cells[1].children].forEach((sign, stage) => {
      const letter = own[stage] === "." ? "w" : own[stage];
      if (sign.className !== letter) sign.className = letter;
    });
    const words = Object.entries(WORDS)
      .map(([letter, word]) => [own.filter((one) => one === letter).length, word])
      .filter(([count]) => count > 0)
      .map(([count, word]) => `${count} ${word}`);
    row.cells[1].setAttribute("aria-label", words.join(", "));
    row.cells[1].setAttribute("role", "img");
    row.cells[2].textContent = `${own.filter((one) => "kd".includes(one)).length} of ${own.length}`;
    if (boxes[place]) boxes[place].setAttribute("class", `stage ${overall(own).replace(".", "w")}`);
  });
}

const SVG = "http://www.w3.org/2000/svg";

function line(values, low, high, kind) {
  const known = values.map((value, place) => [place, value]).filter(([, value]) => value !== null);
  const x = (place) => (values.length > 1 ? (place / (values.length - 1)) * 100 : 50);
  const y = (value) => (high > low ? 38 - ((value - low) / (high - low)) * 36 : 20);
  const element = document.createElementNS(SVG, "polyline");
  element.setAttribute("class", kind);
  // A single value is drawn as a short line.
  const spots = known.length === 1 ? [[known[0][0], known[0][1], -2], [known[0][0], known[0][1], 2]] : known;
  element.setAttribute("points", spots.map(([place, value, more = 0]) => `${x(place) + more},${y(value)}`).join(" "));
  return element;
}

function chart(running) {
  const { training, tuning, first } = running.curve;
  const figure = make("figure");
  const name = outline.stages[running.stage]?.name ?? "";
  const all = [...training, ...tuning].filter((value) => value !== null);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const last = (values) => values.filter((value) => value !== null).at(-1)?.toFixed(3);
  const told = [`training ${last(training)}`];
  if (last(tuning)) told.push(`tuning ${last(tuning)}`);
  const [epoch, epochs] = running.epoch ?? [first + training.length - 1, null];
  const place = epochs ? `epoch ${epoch} of ${epochs}` : `epoch ${epoch}`;
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 100 40");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `Losses of ${name} from ${high.toFixed(3)} to ${low.toFixed(3)}, last: ${told.join(", ")}`);
  svg.append(line(training, low, high, "training"), line(tuning, low, high, "tuning"));
  figure.append(make("figcaption", `${name}: ${place}, ${told.join(", ")}`), svg);
  return figure;
}

function drawCurves() {
  const shown = [...state.running, ...state.ended].filter((one) => one.curve.training.length > 0);
  at("#curves").hidden = shown.length === 0;
  at("#curves .charts").replaceChildren(...shown.map(chart));
}

function matrix(of) {
  const section = make("div", "", { class: "wide" });
  const table = make("table");
  const tuned = of.cells.some((cell) => cell && cell.of > 0);
  const note = tuned
    ? "AUC on tuning parts, mean of the models so far. These choose; they are no results."
    : "The splits have no tuning part, so nothing is shown before results are revealed.";
  table.append(make("caption", note));
  const head = make("tr");
  head.append(make("th", of.axes.join(", ") || "cell", { scope: "col" }));
  of.columns.forEach((column) => head.append(make("th", column || "AUC", { scope: "col", class: "number" })));
  table.append(make("thead"), make("tbody"));
  at("thead", table).append(head);
  of.rows.forEach((label, place) => {
    const row = make("tr");
    row.append(make("th", label || "all", { scope: "row" }));
    of.columns.forEach((_, column) => {
      const cell = of.cells[place * of.columns.length + column];
      let text = "";
      if (cell) {
        text = cell.auc === null ? "–" : cell.auc.toFixed(3);
        if (cell.known < cell.of) text += ` (${cell.known} of ${cell.of})`;
      }
      row.append(make("td", text, { class: "number" }));
    });
    at("tbody", table).append(row);
  });
  section.append(make("h2", `${of.output}: tuning parts`), table);
  return section;
}

function drawOutputs() {
  const items = state.outputs.map((output) => {
    const item = make("li", `${output.name} `);
    if (output.has_report) {
      const words = output.folder ? "report" : "report of an earlier run";
      item.append(make("a", words, { href: `out/${encodeURIComponent(output.name)}/report.html`, target: "_blank", rel: "noopener" }));
    } else if (output.is_sealed && !output.folder) {
      item.append("(sealed)");
    }
    return item;
  });
  at("#outputs ul").replaceChildren(...items);
  const sealed = state.outputs.some((output) => output.is_sealed && !output.folder);
  at("#sealed").hidden = !sealed;
  const button = at("#reveal");
  button.disabled = state.reveals;
  button.textContent = state.reveals ? "They are shown once all has run" : "Show them, as a recorded look";
}

/** Replaces what has changed alone, so that focus and screen readers stay where they are. */
const drawn = new Map();
function changed(name, value) {
  const text = JSON.stringify(value);
  if (drawn.get(name) === text) return false;
  drawn.set(name, text);
  return true;
}

function draw() {
  if (!state) return;
  const done = [...state.stages].filter((letter) => "kd".includes(letter)).length;
  const decision = state.decided_ms === null ? "" : `; decision ${state.decision} in ${state.decided_ms} ms`;
  const phase = `${PHASES[state.phase]}, ${done} of ${state.stages.length} stages`;
  if (changed("phase", phase + decision)) at("#phase").textContent = phase + decision;
  if (changed("trouble", state.trouble)) {
    at("#trouble").hidden = state.trouble === null;
    at("#trouble pre").textContent = state.trouble ?? "";
  }
  if (changed("stages", [outline.steps, state.stages])) drawSteps();
  if (changed("curves", [state.running, state.ended])) drawCurves();
  if (changed("matrices", state.matrices)) at("#matrices").replaceChildren(...state.matrices.map(matrix));
  if (changed("outputs", [state.outputs, state.reveals])) drawOutputs();
  if (changed("story", state.story)) at("#story").replaceChildren(...state.story.map((text) => make("li", text)));
}

at("#reveal").addEventListener("click", () => at("#confirm").showModal());
at("#confirm").addEventListener("close", () => {
  if (at("#confirm").returnValue === "yes") fetch("reveal", { method: "POST" });
});

const events = new EventSource("events");
events.addEventListener("outline", (event) => {
  outline = JSON.parse(event.data);
  drawOutline();
  drawn.delete("stages");
  draw();
});
events.addEventListener("state", (event) => {
  state = JSON.parse(event.data);
  draw();
});
events.addEventListener("error", () => {
  drawn.delete("phase");
  at("#phase").textContent = "mtl watch does not answer; this page goes on when it does";
});
