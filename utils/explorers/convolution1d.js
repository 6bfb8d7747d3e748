// Slide a one-dimensional kernel over a signal. The formulas are those of
// utils/convolution1d.py: y_t = Σ_k w_k x_{s t + d k}, the signal padded with p zeros.

import { bar, centred, label, line } from "./chart.js";
import {
  arrows, bracketed, button, choice, commands, enable, explorer, fields, focusOn, follow, redraw, set, short,
  stepper, svg,
} from "./common.js";
import { clamp, outputSize, range, sum } from "./maths.js";

const padSides = (x, padding) => range(x.length + 2 * padding, (k) => x[k - padding] ?? 0);

function crossCorrelate(x, w, stride, padding, dilation) {
  const padded = padSides(x, padding);
  return range(outputSize(x.length, w.length, stride, padding, dilation), (t) =>
    sum(w.map((tap, k) => tap * padded[t * stride + k * dilation])));
}

const ACROSS = 400;
const ZEROS = { x: 62, w: 142, y: 226 }; // the zero line of each row of bars
const UNIT = 4; // height of 1
const HIGHEST_BAR = 9;
const LEAP = 3; // of Page Up and Page Down
const MOST_PADDING = 6; // zeros on each side
// How many zeros on each side, for a kernel that reaches over so many values more than one.
const MODES = { narrow: () => 0, same: (extent) => extent / 2, wide: (extent) => extent };
const COLOUR = { x: "var(--ex-blue)", w: "var(--ex-orange)", y: "var(--ex-green)" };
const NAME = { x: "signal x", w: "kernel w", y: "output y" };

export default explorer("Slide a kernel over a signal", ({ model, root, stage, controls, say, reset }) => {
  const state = {
    x: [...model.get("signal")],
    w: [...model.get("kernel")],
    flip: false, stride: 1, padding: 0, dilation: 1, mode: "narrow", at: 0,
  };
  const taps = () => (state.flip ? [...state.w].reverse() : state.w);
  const output = () => crossCorrelate(state.x, taps(), state.stride, state.padding, state.dilation);
  let selected = ["w", 0];

  const canvas = svg("svg", {
    viewBox: `0 0 ${ACROSS} 270`, role: "group", "aria-label": "Signal, kernel and output", style: "max-width: 600px",
  });
  stage.append(canvas);

  function valueBar(row, column, value, width, { faint = false, unit = UNIT } = {}) {
    const zero = ZEROS[row];
    return [
      bar(column * width + 2, zero, width - 4, value * unit, { rx: 1, fill: COLOUR[row], opacity: faint ? 0.35 : 1 }),
      centred((column + 0.5) * width, value >= 0 ? zero + 12 : zero - 4, short(value), { opacity: faint ? 0.6 : 1 }),
    ];
  }

  const frameOf = (row, column, width, height, fill, stroke) => svg("rect", {
    x: column * width + 1, y: ZEROS[row] - 40, width: width - 2, height, rx: 4, fill, stroke,
  });

  function select(row, index) {
    selected = [row, index];
    draw();
    focusOn(canvas, selected.join(""));
  }

  function edit(row, index, value) {
    state[row][index] = clamp(value, -HIGHEST_BAR, HIGHEST_BAR);
    draw();
  }

  function editable(row, index, column, width) {
    const value = state[row][index];
    const isSelected = selected[0] === row && selected[1] === index;
    const node = svg("g", {
      tabindex: isSelected ? 0 : -1, role: "slider", "data-key": `${row}${index}`,
      "aria-label": `${NAME[row]}, value ${index}`, "aria-valuemin": -HIGHEST_BAR, "aria-valuemax": HIGHEST_BAR,
      "aria-valuenow": value, "aria-orientation": "vertical", style: "cursor: ns-resize",
    },
    frameOf(row, column, width, 56, "transparent", isSelected ? "var(--ex-focus)" : "none"),
    valueBar(row, column, value, width));
    // A finger on it drags it: the page stays where it is.
    node.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
    const right = row === "w" && state.flip ? -1 : 1; // where the next bar stands
    arrows(node, (dx, dy) => {
      if (dy) edit(row, index, value + dy);
      else select(row, clamp(index + right * dx, 0, state[row].length - 1));
    }, 1);
    node.addEventListener("keydown", (event) => { // as sliders do
      const to = {
        Home: -HIGHEST_BAR, End: HIGHEST_BAR, PageUp: value + LEAP, PageDown: value - LEAP,
      }[event.key];
      if (to === undefined || commands(event)) return;
      event.preventDefault();
      edit(row, index, to);
    });
    return node;
  }

  // A bar that is pressed follows the pointer, wherever drawing puts it meanwhile.
  let pressed = null;
  follow(canvas, canvas, {
    start: (_, y, event) => {
      const key = event.target.closest("[data-key]")?.dataset.key;
      if (!key) return false;
      const [row, index] = [key[0], Number(key.slice(1))];
      pressed = { row, index, y, value: state[row][index] };
      select(row, index);
      return true;
    },
    move: (_, y) => {
      const { row, index } = pressed;
      const next = Math.round(pressed.value - (y - pressed.y) / UNIT);
      if (next !== state[row][index]) edit(row, index, next);
    },
  });

  function draw() {
    const y = output();
    state.at = clamp(state.at, 0, Math.max(0, y.length - 1));
    if (!y.length && selected[0] === "w") selected = ["x", 0]; // no kernel is drawn
    const padded = padSides(state.x, state.padding);
    const width = Math.min(44, ACROSS / padded.length);
    const start = state.at * state.stride;
    const unit = UNIT * HIGHEST_BAR / Math.max(HIGHEST_BAR, ...y.map(Math.abs));
    redraw(canvas, [
      ["x", "w", "y"].map((row) => [
        line(0, ZEROS[row], ACROSS, ZEROS[row]),
        label(ACROSS, ZEROS[row] - 44, NAME[row] + (row === "w" && state.flip ? ", flipped" : ""),
          { "text-anchor": "end", style: "fill: var(--ex-muted)" }),
      ]),
      padded.map((_, column) => {
        const index = column - state.padding;
        return index in state.x ? editable("x", index, column, width)
          : valueBar("x", column, 0, width, { faint: true });
      }),
      y.length ? state.w.map((_, k) => {
        const column = start + k * state.dilation;
        const middle = (column + 0.5) * width;
        const dashed = { stroke: "var(--ex-orange)", "stroke-dasharray": "2 3" };
        return [line(middle, ZEROS.x + 16, middle, ZEROS.w - 42, dashed),
          editable("w", state.flip ? state.w.length - 1 - k : k, column, width)];
      }) : [],
      y.map((value, t) => {
        const [fill, stroke] = t === state.at ? ["var(--ex-blue-soft)", "var(--ex-green)"] : ["transparent", "none"];
        const onclick = () => { state.at = t; draw(); };
        return svg("g", { "data-output": t, style: "cursor: pointer", onclick },
          frameOf("y", t, width, 80, fill, stroke), valueBar("y", t, value, width, { unit }));
      }),
    ]);
    for (const [name, node] of Object.entries(modes)) set(node, { "aria-pressed": name === state.mode });
    enable(back, state.at > 0);
    enable(on, state.at < y.length - 1);
    describe(y, padded, start);
  }

  function describe(y, padded, start) {
    const { stride, padding, dilation } = state;
    const reach = dilation * (state.w.length - 1) + 1;
    const wish = state.mode ? MODES[state.mode](reach - 1) : padding;
    const many = padding < MOST_PADDING ? "" : ", too many here";
    const but = wish === padding ? "" : ` For "${state.mode}" it would take ${wish} zeros on each side${many}.`;
    if (!y.length) {
      say(`The kernel reaches over ${reach} values, the padded signal has ${padded.length}: no output.`);
      return;
    }
    const terms = taps().map((tap, k) => `${bracketed(tap)}·${bracketed(padded[start + k * dilation])}`);
    say(`y[${state.at}] = ${terms.join(" + ")} = ${short(y[state.at])}. `
      + `Output size ⌊(${state.x.length} − ${reach} + 2·${padding}) / ${stride}⌋ + 1 = ${y.length}.${but}`);
  }

  const slide = (by) => () => { state.at += by; draw(); };
  const back = button("◀ Slide", slide(-1), { "aria-label": "Slide left" });
  const on = button("Slide ▶", slide(1), { "aria-label": "Slide right" });
  const step = stepper("value", (by) => edit(...selected, state[selected[0]][selected[1]] + by));
  const size = choice({
    label: "taps", value: state.w.length, options: [1, 2, 3, 4, 5],
    onchange: (m) => {
      state.w = range(Number(m), (k) => state.w[k] ?? 0);
      selected = ["w", 0];
      keep();
    },
  });
  const field = fields(state, draw);
  const dilation = fields(state, () => keep()).slider("dilation", { min: 1, max: 3 });
  const paddings = fields(state, () => { state.mode = null; draw(); });
  // The padding that has a name keeps it when the kernel changes.
  function keep() {
    if (state.mode) {
      const wish = MODES[state.mode](state.dilation * (state.w.length - 1));
      state.padding = Math.min(MOST_PADDING, Math.floor(wish));
      paddings.follow();
    }
    draw();
  }
  const modes = Object.fromEntries(Object.keys(MODES).map((name) =>
    [name, button(name, () => { state.mode = name; keep(); })]));
  controls.append(
    back, on, step.buttons,
    ...Object.values(modes),
    size, field.slider("stride", { min: 1, max: 3 }), paddings.slider("padding", { min: 0, max: MOST_PADDING }),
    dilation, field.checkbox("flip", { label: "flip (convolution)" }), reset,
  );
  root.explorer = { state: () => ({ ...state, taps: taps(), y: output() }) };
  draw();
});
