// The perceptron playground. The arithmetic is that of utils/perceptron.py; points lie
// on a grid of quarters, so that sums are exact and a tie is a tie.

import { bar, centred, label, line, points } from "./chart.js";
import { arrows, button, draggable, explorer, fields, html, number, plural, set, startFrom, svg } from "./common.js";
import { clamp, dot } from "./maths.js";
import { film } from "./play.js";

const LIMIT = 2.5; // the plane shows −LIMIT..LIMIT
const GRID = 0.25;
const MOST_POINTS = 12;
const BARS = 14; // passes that fit into the bar chart
const REST = 3; // steps that the film rests when it has converged, if it begins again
const MOST_PASSES = 20; // to what is shown of a film that may not move

// ------------------------------------------------------------------ arithmetic

const activation = (w, b, [x1, x2]) => (w[0] * x1 + w[1] * x2 + b > 0 ? 1 : 0);

// One example shown to the perceptron: the same fields as perceptron.Step.
function show({ weight, bias, learningRate, fitIntercept }, x, y) {
  const output = activation(weight, bias, x);
  const error = y - output;
  const move = learningRate * error;
  return {
    output,
    error,
    weight: [weight[0] + move * x[0], weight[1] + move * x[1]],
    bias: bias + (fitIntercept ? move : 0),
  };
}

// Solves the symmetric system of up to three equations by elimination; null if singular.
function solve(matrix, right) {
  const rows = matrix.map((row, k) => [...row, right[k]]);
  const n = rows.length;
  for (let k = 0; k < n; k += 1) {
    let best = k;
    for (let i = k + 1; i < n; i += 1) if (Math.abs(rows[i][k]) > Math.abs(rows[best][k])) best = i;
    [rows[k], rows[best]] = [rows[best], rows[k]];
    if (Math.abs(rows[k][k]) < 1e-10) return null;
    for (let i = 0; i < n; i += 1) {
      if (i === k) continue;
      const factor = rows[i][k] / rows[k][k];
      for (let j = k; j <= n; j += 1) rows[i][j] -= factor * rows[k][j];
    }
  }
  return rows.map((row, k) => row[n] / row[k]);
}

// R and the largest margin of a line through the origin (of the plane x3 = 1 with a
// bias): the distance from the origin to the hull of the signed examples, of which at
// most three touch it. The margin is 0 if no line separates the classes.
function radiusAndMargin(examples, fitIntercept) {
  const inputs = examples.map(([x1, x2]) => (fitIntercept ? [x1, x2, 1] : [x1, x2]));
  const radius = Math.sqrt(Math.max(...inputs.map((x) => dot(x, x))));
  const signed = inputs
    .map((x, k) => (examples[k][2] === 1 ? x : x.map((value) => -value)))
    .filter((z, k) => examples[k][2] === 1 || dot(z, z) > 0);
  const size = fitIntercept ? 3 : 2;
  function search(chosen, from) {
    if (chosen.length > 0) {
      const weights = solve(chosen.map((a) => chosen.map((b) => dot(a, b))), chosen.map(() => 1));
      if (weights && weights.every((value) => value >= -1e-9)) {
        const w = signed[0].map((_, k) => chosen.reduce((sum, z, i) => sum + weights[i] * z[k], 0));
        if (signed.every((z) => dot(z, w) >= 1 - 1e-9)) return 1 / Math.sqrt(dot(w, w));
      }
    }
    if (chosen.length === size) return 0;
    for (let k = from; k < signed.length; k += 1) {
      const margin = search([...chosen, signed[k]], k + 1);
      if (margin) return margin;
    }
    return 0;
  }
  return [radius, signed.length ? search([], 0) : 0];
}

// ------------------------------------------------------------------ words

// Exact numbers, down to the 64ths that sums at a rate of 0.25 have, without trailing zeros.
const exact = (value) => {
  const digits = number(value, 6);
  return digits.includes(".") ? digits.replace(/0+$/, "").replace(/\.$/, "") : digits;
};
const pair = ([a, b]) => `(${exact(a)}, ${exact(b)})`;

function tellStep(state, before, step) {
  const [x1, x2, y] = state.points[step.index];
  const sum = before.weight[0] * x1 + before.weight[1] * x2 + before.bias;
  const seen = `Pass ${step.epoch}, point ${step.index + 1}: x = ${pair([x1, x2])}, y = ${y}.\n` +
    `w·x + b = ${exact(sum)}, so f(x) = ${step.output}: `;
  if (step.error === 0) return `${seen}right, nothing changes.`;
  const sign = step.error > 0 ? "+" : "−";
  const rate = state.learningRate === 1 ? "" : `${exact(state.learningRate)} · `;
  const bias = state.fitIntercept
    ? `\nb ← ${exact(before.bias)} ${sign} ${exact(state.learningRate)} = ${exact(step.bias)}`
    : "";
  return `${seen}wrong.\nw ← ${pair(before.weight)} ${sign} ${rate}${pair([x1, x2])} = ` +
    `${pair(step.weight)}${bias}`;
}

function tellEnd(state) {
  if (state.converged) {
    return "\nA whole pass without a mistake: it has converged, and nothing will change any more.";
  }
  if (state.repeats) {
    return `\nThe weights are those after pass ${state.repeats}: from there on everything repeats, for ever.`;
  }
  return "";
}

// ------------------------------------------------------------------ the picture

const SIZE = 360;
const TICK = { class: "pc-tick" };
const toPixel = ([x1, x2]) => [
  ((x1 + LIMIT) / (2 * LIMIT)) * SIZE,
  ((LIMIT - x2) / (2 * LIMIT)) * SIZE,
];
const snap = (value) => clamp(Math.round(value / GRID) * GRID, GRID - LIMIT, LIMIT - GRID);

// The part of the picture on one side of the line: sign 1 where w·x + b > 0.
function halfPlane(w, b, sign) {
  const corners = [[-LIMIT, -LIMIT], [LIMIT, -LIMIT], [LIMIT, LIMIT], [-LIMIT, LIMIT]];
  const height = ([x1, x2]) => sign * (w[0] * x1 + w[1] * x2 + b);
  return corners.flatMap((corner, k) => {
    const next = corners[(k + 1) % 4];
    const [here, there] = [height(corner), height(next)];
    const kept = here > 0 ? [corner] : [];
    if (here > 0 !== there > 0) {
      const t = here / (here - there);
      kept.push([corner[0] + t * (next[0] - corner[0]), corner[1] + t * (next[1] - corner[1])]);
    }
    return kept;
  });
}

// Circle or square: one outline that changes its corners and colours in place, so that
// a finger that holds it does not lose it.
const marker = () => svg("rect", { x: -8, y: -8, width: 16, height: 16, "stroke-width": 3 });
function paint(mark, kind, hollow) {
  const color = kind === 1 ? "var(--ex-blue)" : "var(--ex-orange)";
  return set(mark, { rx: kind === 1 ? 8 : 0, stroke: color, fill: hollow ? "var(--ex-bg)" : color });
}

function key(kind, hollow, words) {
  const picture = svg("svg", { viewBox: "-11 -11 22 22", "aria-hidden": "true" }, paint(marker(), kind, hollow));
  return html("span", {}, picture, ` ${words}`);
}

export default explorer("Perceptron playground", ({ model, root, stage, controls, text, say, reset }) => {
  const examples = model.get("examples");
  const state = {
    points: [],
    learningRate: model.get("learning_rate"),
    fitIntercept: model.get("fit_intercept"),
    selected: 0,
  };

  // ---- training

  function restart() {
    Object.assign(state, {
      weight: [0, 0], bias: 0, epoch: 1, index: 0, mistakes: [0], updates: 0,
      ends: [], converged: false, repeats: 0, last: null,
    });
    [state.radius, state.margin] = radiusAndMargin(state.points, state.fitIntercept);
  }

  function step() {
    if (state.converged) return "It has converged: nothing will change any more.";
    const { index, epoch } = state;
    const before = { weight: state.weight, bias: state.bias };
    const [x1, x2, y] = state.points[index];
    const shown = { epoch, index, ...show(state, [x1, x2], y) };
    Object.assign(state, { weight: shown.weight, bias: shown.bias, last: shown, index: index + 1 });
    state.updates += Math.abs(shown.error);
    state.mistakes[epoch - 1] += Math.abs(shown.error);
    const words = tellStep(state, before, shown);
    if (state.index < state.points.length) return words;
    state.index = 0;
    state.converged = state.mistakes[epoch - 1] === 0;
    const same = state.ends.findIndex(
      ({ weight, bias }) => weight[0] === state.weight[0] && weight[1] === state.weight[1] && bias === state.bias,
    );
    state.repeats = state.repeats || (state.converged ? 0 : same + 1);
    state.ends.push({ weight: state.weight, bias: state.bias });
    if (!state.converged) {
      state.epoch += 1;
      state.mistakes.push(0);
    }
    return words + tellEnd(state);
  }

  function runPass() {
    const { epoch } = state;
    if (state.converged) return step();
    do step(); while (state.index > 0);
    return `Pass ${epoch}: ${plural(state.mistakes[epoch - 1], "mistake")}.\n` +
      `w = ${pair(state.weight)}, b = ${exact(state.bias)}${tellEnd(state)}`;
  }

  // ---- the plane

  const canvas = svg("svg", {
    viewBox: `0 0 ${SIZE} ${SIZE}`, role: "group",
    "aria-label": "Plane with points; arrow keys move a point, space changes its class",
  });
  const sides = [svg("polygon", { fill: "var(--ex-orange-soft)" }), svg("polygon", { fill: "var(--ex-blue-soft)" })];
  const rulers = svg("g", { "aria-hidden": "true" });
  for (let k = -2; k <= 2; k += 1) {
    const [a, b] = toPixel([k, k]);
    const stroke = k === 0 ? "var(--ex-muted)" : "var(--ex-line)";
    rulers.append(
      line(a, 0, a, SIZE, { stroke }), line(0, b, SIZE, b, { stroke }),
    );
    if (k !== 0) {
      rulers.append(
        label(a + 3, SIZE / 2 + 14, exact(k), TICK), label(SIZE / 2 + 4, b - 4, exact(k), TICK),
      );
    }
  }
  rulers.append(
    label(SIZE - 18, SIZE / 2 - 7, "x₁", TICK), label(SIZE / 2 - 20, 14, "x₂", TICK),
  );
  const border = svg("line", { stroke: "var(--ex-fg)", "stroke-width": 2.5 });
  const shaft = svg("line", { stroke: "var(--ex-green)", "stroke-width": 3 });
  const head = svg("polygon", { points: "0,0 -12,5 -12,-5", fill: "var(--ex-green)" });
  const name = svg("text", { "font-style": "italic", "font-weight": 700 }, "w");
  const arrow = svg("g", { "aria-hidden": "true" }, border, shaft, head, name);
  const layer = svg("g", {});
  canvas.append(...sides, rulers, arrow, layer);

  function drawLine() {
    const { weight: w, bias: b } = state;
    sides.forEach((side, k) => set(side, { points: points(halfPlane(w, b, k ? 1 : -1).map(toPixel)) }));
    const length = Math.hypot(...w);
    if (length === 0) {
      // No line: f is the same everywhere.
      set(sides[activation(w, b, [0, 0])], { points: `0,0 ${SIZE},0 ${SIZE},${SIZE} 0,${SIZE}` });
    }
    const ends = halfPlane(w, b, 1).filter((p) => Math.abs(w[0] * p[0] + w[1] * p[1] + b) < 1e-9 * length);
    border.style.display = length && ends.length >= 2 ? "" : "none";
    for (const part of [shaft, head, name]) part.style.display = border.style.display;
    if (border.style.display) return;
    const [from, to] = [ends[0], ends[ends.length - 1]];
    const [p, q] = [toPixel(from), toPixel(to)];
    set(border, { x1: p[0], y1: p[1], x2: q[0], y2: q[1] });
    // w stands where the line comes nearest to the middle of the picture.
    const foot = [(-b * w[0]) / length ** 2, (-b * w[1]) / length ** 2];
    const drawn = Math.min(length, 1.25) / length;
    const [f, t] = [toPixel(foot), toPixel([foot[0] + drawn * w[0], foot[1] + drawn * w[1]])];
    const angle = (Math.atan2(t[1] - f[1], t[0] - f[0]) * 180) / Math.PI;
    set(shaft, { x1: f[0], y1: f[1], x2: t[0] - 0.1 * (t[0] - f[0]), y2: t[1] - 0.1 * (t[1] - f[1]) });
    set(head, { transform: `translate(${t[0]} ${t[1]}) rotate(${angle})` });
    const beside = 14 / Math.hypot(t[0] - f[0], t[1] - f[1]);
    set(name, { x: t[0] - 4 - beside * (t[1] - f[1]), y: t[1] + 5 + beside * (t[0] - f[0]) });
  }

  let nodes = [];
  function buildPoints() {
    nodes = state.points.map((_, k) => {
      const node = svg(
        "g", { class: "pc-point", role: "button", tabindex: 0 },
        svg("circle", { r: 25, fill: "transparent" }),
        svg("circle", { r: 17, fill: "none", class: "pc-focus", "stroke-width": 2.5, "stroke-dasharray": "4 4" }),
        svg("circle", { r: 13, fill: "none", class: "pc-now", "stroke-width": 2 }),
        marker(),
        label(14, -13, String(k + 1)),
      );
      node.addEventListener("focus", () => { state.selected = k; drawPoints(); });
      draggable(node, canvas, (px, py) => {
        move(k, (px / SIZE) * 2 * LIMIT - LIMIT, LIMIT - (py / SIZE) * 2 * LIMIT);
      });
      arrows(node, (dx, dy) => {
        const [x1, x2] = state.points[k];
        move(k, x1 + dx * GRID, x2 + dy * GRID);
      });
      node.addEventListener("keydown", (event) => {
        if (event.key === " " || event.key === "Enter") flip();
        else if (event.key === "Delete" || event.key === "Backspace") remove();
        else return;
        event.preventDefault();
      });
      return node;
    });
    layer.replaceChildren(...nodes);
  }

  function drawPoints() {
    state.points.forEach(([x1, x2, kind], k) => {
      const wrong = activation(state.weight, state.bias, [x1, x2]) !== kind;
      const [px, py] = toPixel([x1, x2]);
      const now = state.last && state.last.index === k;
      set(nodes[k], {
        transform: `translate(${px} ${py})`,
        "aria-label": `Point ${k + 1} at ${pair([x1, x2])}, class ${kind}, `
          + `classified ${wrong ? "wrongly" : "correctly"}`,
      });
      set(nodes[k].querySelector(".pc-focus"), { stroke: k === state.selected ? "var(--ex-muted)" : "none" });
      set(nodes[k].querySelector(".pc-now"), { stroke: now ? "var(--ex-fg)" : "none" });
      paint(nodes[k].querySelector("rect"), kind, wrong);
    });
  }

  // ---- numbers and bars beside it

  const value = (words) => {
    const cell = html("dd", { class: "ex-numbers" });
    list.append(html("dt", {}, words), cell);
    return cell;
  };
  const list = html("dl", {});
  const cells = {
    weight: value("w"), bias: value("b"), updates: value("updates"), bound: value("at most"),
  };
  const chart = svg("svg", { viewBox: "0 0 240 96", role: "img" });

  function drawSide() {
    cells.weight.textContent = pair(state.weight);
    cells.bias.textContent = state.fitIntercept ? exact(state.bias) : "0 (none)";
    cells.updates.textContent = String(state.updates);
    const { radius, margin } = state;
    cells.bound.textContent = margin
      ? `(R/γ)² = (${number(radius, 3)}/${number(margin, 3)})² = ${number((radius / margin) ** 2, 1)}`
      : "no limit: not separable";
    const passes = state.mistakes.map((count, k) => [k + 1, count]).slice(-BARS);
    const width = 240 / BARS;
    chart.replaceChildren(
      line(0, 80, 240, 80, { stroke: "var(--ex-muted)" }),
      ...passes.map(([pass, count], k) => {
        const height = (60 * count) / state.points.length;
        const going = pass === state.epoch && !state.converged;
        const middle = (k + 0.5) * width;
        const look = { fill: going ? "var(--ex-blue-soft)" : "var(--ex-blue)", stroke: "var(--ex-blue)" };
        return svg("g", {}, bar(k * width + 2, 80, width - 4, height, look),
          centred(middle, 76 - height, String(count), TICK), centred(middle, 93, String(pass), TICK));
      }),
    );
    set(chart, { "aria-label": `Mistakes in each pass: ${state.mistakes.join(", ")}` });
  }

  function draw() {
    drawLine();
    drawPoints();
    drawSide();
  }

  // ---- what the reader can do

  function tell(words) {
    draw();
    say(words);
  }
  function changed(words) {
    restart();
    tell(`${words} The perceptron starts again at w = 0.`);
  }
  function edited(words) {
    pick.set("own");
    changed(words);
  }
  function move(k, x1, x2) {
    const [now1, now2, kind] = state.points[k];
    const [new1, new2] = [snap(x1), snap(x2)];
    if (new1 === now1 && new2 === now2) return;
    state.points[k] = [new1, new2, kind];
    edited(`Point ${k + 1} is at ${pair([new1, new2])}.`);
  }
  function flip() {
    const [x1, x2, kind] = state.points[state.selected];
    state.points[state.selected] = [x1, x2, 1 - kind];
    edited(`Point ${state.selected + 1} is of class ${1 - kind}.`);
  }
  function remove() {
    if (state.points.length <= 2) return say("At least two points must stay.");
    const gone = state.selected;
    const focused = nodes.includes(document.activeElement) || nodes.includes(root.getRootNode().activeElement);
    state.points.splice(gone, 1);
    state.selected = Math.min(gone, state.points.length - 1);
    buildPoints();
    edited(`Point ${gone + 1} is gone.`);
    if (focused) nodes[state.selected].focus({ preventScroll: true });
    return undefined;
  }
  function add() {
    if (state.points.length >= MOST_POINTS) return say(`There can be at most ${MOST_POINTS} points.`);
    const distance = ([a, b]) => Math.min(...state.points.map(([x1, x2]) => Math.hypot(x1 - a, x2 - b)));
    const free = [];
    for (let a = -2; a <= 2; a += 0.5) for (let b = -2; b <= 2; b += 0.5) free.push([a, b]);
    const [x1, x2] = free.reduce((best, spot) => (distance(spot) > distance(best) ? spot : best));
    state.points.push([x1, x2, 1]);
    state.selected = state.points.length - 1;
    buildPoints();
    edited(`Point ${state.points.length}, of class 1, is at ${pair([x1, x2])}.`);
    nodes[state.selected].focus({ preventScroll: true });
    return undefined;
  }
  function load(taken, example) {
    state.points = taken.map((point) => [...point]);
    state.selected = 0;
    buildPoints();
    changed(`${example}: ${plural(state.points.length, "point")}.`);
  }

  const startAgain = () => { restart(); tell("w = (0, 0), b = 0: f(x) = 0 everywhere."); };

  // The film takes step after step until it has converged. One that plays by itself
  // begins again after a rest; one that the reader has started ends there.
  const plays = model.get("plays");
  let rest = 0;
  const movie = film(stage, {
    begins: plays,
    advance: () => {
      if (!state.converged) {
        rest = 0;
        tell(step());
      } else if (!plays || (rest += 1) >= REST) startAgain();
      return plays || !state.converged;
    },
    show: (playing) => set(text, { "aria-live": playing ? "off" : "polite" }),
  });

  // What is pressed most stands under the plane, and what it says comes next.
  const press = (words, act) => button(words, () => { movie.pause(); act(); });
  const training = html(
    "div", { class: "ex-controls pc-training" },
    movie.controls[0],
    press("Step", () => tell(step())),
    press("Run a pass", () => tell(runPass())),
    press("Start again", startAgain),
    movie.controls[1],
  );
  const keys = html(
    "p", { class: "pc-key" },
    key(1, false, "class 1"), key(0, false, "class 0"), key(1, true, "hollow: wrong now"),
  );
  const caption = html("p", { class: "pc-caption" }, "Mistakes in each pass");
  stage.append(
    html(
      "div", { class: "pc-board" },
      html("div", { class: "pc-plane" }, canvas, keys, training),
      html("div", { class: "pc-side" }, text, list, caption, chart),
    ),
  );
  const pick = startFrom({ label: "Points", value: model.get("example"), from: examples, take: load });
  controls.append(
    pick,
    fields(state, () => changed(`The learning rate is ${exact(state.learningRate)}.`))
      .choice("learningRate", { label: "η", options: [1, 0.5, 0.25] }),
    fields(state, () => changed(state.fitIntercept ? "With a bias." : "Without a bias: b stays 0."))
      .checkbox("fitIntercept", { label: "bias" }),
    button("Add a point", add),
    button("Change class", flip),
    button("Remove", remove),
    reset,
  );

  load(examples[model.get("example")], model.get("example"));
  say(`${plays ? "" : "Press Play or Step: the perceptron is shown one point after the other. "}`
    + "Drag the points, or move one with the arrow keys.");
  if (plays && movie.calm) {
    for (let k = 0; k < MOST_PASSES && !state.converged; k += 1) tell(runPass());
  }
  root.explorer = { state: () => JSON.parse(JSON.stringify({ ...state, playing: movie.playing() })) };
  return movie.leave;
});
