// A design as one line of text, and what each of its layers costs: the arithmetic of
// utils/design.py, error for error.

import { choice, explorer, html, plural, redraw, table, thousands } from "./common.js";
import { total } from "./maths.js";

const TOKEN = /[A-Z]\d*(?:[a-z]\d*)*|\*\d*|[^]/gu;
const LETTERS = { C: "ksdvbg", P: "s", G: "", F: "" };
const SHAPES = ["1 × 14 × 14", "1 × 28 × 28", "3 × 32 × 32", "3 × 224 × 224"];

class DesignError extends Error {
  constructor(at, why) {
    super(`${why} (character ${at + 1})`);
    this.at = at;
  }
}
const fail = (at, why) => { throw new DesignError(at, why); };

function readLayer(at, token) {
  const kind = String.fromCodePoint(token.codePointAt(0));
  const [, number, settings] = /^(\d*)([^]*)$/.exec(token.slice(kind.length));
  if (!(kind in LETTERS)) fail(at, `no layer is called '${kind}': C, P, G or F`);
  if (kind === "G" ? number : kind !== "P" && !number) {
    fail(at + 1, `${kind} ${kind === "G" ? "takes no number" : "needs a number to follow"}`);
  }
  const given = {};
  for (const [, letter, digits] of settings.matchAll(/([a-z])(\d*)/g)) {
    if (!LETTERS[kind].includes(letter) || letter in given) {
      fail(at, `${kind} takes no '${letter}', or one only`);
    }
    const wants = "ksd".includes(letter);
    if (wants !== Boolean(digits)) fail(at, `'${letter}' ${wants ? "needs a" : "takes no"} number after it`);
    given[letter] = Number(digits || 1);
  }
  const width = Number(number || 2);
  if (![width, ...Object.values(given)].every((n) => n > 0 && n < 10000)) fail(at, "numbers go from 1 to 9999");
  const kernelSize = kind === "P" ? width : given.k ?? (kind === "C" ? 3 : 1);
  const stride = given.s ?? (kind === "P" ? kernelSize : 1);
  return { text: token, at, kind, width, kernelSize, stride, dilation: given.d ?? 1, flags: given };
}

function parsed(design) {
  const outer = [];
  let [group, item] = [[], null]; // item: what a "*" would repeat
  let at = 0; // in characters, as Python counts them
  for (const [token] of design.matchAll(TOKEN)) {
    const follows = "-)*".includes(token[0]);
    if (item === null && follows) fail(at, "a layer or '(' must stand here");
    if (item !== null && !follows) fail(at, "'-' must stand between two layers");
    if (token === "-") [group, item] = [[...group, ...item], null];
    else if (token === "(") {
      outer.push(group);
      group = [];
    } else if (token === ")") {
      if (!outer.length) fail(at, "no '(' is open");
      [group, item] = [outer.pop(), [...group, ...item]];
    } else if (token[0] === "*") {
      const count = Number(token.slice(1)) * item.length;
      if (!(count > 0 && count <= 500)) fail(at, "'*' needs a number, for 500 layers at most");
      item = Array.from({ length: count }, (_, k) => item[k % item.length]);
    } else item = [readLayer(at, token)];
    at += [...token].length;
  }
  if (item === null) fail(at, "a layer must stand here");
  if (outer.length) fail(at, "a ')' is missing");
  return [...group, ...item];
}

// How far a layer's window reaches, and the size of the maps it gives.
function fitted({ kind, at, kernelSize, stride, dilation, flags }, { size, name }) {
  if (!"FS".includes(kind) && name[0] === "F") fail(at, "after a full layer only full layers can stand");
  if ("GFS".includes(kind)) return [size, 1];
  const reach = dilation * (kernelSize - 1) + 1;
  let padded = size;
  if (kind === "C" && !flags.v) {
    if (reach % 2 === 0) fail(at, "an even window cannot keep the size: add v");
    padded += reach - 1;
  }
  if (reach > padded) fail(at, `a window of ${reach} does not fit on maps of ${size} × ${size}`);
  return [reach, Math.floor((padded - reach) / stride) + 1];
}

function layerCost(one, before) {
  const [reach, size] = fitted(one, before);
  const { kind, at, width, flags } = one;
  let [channels, inputs] = [width, before.channels];
  if (flags.g) {
    if (width % inputs) fail(at, `g needs a multiple of the ${inputs} maps that come in`);
    inputs = 1;
  }
  const full = "FS".includes(kind);
  let weights = width * inputs * (full ? before.size : one.kernelSize) ** 2;
  let others = width * (full || flags.b ? 1 : 2);
  if ("PG".includes(kind)) [channels, weights, others] = [before.channels, 0, 0];
  return {
    name: one.text, channels, size, step: before.step * one.stride,
    field: before.field + (reach > 1 ? (reach - 1) * before.step : 0),
    parameters: weights + others, macs: weights * size ** 2, values: channels * size ** 2,
  };
}

// What `budget` of utils/design.py returns, or { at, message } of its error.
function designBudget(design, channels, size, classes = 10) {
  try {
    const costs = [{ name: "image", channels, size, field: 1, step: 1 }];
    const output = { text: "output", at: design.length, kind: "S", width: classes, stride: 1, flags: {} };
    for (const one of [...parsed(design), output]) costs.push(layerCost(one, costs.at(-1)));
    return { costs: costs.slice(1) };
  } catch (error) {
    if (!(error instanceof DesignError)) throw error;
    return { at: error.at, message: error.message };
  }
}

export default explorer("What does a design cost?", ({ model, root, stage, controls, text, say, reset }) => {
  const state = { design: model.get("design"), image: model.get("image") };
  const { element, body } = table(["layer", "maps", "field", "step", "parameters", "MACs", "activations"]);
  const marked = html("pre", { class: "dn-marked", "aria-hidden": "true" });
  const region = { class: "ex-scroll dn-costs", role: "region", "aria-label": "costs, layer by layer", tabindex: 0 };
  stage.append(html("div", region, element), marked);

  // A number over a bar that is as long as its part of the largest.
  const cell = (value, most) => html("td", {
    class: "dn-bar", style: `--part: ${most ? (100 * value) / most : 0}%`,
  }, thousands(value));

  function result() {
    const [channels, size] = state.image.split("×").map(Number);
    return designBudget(state.design, channels, size);
  }

  function draw() {
    const { costs, at, message } = result();
    element.hidden = !costs;
    marked.hidden = Boolean(costs);
    input.setAttribute("aria-invalid", costs ? "false" : "true");
    if (!costs) {
      marked.textContent = `${state.design}\n${" ".repeat(at)}^`;
      say(`${message}.`);
      return;
    }
    const columns = ["parameters", "macs", "values"];
    const most = Object.fromEntries(columns.map((what) => [what, Math.max(...costs.map((c) => c[what]))]));
    redraw(body, [
      ...costs.map((c) => html("tr", {}, html("th", { scope: "row" }, c.name),
        html("td", {}, `${c.channels} × ${c.size}²`),
        html("td", {}, thousands(c.field)), html("td", {}, thousands(c.step)),
        columns.map((what) => cell(c[what], most[what])))),
      html("tr", { class: "dn-total" }, html("th", { scope: "row", colspan: 4 }, "all"),
        columns.map((what) => html("td", {}, thousands(total(costs, what))))),
    ]);
    const learnt = costs.filter((c) => c.parameters).length;
    say(`${plural(learnt, "layer")} with weights, ${thousands(total(costs, "parameters"))} parameters, `
      + `${thousands(total(costs, "macs"))} MACs and ${thousands(total(costs, "values"))} activations for one image.`);
  }

  const input = html("input", {
    type: "text", class: "dn-design", spellcheck: "false", autocapitalize: "off", autocomplete: "off", maxlength: 200,
    "aria-label": "design", value: state.design, oninput: () => {
      state.design = input.value;
      preset.set("");
      draw();
    },
  });
  const images = SHAPES.includes(state.image) ? SHAPES : [state.image, ...SHAPES];
  const preset = choice({
    label: "or take", value: "", options: [["", "…"], ...model.get("presets").map(([label, line]) => [line, label])],
    onchange: (taken) => {
      if (!taken) return;
      state.design = taken;
      input.value = taken;
      draw();
    },
  });
  preset.classList.add("dn-take");
  controls.append(
    html("label", { class: "ex-field dn-line" }, "design", input),
    preset,
    choice({
      label: "image", value: state.image, options: images,
      onchange: (image) => { state.image = image; draw(); },
    }), reset,
  );
  stage.before(controls, text); // the table below grows and shrinks as one types
  root.explorer = { state: () => ({ ...state, ...result() }), budget: designBudget };
  draw();
});
