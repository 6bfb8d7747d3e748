// Fit a polynomial with a penalty. The formulas are those of utils/penalties.py: half
// the mean squared error plus s times half the sum of squares (L2) or the sum of sizes
// (L1) of all weights but the first. Points are those of utils/explorers/generalization.py.

import { button, choice, frame, html, number, place, slider, svg } from "./common.js";

const NOISE = 0.35;
const NEW_POINTS = 200;
const STRENGTHS = Array.from({ length: 51 }, (_, k) => 10 ** (k / 10 - 4));
const truth = (x) => Math.sin(3 * x) + 0.5 * x;

function uniforms(seed) {
  let state = seed;
  return () => { state = (48271 * state) % 2147483647; return state / 2147483647; };
}

function sample(count, seed) {
  const next = uniforms(seed);
  return Array.from({ length: count }, () => {
    const x = 2 * next() - 1;
    let noise = 0;
    for (let k = 0; k < 12; k++) noise += next();
    return [x, truth(x) + NOISE * (noise - 6)];
  });
}

// Legendre polynomials of degree 0 to `degree` at x, scaled to be orthonormal.
function legendre(x, degree) {
  const p = [1, x];
  for (let k = 1; k < degree; k++) p.push(((2 * k + 1) * x * p[k] - k * p[k - 1]) / (k + 1));
  return p.slice(0, degree + 1).map((v, k) => v * Math.sqrt(2 * k + 1));
}

const dot = (a, b) => a.reduce((sum, v, k) => sum + v * b[k], 0);

function normalEquations(points, degree) {
  const rows = points.map(([x]) => legendre(x, degree));
  const mean = (f) => rows.reduce((sum, row, n) => sum + f(row, points[n][1]), 0) / rows.length;
  const gram = Array.from({ length: degree + 1 }, (_i, i) => Array.from({ length: degree + 1 }, (_j, j) => mean((row) => row[i] * row[j])));
  return { gram, c: gram.map((_, i) => mean((row, y) => row[i] * y)) };
}

// (gram + strength I) w = c by Cholesky; the first weight is not penalised.
function ridge({ gram, c }, strength) {
  const n = c.length;
  const L = gram.map((row) => row.map(() => 0));
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = gram[i][j] + (i === j && i > 0 ? strength : 0);
      for (let k = 0; k < j; k++) sum -= L[i][k] * L[j][k];
      L[i][j] = i === j ? Math.sqrt(sum) : sum / L[j][j];
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
function path(kind, equations) {
  const all = [];
  let w = equations.c.map(() => 0);
  for (const strength of [...STRENGTHS].reverse()) {
    w = kind === "L1" ? lasso(equations, strength, w) : ridge(equations, strength);
    all.unshift(w);
  }
  return all;
}

const predict = (w, x) => dot(legendre(x, w.length - 1), w);
const meanSquaredError = (points, w) => points.reduce((sum, [x, y]) => sum + (predict(w, x) - y) ** 2, 0) / points.length;

const FIT_W = 340;
const FIT_H = 260;
const ERR_W = 340;
const ERR_H = 170;
const BAR_H = 110;

export default {
  render({ model, el }) {
    const { root, controls, stage, say } = frame(el, "Fit noisy points, and hold the curve back");
    const start = () => ({ points: model.get("points"), degree: model.get("degree"), draw: model.get("draw"), kind: "L2", k: 0 });
    let state = start();
    let found; // everything that follows from points, degree, draw and kind

    const panel = (name, words, width, height) => {
      const canvas = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": words });
      return { canvas, figure: html("figure", { class: `generalization-panel generalization-${name}` }, html("figcaption", {}, words), canvas) };
    };
    const fit = panel("fit", "points, the curve they come from (dashed), and the fit", FIT_W, FIT_H);
    const error = panel("error", "mean squared error against strength: tap or drag", ERR_W, ERR_H);
    const bars = panel("weights", "weights w₁, w₂, … (a ring: zero)", ERR_W, BAR_H);
    stage.append(html("div", { class: "generalization-panels" },
      fit.figure, html("div", { class: "generalization-column" }, error.figure, bars.figure)));

    function compute() {
      const train = sample(state.points, 1000 + 7919 * state.draw);
      const fresh = sample(NEW_POINTS, 500000 + 7919 * state.draw);
      const weights = path(state.kind, normalEquations(train, state.degree));
      found = {
        train, weights,
        seen: weights.map((w) => meanSquaredError(train, w)),
        unseen: weights.map((w) => meanSquaredError(fresh, w)),
      };
      found.best = found.unseen.reduce((best, e, k) => (e < found.unseen[best] ? k : best), 0);
    }

    const polyline = (points, attributes) => svg("polyline", {
      points: points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" "), fill: "none", "stroke-width": 2, ...attributes,
    });
    const label = (x, y, words, attributes = {}) => svg("text", { x, y, "font-size": 12, ...attributes }, words);
    const line = (x1, y1, x2, y2, attributes = {}) => svg("line", { x1, y1, x2, y2, stroke: "var(--ex-line)", ...attributes });

    function drawFit() {
      const w = found.weights[state.k];
      const X = (x) => FIT_W / 2 + x * (FIT_W / 2 - 10);
      const Y = (y) => Math.max(-40, Math.min(FIT_H + 40, FIT_H / 2 - y * (FIT_H / 5.2)));
      const grid = Array.from({ length: 201 }, (_, k) => k / 100 - 1);
      fit.canvas.replaceChildren(
        line(10, Y(0), FIT_W - 10, Y(0)),
        polyline(grid.map((x) => [X(x), Y(truth(x))]), { stroke: "var(--ex-muted)", "stroke-dasharray": "5 4", "stroke-width": 1.5 }),
        polyline(grid.map((x) => [X(x), Y(predict(w, x))]), { stroke: "var(--ex-blue)", "stroke-width": 2.5 }),
        ...found.train.map(([x, y]) => svg("circle", { cx: X(x), cy: Y(y), r: 4.5, fill: "var(--ex-orange)", stroke: "var(--ex-bg)" })),
      );
    }

    const ERR_LEFT = 40;
    const errX = (k) => ERR_LEFT + (k / (STRENGTHS.length - 1)) * (ERR_W - ERR_LEFT - 14);
    function drawErrors() {
      const highest = 10;
      const lowest = 0.001;
      const Y = (e) => {
        const share = Math.log(Math.max(lowest, Math.min(highest, e)) / lowest) / Math.log(highest / lowest);
        return ERR_H - 26 - share * (ERR_H - 40);
      };
      const ticks = [0.001, 0.01, 0.1, 1, 10];
      const dots = [[found.seen, "var(--ex-orange)"], [found.unseen, "var(--ex-blue)"]];
      error.canvas.replaceChildren(
        ...ticks.map((e) => svg("g", {}, line(ERR_LEFT, Y(e), ERR_W - 14, Y(e)), label(ERR_LEFT - 4, Y(e) + 4, String(e), { "text-anchor": "end", "font-size": 11 }))),
        ...[0, 10, 20, 30, 40, 50].map((k) => label(errX(k), ERR_H - 8, ["0.0001", "0.001", "0.01", "0.1", "1", "10"][k / 10], { "text-anchor": "middle", "font-size": 11 })),
        line(errX(found.best), 10, errX(found.best), ERR_H - 26, { stroke: "var(--ex-muted)", "stroke-dasharray": "3 3" }),
        line(errX(state.k), 10, errX(state.k), ERR_H - 26, { stroke: "var(--ex-fg)", "stroke-width": 1.5 }),
        polyline(found.seen.map((e, k) => [errX(k), Y(e)]), { stroke: "var(--ex-orange)", "stroke-dasharray": "6 3" }),
        polyline(found.unseen.map((e, k) => [errX(k), Y(e)]), { stroke: "var(--ex-blue)" }),
        ...dots.map(([curve, color]) => svg("circle", { cx: errX(state.k), cy: Y(curve[state.k]), r: 5, fill: color })),
        label(errX(12) + 6, Y(found.unseen[12]) - 6, "new points"),
        label(errX(2), Y(found.seen[2]) - 7, "these points"),
      );
    }

    // Bars on a scale of their own, never finer than 0.5 from the middle to the edge.
    function drawWeights() {
      const w = found.weights[state.k].slice(1);
      const most = Math.max(0.5, ...w.map(Math.abs));
      const zero = BAR_H / 2 - 4;
      const step = (ERR_W - 20) / Math.max(1, w.length);
      const size = (v) => (Math.abs(v) / most) * (zero - 4);
      bars.canvas.replaceChildren(
        line(10, zero, ERR_W - 10, zero),
        ...w.map((v, k) => (v === 0
          ? svg("circle", { cx: 10 + (k + 0.5) * step, cy: zero, r: 3, fill: "none", stroke: "var(--ex-muted)", "stroke-width": 1.5 })
          : svg("rect", { x: 10 + k * step + 2, width: Math.max(2, step - 4), y: v > 0 ? zero - size(v) : zero, height: Math.max(0.5, size(v)), fill: "var(--ex-green)" }))),
        label(ERR_W - 10, 12, `largest ${number(Math.max(0, ...w.map(Math.abs)))}`, { "text-anchor": "end", "font-size": 11 }),
        ...w.map((_, k) => label(10 + (k + 0.5) * step, BAR_H - 2, String(k + 1), { "text-anchor": "middle", "font-size": 10 })),
      );
    }

    function draw() {
      const { k } = state;
      drawFit();
      drawErrors();
      drawWeights();
      const w = found.weights[k].slice(1);
      const zeros = w.filter((v) => v === 0).length;
      const verdict = k === found.best ? "This is the best strength for new points."
        : `Best for new points: strength ${amount(STRENGTHS[found.best])}, error ${number(found.unseen[found.best], 3)}.`;
      say(`Mean squared error ${number(found.seen[k], 3)} on these ${state.points} points, ${number(found.unseen[k], 3)} on new ones. ${zeros} of ${w.length} weights are zero. ${verdict}`);
    }

    const amount = (s) => String(Number(s.toPrecision(2)));
    const redo = () => { compute(); draw(); };
    const setting = (name, words, min, max) => slider({
      label: words, min, max, step: 1, value: state[name], format: String,
      oninput: (value) => { state[name] = value; redo(); },
    });
    const fields = { degree: setting("degree", "degree", 0, 15), points: setting("points", "points", 5, 40), draw: setting("draw", "draw", 1, 20) };
    const strength = slider({
      label: "strength", min: 0, max: STRENGTHS.length - 1, step: 1, value: state.k, format: (k) => amount(STRENGTHS[k]),
      oninput: (k) => { state.k = k; draw(); },
    });
    const kind = choice({
      label: "penalty", value: state.kind, options: [["L2", "L2"], ["L1", "L1"]],
      onchange: (value) => { state.kind = value; redo(); },
    });
    const choose = (k) => { state.k = Math.max(0, Math.min(STRENGTHS.length - 1, Math.round(k))); strength.set(state.k); draw(); };
    const toStrength = (x) => choose(((x - ERR_LEFT) / (ERR_W - ERR_LEFT - 14)) * (STRENGTHS.length - 1));
    const point = (event) => toStrength(place(event, error.canvas)[0]);
    error.canvas.addEventListener("pointerdown", (event) => { error.canvas.setPointerCapture(event.pointerId); point(event); });
    error.canvas.addEventListener("pointermove", (event) => { if (error.canvas.hasPointerCapture(event.pointerId)) point(event); });
    controls.append(
      strength.element, kind.element, fields.degree.element, fields.points.element, fields.draw.element,
      button("Best for new points", () => choose(found.best)),
      button("Reset", () => {
        state = start();
        for (const name of Object.keys(fields)) fields[name].set(state[name]);
        kind.set(state.kind);
        strength.set(state.k);
        redo();
      }),
    );
    root.explorer = {
      state: () => ({
        ...state, strength: STRENGTHS[state.k], train: found.train, weights: found.weights[state.k],
        seen: found.seen[state.k], unseen: found.unseen[state.k], best: found.best, curve: found.unseen,
      }),
    };
    redo();
    return () => root.remove();
  },
};
