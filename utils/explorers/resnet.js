// Plain against residual nets at every recorded depth. The numbers are those of
// `degradation` in utils/explorers/resnet.py, in percent.

import { centred, dragAlong, label, line, logTicks, points, polyline, scale, xAxis, yAxis } from "./chart.js";
import { explorer, fields, html, number, panel, set, slider, svg } from "./common.js";
import { range } from "./maths.js";

const [WIDTH, HEIGHT] = [356, 270];
const [LEFT, RIGHT, TOP, BOTTOM] = [34, WIDTH - 64, 10, HEIGHT - 36];
const KINDS = ["plain", "residual"];
const LOOKS = {
  plain: { stroke: "var(--ex-orange)", "stroke-dasharray": "6 3" },
  residual: { stroke: "var(--ex-blue)" },
};
const percent = (value) => `${number(value, 1)}\u00a0%`;

export default explorer("Deeper and deeper, with and without shortcuts", ({
  model, root, controls, stage, say, reset,
}) => {
  const sets = model.get("runs");
  const names = Object.keys(sets);
  const state = { data: names[0], depth: sets[names[0]].depths.at(-1), error: "training" };
  const now = () => sets[state.data];
  const curve = (kind, depth) => now()[kind][depth][state.error];

  const [byEpoch, byDepth] = ["epoch", "depth"].map((name) =>
    panel(`resnet-panel resnet-${name}`, "", { viewBox: `0 0 ${WIDTH} ${HEIGHT}` }));
  stage.append(html("div", { class: "ex-panels" }, byEpoch.figure, byDepth.figure));

  // Both panels have the same axis of errors, the same for all that the data set has.
  function errorAxis() {
    const ticks = logTicks(KINDS.flatMap((kind) => Object.values(now()[kind])).flatMap((net) => Object.values(net))
      .flatMap((error) => [...error.lowest, ...error.highest]));
    const log = scale([ticks[0], ticks.at(-1)], [BOTTOM, TOP], Math.log);
    return { ticks, Y: (v) => log(Math.max(v, ticks[0])) };
  }

  // What both panels have: the ticks of both axes, and what the places mean.
  const axes = ({ ticks, Y }, places, X, words) => [
    ...yAxis(ticks, Y, LEFT, RIGHT), ...xAxis(places.map((x) => [x, x]), X, BOTTOM),
    centred((LEFT + RIGHT) / 2, BOTTOM + 31, words),
  ];

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

  function drawEpochs(axis) {
    const { epochs, depths } = now();
    const { Y } = axis;
    const X = scale([1, epochs], [LEFT + 8, RIGHT]);
    const all = range(epochs, (k) => k + 1);
    const xs = all.map(X);
    const curveOf = (kind, depth, attributes) => polyline(curve(kind, depth).mean.map((v, k) => [xs[k], Y(v)]),
      { ...LOOKS[kind], "data-kind": kind, "data-depth": depth, ...attributes });
    const last = KINDS.map((kind) => Y(curve(kind, state.depth).mean.at(-1)));
    byEpoch.entitle(`${state.error} error (%) of ${state.depth} layers; faint: other depths`);
    byEpoch.canvas.replaceChildren(
      ...axes(axis, all.filter((k) => epochs < 8 || k === 1 || k % 5 === 0), X, "epoch"),
      ...KINDS.flatMap((kind) => depths.filter((d) => d !== state.depth)
        .map((d) => curveOf(kind, d, { class: "resnet-faint", "stroke-width": 1.3 }))),
      ...KINDS.flatMap((kind) => {
        const { lowest, highest } = curve(kind, state.depth);
        return band(kind, xs, lowest, highest, Y);
      }),
      ...KINDS.map((kind) => curveOf(kind, state.depth, { "stroke-width": 2.8 })),
      ...KINDS.map((kind, k) => mark(kind, xs.at(-1), last[k], 4.5)),
      ...endLabels(last),
    );
  }

  const depthX = (depth) => scale([now().depths[0], now().depths.at(-1)], [LEFT + 12, RIGHT - 12])(depth);

  function drawDepths(axis) {
    const { epochs, depths } = now();
    const { Y } = axis;
    const [xs, x] = [depths.map(depthX), depthX(state.depth)];
    const last = (kind, part) => depths.map((d) => curve(kind, d)[part].at(-1));
    byDepth.entitle(`${state.error} error (%) after ${epochs} epochs: tap or drag`);
    byDepth.canvas.replaceChildren(
      ...axes(axis, depths, depthX, "layers"),
      line(x, TOP, x, BOTTOM, { class: "resnet-chosen", stroke: "var(--ex-fg)", "stroke-width": 1.5 }),
      ...KINDS.flatMap((kind) => band(kind, xs, last(kind, "lowest"), last(kind, "highest"), Y)),
      ...KINDS.flatMap((kind) => {
        const ys = last(kind, "mean").map(Y);
        return [polyline(xs.map((at, k) => [at, ys[k]]), { ...LOOKS[kind], "data-kind": kind }),
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
      const over = first ? ` over ${seeds} seeds` : "";
      const spread = seeds > 1 ? ` (${number(lowest, 1)} to ${number(highest, 1)}${over})` : "";
      const times = mean / shallowest;
      const ratio = least ? ""
        : `, ${number(times, times < 9.95 ? 1 : 0)} times the ${percent(shallowest)} with ${depths[0]} layers`;
      return `${kind} ${percent(mean)}${spread}${ratio}`;
    };
    const worse = ends.plain.lowest > curve("plain", depths[0]).highest.at(-1); // in every seed
    const verdict = least ? "The shallowest nets: compare deeper ones with them."
      : !worse ? ""
        : state.error === "training"
          ? "The deeper plain net fits even its training set worse: this is not over-fitting."
          : "Over-fitting? Look at the training error.";
    say(`${state.depth} layers, ${state.error} error after ${epochs} epochs: `
      + `${one("plain", true)}; ${one("residual")}. ${verdict}`);
  }

  function draw() {
    const axis = errorAxis();
    drawEpochs(axis);
    drawDepths(axis);
    describe();
  }

  const nearest = (distance) => now().depths.reduce((best, d) => (distance(d) < distance(best) ? d : best));
  const depth = slider({
    label: "depth", min: 0, max: now().depths.length - 1, value: now().depths.indexOf(state.depth),
    format: (k) => `${now().depths[k]} layers`,
    onchange: (k) => { state.depth = now().depths[k]; draw(); },
  });
  const choose = (distance) => {
    state.depth = nearest(distance);
    set(depth.input, { max: now().depths.length - 1 });
    depth.set(now().depths.indexOf(state.depth));
    draw();
  };
  dragAlong(byDepth.canvas, (x) => choose((d) => Math.abs(depthX(d) - x)));
  const own = fields(state, () => choose((d) => Math.abs(d - state.depth)));
  controls.append(
    depth, own.choice("data", { label: "images", options: names }),
    own.choice("error", { options: ["training", "test"] }), reset,
  );
  root.explorer = { state: () => ({ ...state, plain: final("plain"), residual: final("residual") }) };
  draw();
});
