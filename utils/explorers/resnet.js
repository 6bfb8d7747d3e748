// Plain against residual nets at every recorded depth. The numbers are those of
// `degradation` in utils/explorers/resnet.py, in percent.

import { choice, frame, html, number, place, set, slider, svg } from "./common.js";

const WIDTH = 356;
const HEIGHT = 270;
const LEFT = 34;
const RIGHT = WIDTH - 64;
const TOP = 10;
const BOTTOM = HEIGHT - 36;
const TICKS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100];
const KINDS = ["plain", "residual"];
const LOOKS = {
  plain: { stroke: "var(--ex-orange)", "stroke-dasharray": "6 3" },
  residual: { stroke: "var(--ex-blue)" },
};

// The ticks of a logarithmic axis around the values, from the last below to the first above.
function ticksAround(values) {
  const positive = values.filter((v) => v > 0);
  const from = TICKS.findLastIndex((t) => t <= Math.min(...positive));
  const to = TICKS.findIndex((t) => t >= Math.max(...positive));
  return TICKS.slice(Math.max(0, from), to + 1);
}

const percent = (value) => `${number(value, 1)}\u00a0%`;

export default {
  render({ model, el }) {
    const { root, controls, stage, say } = frame(el, "Deeper and deeper, with and without shortcuts");
    const sets = model.get("runs");
    const names = Object.keys(sets);
    const state = { data: names[0], depth: sets[names[0]].depths.at(-1), error: "training" };
    const now = () => sets[state.data];
    const curve = (kind, depth) => now()[kind][depth][state.error];

    const panel = (name) => {
      const canvas = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
      const caption = html("figcaption", {});
      const entitle = (words) => { caption.textContent = words; set(canvas, { "aria-label": words }); };
      return { canvas, entitle, figure: html("figure", { class: `resnet-panel resnet-${name}` }, caption, canvas) };
    };
    const byEpoch = panel("epoch"), byDepth = panel("depth");
    stage.append(html("div", { class: "resnet-panels" }, byEpoch.figure, byDepth.figure));

    const label = (x, y, words, attributes = {}) => svg("text", { x, y, "font-size": 12, ...attributes }, words);
    const line = (x1, y1, x2, y2, attributes = {}) => svg("line", { x1, y1, x2, y2, stroke: "var(--ex-line)", ...attributes });
    const points = (pairs) => pairs.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
    const polyline = (pairs, attributes) => svg("polyline", { points: points(pairs), fill: "none", "stroke-width": 2, ...attributes });

    // Both panels have the same axis of errors, the same for all that the data set has.
    function errorAxis() {
      const all = KINDS.flatMap((kind) => Object.values(now()[kind])).flatMap((net) => Object.values(net))
        .flatMap((error) => [...error.lowest, ...error.highest]);
      const ticks = ticksAround(all);
      const [low, high] = [ticks[0], ticks.at(-1)];
      const Y = (v) => BOTTOM - (Math.log(Math.max(v, low) / low) / Math.log(high / low)) * (BOTTOM - TOP);
      const grid = ticks.map((t) => svg("g", { "data-tick": t },
        line(LEFT, Y(t), RIGHT, Y(t)), label(LEFT - 5, Y(t) + 4, String(t), { "text-anchor": "end" })));
      return { Y, grid };
    }

    function xAxis(places, X, words) {
      return [...places.map((x) => label(X(x), BOTTOM + 16, String(x), { "text-anchor": "middle" })),
        label((LEFT + RIGHT) / 2, BOTTOM + 31, words, { "text-anchor": "middle" })];
    }

    const mark = (kind, x, y, r) => (kind === "plain"
      ? svg("rect", { x: x - r, y: y - r, width: 2 * r, height: 2 * r, fill: "var(--ex-orange)" })
      : svg("circle", { cx: x, cy: y, r: 1.1 * r, fill: "var(--ex-blue)" }));

    function band(kind, xs, low, high, Y) {
      if (now().seeds === 1) return [];
      const there = xs.map((x, k) => [x, Y(low[k])]), back = xs.map((x, k) => [x, Y(high[k])]).reverse();
      return [svg("polygon", { class: "resnet-band", points: points([...there, ...back]), fill: LOOKS[kind].stroke })];
    }

    // The names of both curves behind their ends, apart from each other.
    function endLabels(ends) {
      let [plain, residual] = ends;
      const gap = 15 - Math.abs(plain - residual);
      if (gap > 0) {
        const up = plain <= residual ? 1 : -1;
        [plain, residual] = [plain - (up * gap) / 2, residual + (up * gap) / 2];
      }
      return [plain, residual].map((y, k) => label(RIGHT + 9, y + 4, KINDS[k]));
    }

    function drawEpochs({ Y, grid }) {
      const { epochs, depths } = now();
      const X = (epoch) => LEFT + 8 + ((epoch - 1) / Math.max(1, epochs - 1)) * (RIGHT - LEFT - 8);
      const all = Array.from({ length: epochs }, (_, k) => k + 1);
      const xs = all.map(X);
      const curveOf = (kind, depth, attributes) => polyline(curve(kind, depth).mean.map((v, k) => [xs[k], Y(v)]),
        { ...LOOKS[kind], "data-kind": kind, "data-depth": depth, ...attributes });
      const last = KINDS.map((kind) => Y(curve(kind, state.depth).mean.at(-1)));
      byEpoch.entitle(`${state.error} error (%) of ${state.depth} layers; faint: other depths`);
      byEpoch.canvas.replaceChildren(
        ...grid, ...xAxis(all.filter((k) => epochs < 8 || k === 1 || k % 5 === 0), X, "epoch"),
        ...KINDS.flatMap((kind) => depths.filter((d) => d !== state.depth)
          .map((d) => curveOf(kind, d, { class: "resnet-faint", "stroke-width": 1.3 }))),
        ...KINDS.flatMap((kind) => band(kind, xs, curve(kind, state.depth).lowest, curve(kind, state.depth).highest, Y)),
        ...KINDS.map((kind) => curveOf(kind, state.depth, { "stroke-width": 2.8 })),
        ...KINDS.map((kind, k) => mark(kind, xs.at(-1), last[k], 4.5)),
        ...endLabels(last),
      );
    }

    const INSET = 12;
    const depthX = (depth) => {
      const { depths } = now();
      return LEFT + INSET + ((depth - depths[0]) / Math.max(1, depths.at(-1) - depths[0])) * (RIGHT - LEFT - 2 * INSET);
    };

    function drawDepths({ Y, grid }) {
      const { epochs, depths } = now();
      const xs = depths.map(depthX);
      const last = (kind, part) => depths.map((d) => curve(kind, d)[part].at(-1));
      byDepth.entitle(`${state.error} error (%) after ${epochs} epochs: tap or drag`);
      byDepth.canvas.replaceChildren(
        ...grid, ...xAxis(depths, depthX, "layers"),
        line(depthX(state.depth), TOP, depthX(state.depth), BOTTOM, { class: "resnet-chosen", stroke: "var(--ex-fg)", "stroke-width": 1.5 }),
        ...KINDS.flatMap((kind) => band(kind, xs, last(kind, "lowest"), last(kind, "highest"), Y)),
        ...KINDS.flatMap((kind) => {
          const ys = last(kind, "mean").map(Y);
          return [polyline(xs.map((x, k) => [x, ys[k]]), { ...LOOKS[kind], "data-kind": kind }),
            ...depths.map((d, k) => mark(kind, xs[k], ys[k], d === state.depth ? 6 : 3.2))];
        }),
        ...endLabels(KINDS.map((kind) => Y(last(kind, "mean").at(-1)))),
      );
    }

    // The final errors of a kind of net: at the chosen depth, and at the least.
    function final(kind) {
      const { mean, lowest, highest } = curve(kind, state.depth);
      return {
        mean: mean.at(-1), lowest: lowest.at(-1), highest: highest.at(-1),
        shallowest: curve(kind, now().depths[0]).mean.at(-1),
      };
    }

    function describe() {
      const { depths, epochs, seeds } = now();
      const ends = { plain: final("plain"), residual: final("residual") };
      const least = state.depth === depths[0];
      const one = (kind, first) => {
        const { mean, lowest, highest, shallowest } = ends[kind];
        const range = seeds > 1 ? ` (${number(lowest, 1)} to ${number(highest, 1)}${first ? ` over ${seeds} seeds` : ""})` : "";
        const times = mean / shallowest;
        const ratio = least ? "" : `, ${number(times, times < 9.95 ? 1 : 0)} times the ${percent(shallowest)} with ${depths[0]} layers`;
        return `${kind} ${percent(mean)}${range}${ratio}`;
      };
      const worse = ends.plain.lowest > curve("plain", depths[0]).highest.at(-1); // in every seed
      const verdict = least ? "The shallowest nets: compare deeper ones with them."
        : !worse ? ""
          : state.error === "training" ? "The deeper plain net fits even its training set worse: this is not over-fitting."
            : "Over-fitting? Look at the training error.";
      say(`${state.depth} layers, ${state.error} error after ${epochs} epochs: ${one("plain", true)}; ${one("residual")}. ${verdict}`);
    }

    function draw() {
      const axis = errorAxis();
      drawEpochs(axis);
      drawDepths({ ...axis, grid: axis.grid.map((g) => g.cloneNode(true)) });
      describe();
    }

    const nearest = (distance) => now().depths.reduce((best, d) => (distance(d) < distance(best) ? d : best));
    const depth = slider({
      label: "depth", min: 0, max: now().depths.length - 1, step: 1, value: now().depths.indexOf(state.depth),
      format: (k) => `${now().depths[k]} layers`,
      oninput: (k) => { state.depth = now().depths[k]; draw(); },
    });
    const choose = (value) => {
      state.depth = value;
      set(depth.input, { max: now().depths.length - 1 });
      depth.set(now().depths.indexOf(value));
      draw();
    };
    const point = (event) => {
      const [x] = place(event, byDepth.canvas);
      choose(nearest((d) => Math.abs(depthX(d) - x)));
    };
    byDepth.canvas.addEventListener("pointerdown", (event) => { byDepth.canvas.setPointerCapture(event.pointerId); point(event); });
    byDepth.canvas.addEventListener("pointermove", (event) => { if (byDepth.canvas.hasPointerCapture(event.pointerId)) point(event); });
    controls.append(
      depth.element,
      choice({
        label: "images", value: state.data, options: names.map((name) => [name, name]),
        onchange: (name) => { state.data = name; choose(nearest((d) => Math.abs(d - state.depth))); },
      }).element,
      choice({
        label: "error", value: state.error, options: [["training", "training"], ["test", "test"]],
        onchange: (error) => { state.error = error; draw(); },
      }).element,
    );
    root.explorer = { state: () => ({ ...state, plain: final("plain"), residual: final("residual") }) };
    draw();
    return () => root.remove();
  },
};
