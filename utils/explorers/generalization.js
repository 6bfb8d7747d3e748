// Fit a polynomial with a penalty. The formulas are those of utils/penalties.py: half
// the mean squared error plus s times half the sum of squares (L2) or the sum of sizes
// (L1) of all weights but the first. Points are those of utils/explorers/generalization.py.

import { bar, centred, dragAlong, label, line, polyline, scale, xAxis, yAxis } from "./chart.js";
import { button, explorer, fields, html, number, panel, significant, svg } from "./common.js";
import { clamp, dot, matrix, range, sum } from "./maths.js";

const SPREAD = 0.35;
const NEW_POINTS = 200;
const STRENGTHS = range(51, (k) => 10 ** (k / 10 - 4));
const truth = (x) => Math.sin(3 * x) + 0.5 * x;

function uniforms(seed) {
  let state = seed;
  return () => { state = (48271 * state) % 2147483647; return state / 2147483647; };
}

function sample(count, seed) {
  const next = uniforms(seed);
  return range(count, () => {
    const x = 2 * next() - 1;
    let noise = 0;
    for (let k = 0; k < 12; k++) noise += next();
    return [x, truth(x) + SPREAD * (noise - 6)];
  });
}

// Legendre polynomials of degree 0 to `degree` at x, scaled to be orthonormal.
function legendre(x, degree) {
  const p = [1, x];
  for (let k = 1; k < degree; k++) p.push(((2 * k + 1) * x * p[k] - k * p[k - 1]) / (k + 1));
  return p.slice(0, degree + 1).map((v, k) => v * Math.sqrt(2 * k + 1));
}

function normalEquations(points, degree) {
  const rows = points.map(([x]) => legendre(x, degree));
  const mean = (f) => sum(rows.map((row, n) => f(row, points[n][1]))) / rows.length;
  const gram = matrix(degree + 1, degree + 1, (i, j) => mean((row) => row[i] * row[j]));
  return { gram, c: gram.map((_, i) => mean((row, y) => row[i] * y)) };
}

// (gram + strength I) w = c by Cholesky; the first weight is not penalised.
function ridge({ gram, c }, strength) {
  const n = c.length;
  const L = gram.map((row) => row.map(() => 0));
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let left = gram[i][j] + (i === j && i > 0 ? strength : 0);
      for (let k = 0; k < j; k++) left -= L[i][k] * L[j][k];
      L[i][j] = i === j ? Math.sqrt(left) : left / L[j][j];
    }
  }
  const w = [...c];
  for (let i = 0; i < n; i++) { for (let k = 0; k < i; k++) w[i] -= L[i][k] * w[k]; w[i] /= L[i][i]; }
  for (let i = n - 1; i >= 0; i--) { for (let k = i + 1; k < n; k++) w[i] -= L[k][i] * w[k]; w[i] /= L[i][i]; }
  return w;
}

// Coordinate descent from `start`: each weight in turn goes where it does best.
function lasso({ gram, c }, strength, start, sweeps = 4000) {
  const w = [...start];
  for (let sweep = 0; sweep < sweeps; sweep++) {
    let moved = 0;
    for (let j = 0; j < w.length; j++) {
      const left = c[j] - dot(gram[j], w) + gram[j][j] * w[j];
      const size = Math.max(0, Math.abs(left) - (j ? strength : 0)) / gram[j][j];
      const next = left < 0 ? -size : size;
      moved = Math.max(moved, Math.abs(next - w[j]));
      w[j] = next;
    }
    if (moved <= 1e-9) break;
  }
  return w;
}

// The weights at every strength, from the strongest penalty down, each from the one before.
function weightsAlong(kind, equations) {
  const all = [];
  let w = equations.c.map(() => 0);
  for (const strength of [...STRENGTHS].reverse()) {
    w = kind === "L1" ? lasso(equations, strength, w) : ridge(equations, strength);
    all.unshift(w);
  }
  return all;
}

const predict = (w, x) => dot(legendre(x, w.length - 1), w);
const meanSquaredError = (points, w) => sum(points.map(([x, y]) => (predict(w, x) - y) ** 2)) / points.length;

const amount = (strength) => significant(strength, 2);

const WIDE = 340; // all three pictures
const [FIT_HIGH, ERRORS_HIGH, BARS_HIGH] = [260, 170, 110];
const [LOWEST, HIGHEST] = [0.001, 10]; // errors that the picture shows
const [ERRORS_LEFT, ERRORS_RIGHT, ERRORS_TOP, ERRORS_BOTTOM] = [40, WIDE - 14, 14, ERRORS_HIGH - 26];
const errorX = scale([0, STRENGTHS.length - 1], [ERRORS_LEFT, ERRORS_RIGHT]);
const errorY = scale([LOWEST, HIGHEST], [ERRORS_BOTTOM, ERRORS_TOP], Math.log);

export default explorer("Fit noisy points, and hold the curve back", ({ model, root, controls, stage, say, reset }) => {
  const state = {
    points: model.get("points"), degree: model.get("degree"), draw: model.get("draw"), kind: "L2", k: 0,
  };
  let found; // everything that follows from points, degree, draw and kind

  const newPanel = (name, words, height) =>
    panel(`generalization-${name}`, words, { viewBox: `0 0 ${WIDE} ${height}` });
  const fit = newPanel("fit", "points, the curve they come from (dashed), and the fit", FIT_HIGH);
  const error = newPanel("error", "mean squared error against strength: tap or drag", ERRORS_HIGH);
  const bars = newPanel("weights", "weights w₁, w₂, … (a ring: zero)", BARS_HIGH);
  stage.append(html("div", { class: "ex-panels" },
    fit.figure, html("div", { class: "generalization-column" }, error.figure, bars.figure)));

  function compute() {
    const train = sample(state.points, 1000 + 7919 * state.draw);
    const fresh = sample(NEW_POINTS, 500000 + 7919 * state.draw);
    const weights = weightsAlong(state.kind, normalEquations(train, state.degree));
    found = {
      train, weights,
      seen: weights.map((w) => meanSquaredError(train, w)),
      unseen: weights.map((w) => meanSquaredError(fresh, w)),
    };
    found.best = found.unseen.reduce((best, e, k) => (e < found.unseen[best] ? k : best), 0);
  }

  function drawFit() {
    const w = found.weights[state.k];
    const X = scale([-1, 1], [10, WIDE - 10]);
    const unbounded = scale([-2.6, 2.6], [FIT_HIGH, 0]);
    const Y = (y) => clamp(unbounded(y), -40, FIT_HIGH + 40);
    const curve = (f) => range(201, (k) => k / 100 - 1).map((x) => [X(x), Y(f(x))]);
    fit.canvas.replaceChildren(
      line(10, Y(0), WIDE - 10, Y(0)),
      polyline(curve(truth), { stroke: "var(--ex-muted)", "stroke-dasharray": "5 4", "stroke-width": 1.5 }),
      polyline(curve((x) => predict(w, x)), { stroke: "var(--ex-blue)", "stroke-width": 2.5 }),
      ...found.train.map(([x, y]) =>
        svg("circle", { cx: X(x), cy: Y(y), r: 4.5, fill: "var(--ex-orange)", stroke: "var(--ex-bg)" })),
    );
  }

  function drawErrors() {
    const Y = (e) => errorY(clamp(e, LOWEST, HIGHEST));
    const upright = (k, attributes) => line(errorX(k), 10, errorX(k), ERRORS_BOTTOM, attributes);
    const curve = (errors, attributes) => polyline(errors.map((e, k) => [errorX(k), Y(e)]), attributes);
    const spot = (errors, fill) => svg("circle", { cx: errorX(state.k), cy: Y(errors[state.k]), r: 5, fill });
    error.canvas.replaceChildren(
      ...yAxis([0.001, 0.01, 0.1, 1, 10], Y, ERRORS_LEFT, ERRORS_RIGHT),
      ...xAxis([0, 10, 20, 30, 40, 50].map((k) => [k, amount(STRENGTHS[k])]), errorX, ERRORS_BOTTOM),
      upright(found.best, { stroke: "var(--ex-muted)", "stroke-dasharray": "3 3" }),
      upright(state.k, { stroke: "var(--ex-fg)", "stroke-width": 1.5 }),
      curve(found.seen, { stroke: "var(--ex-orange)", "stroke-dasharray": "6 3" }),
      curve(found.unseen, { stroke: "var(--ex-blue)" }),
      spot(found.seen, "var(--ex-orange)"), spot(found.unseen, "var(--ex-blue)"),
      label(errorX(12) + 6, Y(found.unseen[12]) - 6, "new points"),
      label(errorX(2), Y(found.seen[2]) - 7, "these points"),
    );
  }

  // Bars on a scale of their own, never finer than 0.5 from the middle to the edge.
  function drawWeights() {
    const w = found.weights[state.k].slice(1);
    const largest = Math.max(0, ...w.map(Math.abs));
    const zero = BARS_HIGH / 2 - 4;
    const step = (WIDE - 20) / Math.max(1, w.length);
    const high = (v) => (v / Math.max(0.5, largest)) * (zero - 4);
    const ring = { cy: zero, r: 3, fill: "none", stroke: "var(--ex-muted)", "stroke-width": 1.5 };
    bars.canvas.replaceChildren(
      line(10, zero, WIDE - 10, zero),
      ...w.map((v, k) => (v === 0 ? svg("circle", { cx: 10 + (k + 0.5) * step, ...ring })
        : bar(10 + k * step + 2, zero, Math.max(2, step - 4), Math.sign(v) * Math.max(0.5, Math.abs(high(v))),
          { fill: "var(--ex-green)" }))),
      label(WIDE - 10, 12, `largest ${number(largest)}`, { "text-anchor": "end", "font-size": 11 }),
      ...w.map((_, k) => centred(10 + (k + 0.5) * step, BARS_HIGH - 2, String(k + 1), { "font-size": 10 })),
    );
  }

  function draw() {
    const { k } = state;
    drawFit();
    drawErrors();
    drawWeights();
    const w = found.weights[k].slice(1);
    const zeros = w.filter((v) => v === 0).length;
    const { best, seen, unseen } = found;
    const verdict = !w.length ? "With no weight to hold back, the strength changes nothing."
      : unseen[k] === unseen[best] ? "This is the best strength for new points."
      : `Best for new points: strength ${amount(STRENGTHS[best])}, error ${number(unseen[best], 3)}.`;
    say(`Mean squared error ${number(seen[k], 3)} on these ${state.points} points, ${number(unseen[k], 3)} `
      + `on new ones. ${zeros} of ${w.length} weights are zero. ${verdict}`);
  }

  const redo = () => { compute(); draw(); };
  const field = fields(state, redo);
  const shown = fields(state, draw);
  const choose = (k) => { state.k = clamp(Math.round(k), 0, STRENGTHS.length - 1); shown.follow(); draw(); };
  const strengthAt = scale([ERRORS_LEFT, ERRORS_RIGHT], [0, STRENGTHS.length - 1]);
  dragAlong(error.canvas, (x) => choose(strengthAt(x)));
  controls.append(
    shown.slider("k", { label: "strength", min: 0, max: STRENGTHS.length - 1, format: (k) => amount(STRENGTHS[k]) }),
    field.choice("kind", { label: "penalty", options: ["L2", "L1"] }),
    field.slider("degree", { min: 0, max: 15 }), field.slider("points", { min: 5, max: 40 }),
    field.slider("draw", { label: "sample", min: 1, max: 20 }),
    button("Best for new points", () => choose(found.best)),
    reset,
  );
  root.explorer = {
    state: () => ({
      ...state, strength: STRENGTHS[state.k], train: found.train, weights: found.weights[state.k],
      seen: found.seen[state.k], unseen: found.unseen[state.k], best: found.best, curve: found.unseen,
    }),
  };
  redo();
});
