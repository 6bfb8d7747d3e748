// A convolution as lines between its inputs and outputs, forwards or transposed. The
// sizes are those of utils/convolution1d.py and utils/more_convolutions.py.

import {
  arrows, bracketed, choice, explorer, fields, focusOn, html, mouseMoved, redraw, set, short, startFrom, stepper, svg,
} from "./common.js";
import { clamp, matrix, outputSize, range, sum } from "./maths.js";

const SQUARE = 30, GAP = 92, MARGIN = 4; // in units of the viewBox
const INPUT = [1, 2, 0, 3, 1, 2, 1, 0, 2];
const WEIGHTS = { "1 2 1": [1, 2, 1], "1 1": [1, 1], "1 1 1 1": [1, 1, 1, 1], "−1 0 1": [-1, 0, 1] };
const STRONGEST = 9;

// Which weight stands between big value t and small value u, if one does: the entry
// (u, t) of the matrix C, which takes the many values to the few.
const weightIndex = (t, u, { stride, padding, dilation }, m) => {
  const k = (t - (u * stride - padding)) / dilation;
  return Number.isInteger(k) && k >= 0 && k < m ? k : null;
};

export default explorer("Inputs and outputs of a convolution", ({ model, root, stage, controls, say, reset }) => {
  const state = {
    direction: "transposed", n: model.get("n"), kernel: [...model.get("kernel")],
    stride: model.get("stride"), padding: 0, dilation: 1, at: { row: "output", place: 2 },
  };
  const start = [...state.kernel];
  let selected = 0; // of the kernel
  const transposed = () => state.direction === "transposed";
  const reach = () => state.dilation * (state.kernel.length - 1) + 1;

  function result() {
    const { n, stride, padding, dilation, kernel } = state;
    const size = transposed() ? Math.max(0, stride * (n - 1) + reach() - 2 * padding)
      : outputSize(n, kernel.length, stride, padding, dilation);
    const x = INPUT.slice(0, n);
    const weights = matrix(size, n, (o, i) => {
      const k = transposed() ? weightIndex(o, i, state, kernel.length) : weightIndex(i, o, state, kernel.length);
      return k === null ? null : kernel[k];
    });
    const y = weights.map((row) => sum(row.map((w, i) => (w === null ? 0 : w * x[i]))));
    return { x, y, weights };
  }

  const canvas = svg("svg", { role: "group", "aria-label": "inputs above, outputs below, a line for each weight" });
  stage.append(html("div", { class: "mc-scroll ex-scroll" }, canvas));
  const kernelCanvas = svg("svg", { role: "group", "aria-label": "kernel: select a weight, then − or +" });
  const step = stepper("weight", (by) => {
    state.kernel[selected] = clamp(state.kernel[selected] + by, -STRONGEST, STRONGEST);
    pick.set("own");
    draw();
  });

  const choose = (row, place) => { state.at = { row, place }; draw(); };

  function box(row, place, value, x, y, look) {
    const tab = look.tab ?? false;
    const node = svg("g", {
      class: "mc-box", role: "button", tabindex: tab ? 0 : -1, "data-key": `${row}${place}`,
      "aria-label": look.label, "aria-pressed": look.chosen ? "true" : "false", style: "cursor: pointer",
      onclick: look.act,
      onpointermove: (event) => { if (mouseMoved(event) && look.hover && !look.chosen) look.act(); },
      onkeydown: look.onkeydown ?? null,
    },
    svg("rect", {
      x: x + 2, y: y + 2, width: SQUARE - 4, height: SQUARE - 4, rx: 3, fill: look.lit
        ? "color-mix(in srgb, var(--ex-green) 22%, transparent)" : "transparent",
      stroke: look.chosen ? "var(--ex-green)" : "var(--ex-line)", "stroke-width": look.chosen ? 3 : 1,
    }),
    svg("text", { x: x + SQUARE / 2, y: y + SQUARE / 2 + 5, "text-anchor": "middle", "font-size": 14 }, short(value)));
    arrows(node, (dx, dy) => look.walk(dx, dy), 1);
    return node;
  }

  function draw() {
    const { x, y, weights } = result();
    const rows = { input: x, output: y };
    if (!rows[state.at.row].length) state.at = { row: "input", place: 0 };
    state.at.place = clamp(state.at.place, 0, rows[state.at.row].length - 1);
    const { row: own, place } = state.at;
    // The many stand in a row; each of the few under (or over) the middle of its window.
    const [big, small] = transposed() ? [y, x] : [x, y];
    const middle = (reach() - 1) / 2 - state.padding;
    const low = Math.min(0, middle);
    const high = Math.max(big.length - 1, (small.length - 1) * state.stride + middle);
    const spot = (row, k) => {
      const few = (row === "input") === transposed();
      return MARGIN + ((few ? k * state.stride + middle : k) - low) * SQUARE;
    };
    const width = (high - low + 1) * SQUARE + 2 * MARGIN;
    set(canvas, { viewBox: `0 0 ${width} ${2 * SQUARE + GAP + 2}` });
    canvas.style.minWidth = `${width * 0.8}px`;
    canvas.style.maxWidth = `${width * 1.25}px`;
    const touches = (o, i) => weights[o]?.[i] !== null && weights[o]?.[i] !== undefined;
    const lines = weights.flatMap((line, o) => line.map((w, i) => {
      if (w === null) return null;
      const lit = own === "output" ? o === place : i === place;
      const color = w > 0 ? "blue" : w < 0 ? "orange" : "line";
      const [x1, x2] = [spot("input", i) + SQUARE / 2, spot("output", o) + SQUARE / 2];
      return { lit, nodes: [
        svg("line", {
          class: lit ? "mc-line mc-lit" : "mc-line", x1, x2, y1: SQUARE, y2: SQUARE + GAP,
          stroke: `var(--ex-${lit ? color : "line"})`, "stroke-width": lit ? 2.5 : 1,
        }),
        lit && svg("text", {
          class: "mc-weight", x: x1 + (own === "output" ? 0.34 : 0.66) * (x2 - x1),
          y: SQUARE + (own === "output" ? 0.34 : 0.66) * GAP + 4, "text-anchor": "middle", "font-size": 12,
        }, short(w)),
      ].filter(Boolean) };
    })).filter(Boolean);
    const walk = (row, k) => (dx, dy) => {
      const to = dy ? (row === "input" ? "output" : "input") : row;
      if (!rows[to].length || (dy > 0) === (row === "input") && dy) return;
      const along = dy ? clamp(k, 0, rows[to].length - 1) : clamp(k + dx, 0, rows[to].length - 1);
      choose(to, along);
      focusOn(canvas, `${to}${along}`, false);
    };
    const boxes = ["input", "output"].flatMap((row) => rows[row].map((value, k) => {
      const chosen = row === own && k === place;
      const lit = row !== own && (row === "input" ? touches(place, k) : touches(k, place));
      return box(row, k, value, spot(row, k), row === "input" ? 1 : SQUARE + GAP + 1, {
        chosen, lit, tab: chosen, hover: true, act: () => choose(row, k), walk: walk(row, k),
        label: `${row} ${k}: ${short(value)}${lit ? ", connected" : ""}`,
      });
    }));
    const sorted = [...lines.filter((l) => !l.lit), ...lines.filter((l) => l.lit)];
    redraw(canvas, [sorted.map((l) => l.nodes), boxes]);

    set(kernelCanvas, { viewBox: `0 0 ${state.kernel.length * SQUARE} ${SQUARE}` });
    kernelCanvas.style.width = `${state.kernel.length * SQUARE}px`;
    redraw(kernelCanvas, state.kernel.map((w, k) => box("weight", k, w, k * SQUARE, 0, {
      chosen: k === selected, tab: k === selected, act: () => { selected = k; draw(); },
      label: `weight ${k}: ${short(w)}`, onkeydown: step.onkeydown,
      walk: (dx) => {
        selected = clamp(k + dx, 0, state.kernel.length - 1);
        draw();
        focusOn(kernelCanvas, `weight${selected}`);
      },
    })));
    describe({ x, y, weights });
  }

  function describe({ x, y, weights }) {
    const { n, stride: s, padding: p, dilation: d, kernel: { length: m }, at: { row, place } } = state;
    const size = transposed()
      ? `${s}·(${n} − 1) + ${d}·(${m} − 1) + 1 − 2·${p} = ${short(s * (n - 1) + reach() - 2 * p)}`
      : `⌊(${n} + 2·${p} − ${d}·(${m} − 1) − 1) / ${s}⌋ + 1 = ${short(Math.floor((n + 2 * p - reach()) / s) + 1)}`;
    if (!y.length) {
      say(`Nothing comes out. The kernel reaches over ${reach()} values. Output size ${size}.`);
      return;
    }
    const joined = row === "output"
      ? range(n).filter((i) => weights[place][i] !== null)
      : range(y.length).filter((o) => weights[o][place] !== null);
    const terms = joined.map((i) => `${bracketed(weights[place]?.[i] ?? 0)}·${x[i]}`);
    const list = joined.join(", ");
    const one = row === "output"
      ? `Output ${place} = ${terms.length ? `${terms.join(" + ")} = ` : ""}${short(y[place])}: `
        + `from ${list ? `input ${list}` : "no input"}.`
      : `Input ${place} goes into ${list ? `output ${list}` : "no output"}.`;
    say(`${one} Output size ${size}.`);
  }

  const kernels = { "as in the text": start, ...WEIGHTS };
  const pick = startFrom({
    label: "kernel", value: "as in the text", from: kernels,
    take: (kernel) => { state.kernel = [...kernel]; selected = 0; draw(); },
  });
  const field = fields(state, draw);
  controls.append(
    choice({
      label: "direction", value: state.direction,
      options: [["forward", "convolution"], ["transposed", "its transpose"]],
      onchange: (direction) => { // the same lines, if there are inputs enough
        state.n = clamp(result().y.length, 1, INPUT.length);
        state.direction = direction;
        field.follow();
        draw();
      },
    }),
    pick,
    html("span", { class: "ex-field mc-kernel" }, kernelCanvas), step.buttons,
    field.slider("n", { label: "inputs", min: 1, max: INPUT.length }), field.slider("stride", { min: 1, max: 3 }),
    field.slider("padding", { min: 0, max: 2 }), field.slider("dilation", { min: 1, max: 2 }), reset,
  );
  root.explorer = { state: () => { const { x, y } = result(); return { ...state, x, y }; } };
  draw();
});
