// Values and δ flowing through a 2-3-2 network. The formulas are those of utils/mlp.py.

import {
  arrows, bracketed, brief, button, enable, explorer, fields, html, mouseMoved, place, set, slider, svg,
} from "./common.js";
import { clamp, softmax, sum } from "./maths.js";

// ---------------------------------------------------------------- arithmetic

const ACTIVATIONS = {
  tanh: { name: "tanh", h: Math.tanh, slope: (a) => 1 - Math.tanh(a) ** 2 },
  logistic: {
    name: "logistic",
    h: (a) => 1 / (1 + Math.exp(-a)),
    slope: (a) => 1 / (1 + Math.exp(-a)) / (1 + Math.exp(a)),
  },
  relu: { name: "ReLU", h: (a) => Math.max(0, a), slope: (a) => (a > 0 ? 1 : 0) },
  leaky_relu: {
    name: "leaky ReLU",
    h: (a) => (a > 0 ? a : 0.01 * a),
    slope: (a) => (a > 0 ? 1 : 0.01),
  },
  elu: {
    name: "ELU",
    h: (a) => (a > 0 ? a : Math.expm1(a)),
    slope: (a) => (a > 0 ? 1 : Math.exp(a)),
  },
  identity: { name: "identity", h: (a) => a, slope: () => 1 },
};
const LOSSES = { cross_entropy: "cross-entropy", squared_error: "squared error" };

// a, z and E: a[l] belongs to weights[l], z[0] is the input, z[l + 1] = h(a[l]).
function forward({ weights, biases, x, d, activation, loss }) {
  const a = [], z = [x];
  weights.forEach((W, l) => {
    a.push(W.map((row, k) => sum(row.map((w, j) => w * z[l][j])) + biases[l][k]));
    if (l < weights.length - 1) z.push(a[l].map(ACTIVATIONS[activation].h));
    else z.push(loss === "cross_entropy" ? softmax(a[l]) : a[l]);
  });
  const last = a[a.length - 1], y = z[z.length - 1];
  const largest = Math.max(...last);
  const log = largest + Math.log(sum(last.map((v) => Math.exp(v - largest))));
  const error = loss === "cross_entropy"
    ? -sum(d.map((v, k) => v * (last[k] - log)))
    : sum(d.map((v, k) => (v - y[k]) ** 2)) / d.length;
  return { a, z, error };
}

// δ, ∂E/∂w and ∂E/∂b of each layer, from what `forward` found.
function backward({ weights, d, activation, loss }, { a, z }) {
  const factor = loss === "cross_entropy" ? 1 : 2 / d.length;
  const delta = [], gradWeights = [];
  for (let l = weights.length - 1; l >= 0; l -= 1) {
    delta[l] = l === weights.length - 1
      ? z[l + 1].map((y, k) => factor * (y - d[k]))
      : a[l].map((v, j) => ACTIVATIONS[activation].slope(v)
        * sum(delta[l + 1].map((delta_k, k) => delta_k * weights[l + 1][k][j])));
    gradWeights[l] = delta[l].map((delta_k) => z[l].map((z_j) => delta_k * z_j));
  }
  return { delta, gradWeights, gradBiases: delta };
}

function descend({ weights, biases, rate }, { gradWeights, gradBiases }) {
  return {
    weights: weights.map((W, l) =>
      W.map((row, k) => row.map((w, j) => w - rate * gradWeights[l][k][j]))),
    biases: biases.map((b, l) => b.map((v, k) => v - rate * gradBiases[l][k])),
  };
}

// ---------------------------------------------------------------- words

const sub = (n) => "₀₁₂₃"[n];
const layerName = (l) => "⁽" + "⁰¹²"[l] + "⁾\u2060"; // no line break before the index
const weightName = (l, k, j) => `w${layerName(l + 1)}${sub(k + 1)}${sub(j + 1)}`;
const unitName = (column, i) => `${["x", "z", "y"][column]}${sub(i + 1)}`;
const spoken = (column, i) => `${["input", "hidden unit", "output"][column]} ${i + 1}`;
const factorText = (v) => bracketed(v, brief);
const products = (pairs) =>
  pairs.map(([u, v]) => `${factorText(u)} · ${factorText(v)}`).join(" + ");

const NEXT = [
  "Forward: hidden layer",
  "Forward: outputs and E",
  "Back: δ of the outputs",
  "Back: δ of the hidden layer",
  "All is computed",
];
const HINT = "Tap a circle or a line to see its numbers and to change it.";
const TOLD = [
  "The inputs are given, and so are the weights. What do the outputs become?",
  "Each hidden unit adds up its weighted inputs and its bias, a, and hands on z = h(a).",
  "The outputs do the same with the hidden values. E says how far they are from the desired d.",
  "δ = ∂E/∂a of each output. Times the value at the other end of a line, it is the slope ∂E/∂w.",
  "δ went back through the same weights, times h′(a). Now every weight and bias knows its slope.",
];

// ---------------------------------------------------------------- the explorer

const SIZES = [2, 3, 2];
// Where on its line a weight's number stands: [to unit][from unit], chosen so that no
// two numbers meet. The second half of the network is the mirror image of the first.
const PLACE = [[0.5, 0.66], [0.3, 0.3], [0.66, 0.5]];
const NARROW_PLACE = [[0.5, 0.76], [0.34, 0.34], [0.76, 0.5]];

export default explorer("Values go forward, δ comes back", ({ model, root, stage, controls, text, say, reset }) => {
  // Never changes an array in place: the model's own stay as they are.
  const state = {
    weights: model.get("weights"),
    biases: model.get("biases"),
    x: model.get("x"),
    d: model.get("d"),
    activation: model.get("activation"),
    loss: model.get("loss"),
    rate: model.get("learning_rate"),
    stage: 0,
    slopes: false,
    selected: null,
    told: TOLD[0],
  };
  let hovered = null;
  root.classList.add("mlp");

  // What can be selected, in the order of the arrow keys: groups from left to right.
  const groups = [];
  SIZES.forEach((size, column) => {
    const units = Array.from({ length: size }, (_, i) => ({ kind: "unit", column, i }));
    groups.push(units);
    if (column < 2) {
      const lines = [];
      for (let k = 0; k < SIZES[column + 1]; k += 1) {
        for (let j = 0; j < size; j += 1) lines.push({ kind: "line", l: column, k, j });
      }
      groups.push(lines);
    }
  });
  const items = groups.flat();
  groups.forEach((group, g) => group.forEach((item, n) => Object.assign(item, { g, n })));

  // ------------------------------------------------------------ drawing

  const canvas = svg("svg", {
    role: "listbox",
    "aria-label": "The network: arrow keys go from circle to line to circle",
  });
  const headings = ["input", "", "hidden", "", "output"].map((words) =>
    svg("text", { class: "mlp-heading", "aria-hidden": "true" }, words));
  canvas.append(...headings);
  for (const item of items) {
    item.node = svg("g", { class: `mlp-item mlp-${item.kind}`, role: "option" });
    if (item.kind === "line") {
      item.ring = svg("line", { class: "mlp-ring" });
      item.line = svg("line", { class: "mlp-weight" });
      item.label = svg("text", { class: "mlp-label" });
      item.node.append(item.ring, item.line);
    } else {
      item.ring = svg("circle", { class: "mlp-ring" });
      item.circle = svg("circle", { class: "mlp-circle" });
      item.name = svg("text", { class: "mlp-name" }, unitName(item.column, item.i));
      item.value = svg("text", { class: "mlp-value" });
      item.above = svg("text", { class: "mlp-label" });
      item.below = svg("text", { class: "mlp-label mlp-delta" });
      item.desired = svg("text", { class: "mlp-label" });
      item.node.append(item.ring, item.circle, item.name, item.value);
      item.node.append(item.above, item.below, item.desired);
    }
  }
  const lines = items.filter((item) => item.kind === "line");
  const units = items.filter((item) => item.kind === "unit");
  // Numbers above all lines, circles above all numbers.
  const labels = svg("g", { "aria-hidden": "true" }, lines.map((item) => item.label));
  canvas.append(...lines.map((item) => item.node), labels);
  canvas.append(...units.map((item) => item.node));
  stage.append(canvas);

  function layout() {
    const width = clamp(stage.clientWidth || 640, 240, 700);
    const narrow = width < 520;
    const height = narrow ? 410 : 370;
    const radius = narrow ? 23 : 27;
    set(canvas, { viewBox: `0 0 ${width} ${height}` });
    const margin = narrow ? 30 : 70;
    const xs = [margin, width / 2, width - margin];
    const top = 26, space = height - top;
    const ys = [[0.3, 0.7], [0.15, 0.5, 0.85], [0.3, 0.7]].map((column) =>
      column.map((part) => top + part * space));
    headings.forEach((node, n) => set(node, { x: (xs[n >> 1] + xs[(n + 1) >> 1]) / 2, y: 14 }));
    for (const item of units) {
      const cx = (item.x = xs[item.column]), cy = (item.y = ys[item.column][item.i]);
      item.radius = radius;
      set(item.circle, { cx, cy, r: radius });
      set(item.ring, { cx, cy, r: radius + 4 });
      set(item.name, { x: cx, y: cy - 6 });
      set(item.value, { x: cx, y: cy + 12 });
      set(item.above, { x: cx, y: cy - radius - 7 });
      set(item.below, { x: cx, y: cy + radius + 16 });
      set(item.desired, { x: cx, y: cy + radius + 33 });
    }
    for (const item of lines) {
      const { l, k, j } = item;
      const [x1, y1] = [xs[l], ys[l][j]], [x2, y2] = [xs[l + 1], ys[l + 1][k]];
      Object.assign(item, { x1, y1, x2, y2 });
      for (const node of [item.line, item.ring]) set(node, { x1, y1, x2, y2 });
      // Between the rims of the two circles.
      const places = narrow ? NARROW_PLACE : PLACE;
      const t = l === 0 ? places[k][j] : 1 - places[j][k];
      const rim = radius / Math.hypot(x2 - x1, y2 - y1);
      const at = rim + t * (1 - 2 * rim);
      set(item.label, { x: x1 + at * (x2 - x1), y: y1 + at * (y2 - y1) + 4 });
    }
  }

  const known = (column) => state.stage >= column;
  const deltaKnown = (l) => state.stage >= (l === 1 ? 3 : 4);

  function drawLine(item, values, back) {
    const { l, k, j } = item;
    const w = state.weights[l][k][j], slope = back.gradWeights[l][k][j];
    const value = state.slopes ? slope : w;
    const shown = !state.slopes || deltaKnown(l);
    const largest = state.slopes ? Math.max(...back.gradWeights.flat(2).map(Math.abs)) : 2;
    const share = largest > 0 ? Math.min(1, Math.abs(value) / largest) : 0;
    item.line.setAttribute("class", "mlp-weight"
      + (!shown ? " mlp-unknown" : value < 0 ? " mlp-negative" : ""));
    item.line.style.strokeWidth = shown ? 1 + 6 * share : 1;
    item.label.textContent = shown ? brief(value) : "";
    const words = `weight from ${spoken(l, j)} to ${spoken(l + 1, k)}: ${brief(w)}`;
    const more = deltaKnown(l) ? `, slope ${brief(slope)}` : "";
    item.node.setAttribute("aria-label", words + more);
  }

  function drawUnit(item, values, back) {
    const { column, i } = item;
    const z = values.z[column][i];
    item.value.textContent = known(column) ? brief(z) : "?";
    const long = item.value.textContent.length > 6; // set within the circle
    item.value.classList.toggle("mlp-long", long);
    if (long) set(item.value, { textLength: 1.6 * item.radius, lengthAdjust: "spacingAndGlyphs" });
    else for (const name of ["textLength", "lengthAdjust"]) item.value.removeAttribute(name);
    item.circle.setAttribute("class", "mlp-circle" + (!known(column) ? " mlp-unknown"
      : z < 0 ? " mlp-negative" : ""));
    let words = `${spoken(column, i)}: ${known(column) ? brief(z) : "not computed yet"}`;
    if (column > 0) {
      const a = values.a[column - 1][i], delta = back.delta[column - 1][i];
      item.above.textContent = known(column) ? `a ${brief(a)}` : "";
      item.below.textContent = deltaKnown(column - 1) ? `δ ${brief(delta)}` : "";
      if (deltaKnown(column - 1)) words += `, delta ${brief(delta)}`;
    }
    if (column === 2) {
      item.desired.textContent = `d ${brief(state.d[i])}`;
      words += `, desired ${brief(state.d[i])}`;
    }
    item.node.setAttribute("aria-label", words);
  }

  // The formulas of an item with its numbers, as far as they are computed.
  function explain(item, values, back) {
    if (item.kind === "line") return explainLine(item, values, back);
    const { column, i } = item;
    if (column === 0) return [`${unitName(0, i)} = ${brief(state.x[i])}, an input.`];
    const l = column - 1, from = column - 1;
    const row = state.weights[l][i], b = state.biases[l][i];
    const a = values.a[l][i], z = values.z[column][i], delta = back.delta[l][i];
    const said = [];
    const aName = `a${layerName(column)}${sub(i + 1)}`, bName = `b${layerName(column)}${sub(i + 1)}`;
    const deltaName = `δ${layerName(column)}${sub(i + 1)}`;
    const terms = row.map((_, j) => `${weightName(l, i, j)} ${unitName(from, j)}`).join(" + ");
    if (!known(column)) return [`${aName} = ${terms} + ${bName}: not computed yet.`];
    said.push(`${aName} = ${terms} + ${bName} = `
      + `${products(row.map((w, j) => [w, values.z[from][j]]))} + ${factorText(b)} = ${brief(a)}.`);
    const h = ACTIVATIONS[state.activation];
    if (column === 1) said.push(`${unitName(1, i)} = ${h.name}(${brief(a)}) = ${brief(z)}.`);
    else if (state.loss === "cross_entropy") {
      said.push(`${unitName(2, i)} = e^${brief(a)} / (e^${brief(values.a[1][0])} + `
        + `e^${brief(values.a[1][1])}) = ${brief(z)}.`);
    } else said.push(`${unitName(2, i)} = ${aName} = ${brief(z)}.`);
    if (!deltaKnown(l)) return said;
    const y = unitName(2, i), d = `d${sub(i + 1)}`;
    if (column === 2 && state.loss === "cross_entropy") {
      said.push(`${deltaName} = ${y} − ${d} = ${brief(z)} − ${brief(state.d[i])} = ${brief(delta)}.`);
    } else if (column === 2) {
      said.push(`${deltaName} = 2 (${y} − ${d}) / 2 = `
        + `${brief(z)} − ${factorText(state.d[i])} = ${brief(delta)}.`);
    } else {
      const back2 = back.delta[1].map((v, k) => [v, state.weights[1][k][i]]);
      const names = back2.map((_, k) => `δ${layerName(2)}${sub(k + 1)} ${weightName(1, k, i)}`);
      said.push(`${deltaName} = h′(${aName}) (${names.join(" + ")}) = `
        + `${brief(h.slope(a))} · (${products(back2)}) = ${brief(delta)}.`);
    }
    said.push(`∂E/∂${bName} = ${deltaName}.`);
    return said;
  }

  function explainLine({ l, k, j }, values, back) {
    const name = weightName(l, k, j), w = state.weights[l][k][j], z = values.z[l][j];
    const said = [`${name} = ${brief(w)}, from ${unitName(l, j)} to ${unitName(l + 1, k)}.`];
    if (known(l + 1)) {
      said.push(`It adds ${name} ${unitName(l, j)} = ${products([[w, z]])} = ${brief(w * z)}.`);
    }
    if (deltaKnown(l)) {
      const slope = back.gradWeights[l][k][j];
      said.push(`∂E/∂${name} = δ${layerName(l + 1)}${sub(k + 1)} ${unitName(l, j)} = `
        + `${products([[back.delta[l][k], z]])} = ${brief(slope)}.`);
      said.push(`A step of η = ${brief(state.rate)} makes it ${brief(w - state.rate * slope)}.`);
    }
    return said;
  }

  function draw() {
    const values = forward(state), back = backward(state, values);
    for (const item of lines) drawLine(item, values, back);
    for (const item of units) drawUnit(item, values, back);
    for (const item of items) {
      const chosen = item === state.selected;
      const stop = state.selected ?? items[0];
      set(item.node, { "aria-selected": chosen, tabindex: item === stop ? 0 : -1 });
      item.node.classList.toggle("mlp-hovered", item === hovered);
    }
    headings[1].textContent = state.stage === 4 ? "←" : "→";
    headings[3].textContent = state.stage >= 3 ? "←" : "→";
    headings[1].classList.toggle("mlp-active", state.stage === 1 || state.stage === 4);
    headings[3].classList.toggle("mlp-active", state.stage >= 2);
    const diverged = !Number.isFinite(values.error);
    errorLine.textContent = !known(2) ? "E = ?" : diverged ? "E has diverged" : `E = ${brief(values.error, 4)}`;
    enable(stepButton, !diverged);
    nextButton.textContent = NEXT[state.stage];
    enable(nextButton, state.stage < 4);
    enable(backButton, state.stage > 0);
    slopesButton.setAttribute("aria-pressed", state.slopes);
    enable(slopesButton, state.stage >= 3);
    const item = hovered ?? state.selected;
    say(item === null ? state.told : explain(item, values, back).join("\n"));
  }

  function change(changes) {
    Object.assign(state, changes);
    draw();
  }

  // ------------------------------------------------------------ what can be changed

  const at = (list, i, value) => list.map((v, n) => (n === i ? value : v));

  // Sliders for an item: [label, lowest, highest, value, what a new value changes].
  function knobs(item) {
    if (item.kind === "line") {
      const { l, k, j } = item, W = state.weights;
      return [[weightName(l, k, j), -3, 3, W[l][k][j], (v) =>
        ({ weights: at(state.weights, l, at(state.weights[l], k, at(state.weights[l][k], j, v))) })]];
    }
    const { column, i } = item;
    if (column === 0) {
      return [[unitName(0, i), -2, 2, state.x[i], (v) => ({ x: at(state.x, i, v) })]];
    }
    const l = column - 1;
    const found = [[`b${layerName(column)}${sub(i + 1)}`, -3, 3, state.biases[l][i], (v) =>
      ({ biases: at(state.biases, l, at(state.biases[l], i, v)) })]];
    if (column === 2) {
      const shared = state.loss === "cross_entropy";
      // Probabilities: what one gains the other loses.
      found.push([`d${sub(i + 1)}`, shared ? 0 : -2, shared ? 1 : 2, state.d[i], (v) =>
        ({ d: shared ? (i === 0 ? [v, 1 - v] : [1 - v, v]) : at(state.d, i, v) })]);
    }
    return found;
  }

  function showKnobs() {
    const shown = state.selected === null ? [] : knobs(state.selected).map(
      ([label, min, max, value, changes]) => slider({
        label, min, max, step: 0.05, value, onchange: (v) => change(changes(v)),
      }));
    panel.replaceChildren(...(shown.length ? shown : [html("span", { class: "mlp-hint" }, HINT)]));
  }

  function select(item) {
    state.selected = item;
    showKnobs();
    draw();
  }

  // Says what has happened: no item is hovered or selected any more.
  function turn(changes) {
    hovered = null;
    Object.assign(state, { selected: null, ...changes });
    showKnobs();
    draw();
  }

  const go = (to) => turn({ stage: to, slopes: to >= 3, told: TOLD[to] });

  const FAR = 1000; // an E beyond it does not come back
  function gradientStep() {
    const values = forward(state), before = values.error;
    const moved = descend(state, backward(state, values));
    const after = forward({ ...state, ...moved }).error;
    const there = Number.isFinite(after);
    const way = after < before ? "E fell" : after > before ? "E rose" : "E stayed";
    const step = `One step of η = ${brief(state.rate)} against all slopes`;
    const told = !there ? `${step}, and E has diverged: its numbers are larger than a computer can hold.`
      : `${step}: ${way} from ${brief(before, 4)} to ${brief(after, 4)}.`
        + (after > before ? ` The step was too long${after > FAR ? ": training diverges" : ""}.` : "");
    turn({ ...moved, stage: 4, told: after > FAR || !there ? `${told} Reset, and take a smaller η.` : told });
  }

  const errorLine = html("output", { class: "mlp-error", "aria-live": "off" });
  const main = html("div", { class: "ex-controls" });
  const panel = html("div", { class: "ex-controls mlp-panel" });
  const nextButton = button(NEXT[0], () => go(state.stage + 1), { class: "mlp-next" });
  const backButton = button("One back", () => go(state.stage - 1));
  const stepButton = button("Gradient step", gradientStep);
  const slopesButton = button("Lines show ∂E/∂w", () => change({ slopes: !state.slopes }));
  const field = fields(state, draw);
  const lossField = fields(state, () => {
    const first = clamp(state.d[0], 0, 1);
    if (state.loss === "cross_entropy") state.d = [first, 1 - first];
    draw();
    showKnobs();
  });
  // What a circle or line can be changed to stands under it, in sight on a phone; what it
  // says stands between what one presses most and the rest.
  main.append(nextButton, backButton, stepButton, errorLine);
  controls.before(panel, main, text);
  controls.append(
    slopesButton, field.slider("rate", { label: "step η", min: 0.05, max: 5, step: 0.05 }),
    field.choice("activation", {
      label: "activation h", options: Object.entries(ACTIVATIONS).map(([key, { name }]) => [key, name]),
    }),
    lossField.choice("loss", { label: "error E", options: Object.entries(LOSSES) }), reset,
  );

  // ------------------------------------------------------------ mouse, finger, keys

  // The item under a pointer: a circle it is in or near, else the nearest line.
  function nearest(event) {
    const [x, y] = place(event, canvas);
    for (const unit of units) {
      if (Math.hypot(unit.x - x, unit.y - y) < 32) return unit;
    }
    let best = null, least = 18;
    for (const item of lines) {
      const [dx, dy] = [item.x2 - item.x1, item.y2 - item.y1];
      const t = ((x - item.x1) * dx + (y - item.y1) * dy) / (dx * dx + dy * dy);
      if (t < 0 || t > 1) continue;
      const off = Math.abs((x - item.x1) * dy - (y - item.y1) * dx) / Math.hypot(dx, dy);
      const box = item.label.getBBox();
      const inside = x > box.x - 4 && x < box.x + box.width + 4
        && y > box.y - 4 && y < box.y + box.height + 4;
      const distance = inside ? -1 : off;
      if (distance < least) [best, least] = [item, distance];
    }
    return best;
  }

  function hover(item) {
    if (item === hovered) return;
    hovered = item;
    draw();
  }
  canvas.addEventListener("pointermove", (event) => {
    if (mouseMoved(event)) hover(nearest(event)); // one at rest leaves the word to the keyboard
  });
  canvas.addEventListener("pointerleave", () => hover(null));
  canvas.addEventListener("click", (event) => {
    const item = nearest(event);
    select(item);
    item?.node.focus({ preventScroll: true });
  });
  for (const item of items) {
    item.node.addEventListener("focus", () => {
      hovered = null;
      if (state.selected === item) draw();
      else select(item);
    });
    arrows(item.node, (dx, dy) => {
      const group = groups[clamp(item.g + dx, 0, groups.length - 1)];
      const n = dx ? Math.round((item.n / (groups[item.g].length - 1)) * (group.length - 1)) : item.n - dy;
      group[clamp(n, 0, group.length - 1)].node.focus();
    }, 1);
  }

  layout();
  showKnobs();
  draw();
  const observer = new ResizeObserver(() => layout());
  observer.observe(stage);
  root.explorer = {
    state: () => {
      const { selected: _selected, told: _told, ...rest } = state;
      const values = forward(state);
      return { ...rest, text: text.textContent, ...values, ...backward(state, values) };
    },
  };
  return () => observer.disconnect();
});
