// Slide a one-dimensional kernel over a signal. The formulas are those of
// utils/convolution1d.py: y_t = Σ_k w_k x_{s t + d k}, the signal padded with p zeros.

import { ARROWS, button, checkbox, choice, frame, number, place, slider, svg } from "./common.js";

function outputSize(n, kernelSize, stride, padding, dilation) {
  return Math.floor((n + 2 * padding - dilation * (kernelSize - 1) - 1) / stride) + 1;
}

function pad(x, padding) {
  const zeros = new Array(padding).fill(0);
  return [...zeros, ...x, ...zeros];
}

function crossCorrelate(x, w, stride, padding, dilation) {
  const padded = pad(x, padding);
  const size = Math.max(0, outputSize(x.length, w.length, stride, padding, dilation));
  return Array.from({ length: size }, (_, t) =>
    w.reduce((sum, tap, k) => sum + tap * padded[t * stride + k * dilation], 0));
}

const WIDTH = 400;
const ROWS = { x: 62, w: 142, y: 226 }; // the zero line of each row of bars
const UNIT = 4; // height of 1
const LIMIT = 9;

export default {
  render({ model, el }) {
    const { root, stage, controls, say } = frame(el, "Slide a kernel over a signal");
    const state = {
      x: [...model.get("signal")],
      w: [...model.get("kernel")],
      flip: false, stride: 1, padding: 0, dilation: 1, at: 0,
    };
    const taps = () => (state.flip ? [...state.w].reverse() : state.w);
    const output = () => crossCorrelate(state.x, taps(), state.stride, state.padding, state.dilation);
    let selected = ["w", 0];

    const canvas = svg("svg", { viewBox: `0 0 ${WIDTH} 270`, role: "group", "aria-label": "Signal, kernel and output", style: "max-width: 600px" });
    stage.append(canvas);

    const colour = { x: "var(--ex-blue)", w: "var(--ex-orange)", y: "var(--ex-green)" };
    const label = { x: "signal x", w: "kernel w", y: "output y" };

    function bar(row, column, value, width, { faint = false, unit = UNIT } = {}) {
      const left = column * width;
      const height = Math.abs(value) * unit;
      const top = value >= 0 ? ROWS[row] - height : ROWS[row];
      return [
        svg("rect", { x: left + 2, y: top, width: width - 4, height, rx: 1, fill: colour[row], opacity: faint ? 0.35 : 1 }),
        svg("text", { x: left + width / 2, y: value >= 0 ? ROWS[row] + 12 : ROWS[row] - 4, "text-anchor": "middle", "font-size": 12, opacity: faint ? 0.6 : 1 }, number(value, Number.isInteger(value) ? 0 : 2)),
      ];
    }

    function edit(row, index, value) {
      state[row][index] = Math.max(-LIMIT, Math.min(LIMIT, value));
      selected = [row, index];
      draw();
    }

    function editable(row, index, column, width) {
      const value = state[row][index];
      const isSelected = selected[0] === row && selected[1] === index;
      const node = svg("g", {
        tabindex: isSelected ? 0 : -1, role: "slider", "data-cell": `${row}${index}`,
        "aria-label": `${label[row]}, value ${index}`, "aria-valuemin": -LIMIT, "aria-valuemax": LIMIT,
        "aria-valuenow": value, "aria-orientation": "vertical",
      },
      svg("rect", { x: column * width + 1, y: ROWS[row] - 40, width: width - 2, height: 56, rx: 4, fill: "transparent", stroke: isSelected ? "var(--ex-focus)" : "none" }),
      bar(row, column, value, width));
      let start = null;
      node.style.touchAction = "none";
      node.style.cursor = "ns-resize";
      node.addEventListener("pointerdown", (event) => {
        start = { y: place(event, canvas)[1], value };
        selected = [row, index];
        canvas.setPointerCapture(event.pointerId);
        canvas.onpointermove = (e) => {
          const next = Math.round(start.value - (place(e, canvas)[1] - start.y) / UNIT);
          if (next !== state[row][index]) edit(row, index, next);
        };
        canvas.onpointerup = canvas.onpointercancel = () => {
          canvas.onpointermove = canvas.onpointerup = canvas.onpointercancel = null;
          draw(true);
        };
        event.preventDefault();
        draw(true);
      });
      node.addEventListener("keydown", (event) => {
        const step = ARROWS[event.key];
        if (!step) return;
        event.preventDefault();
        if (step[1]) edit(row, index, value + step[1]);
        else selected = [row, Math.max(0, Math.min(state[row].length - 1, index + step[0]))];
        draw(true);
      });
      return node;
    }

    function draw(refocus = false) {
      const y = output();
      state.at = Math.max(0, Math.min(y.length - 1, state.at));
      const padded = pad(state.x, state.padding);
      const width = Math.min(44, WIDTH / padded.length);
      const start = state.at * state.stride;
      canvas.replaceChildren();
      for (const row of ["x", "w", "y"]) {
        canvas.append(
          svg("line", { x1: 0, x2: WIDTH, y1: ROWS[row], y2: ROWS[row], stroke: "var(--ex-line)" }),
          svg("text", { x: WIDTH, y: ROWS[row] - 44, "text-anchor": "end", "font-size": 12, style: "fill: var(--ex-muted)" }, label[row] + (row === "w" && state.flip ? ", flipped" : "")),
        );
      }
      padded.forEach((value, column) => {
        const index = column - state.padding;
        if (index < 0 || index >= state.x.length) canvas.append(svg("g", {}, bar("x", column, 0, width, { faint: true })));
        else canvas.append(editable("x", index, column, width));
      });
      if (y.length) {
        taps().forEach((_, k) => {
          const column = start + k * state.dilation;
          const index = state.flip ? state.w.length - 1 - k : k;
          canvas.append(
            svg("line", { x1: (column + 0.5) * width, x2: (column + 0.5) * width, y1: ROWS.x + 16, y2: ROWS.w - 42, stroke: "var(--ex-orange)", "stroke-dasharray": "2 3" }),
            editable("w", index, column, width),
          );
        });
      }
      const unit = UNIT * LIMIT / Math.max(LIMIT, ...y.map(Math.abs));
      y.forEach((value, t) => {
        const node = svg("g", { "data-output": t, style: "cursor: pointer" },
          svg("rect", { x: t * width + 1, y: ROWS.y - 40, width: width - 2, height: 80, rx: 4, fill: t === state.at ? "var(--ex-blue-soft)" : "transparent", stroke: t === state.at ? "var(--ex-green)" : "none" }),
          bar("y", t, value, width, { unit }));
        node.addEventListener("click", () => { state.at = t; draw(); });
        canvas.append(node);
      });
      back.disabled = state.at <= 0;
      on.disabled = state.at >= y.length - 1;
      describe(y, padded, start);
      if (refocus) canvas.querySelector(`[data-cell="${selected.join("")}"]`)?.focus({ preventScroll: true });
    }

    function describe(y, padded, start) {
      const { stride, padding, dilation } = state;
      if (!y.length) {
        say(`The kernel reaches over ${dilation * (state.w.length - 1) + 1} values, the padded signal has ${padded.length}: no output.`);
        return;
      }
      const terms = taps().map((tap, k) => `${bracket(tap)}·${bracket(padded[start + k * dilation])}`);
      say(`y[${state.at}] = ${terms.join(" + ")} = ${number(y[state.at], 0)}. `
        + `Output size ⌊(${state.x.length} − ${dilation * (state.w.length - 1) + 1} + 2·${padding}) / ${stride}⌋ + 1 = ${y.length}.`);
    }
    const bracket = (value) => (value < 0 ? `(${number(value, 0)})` : number(value, 0));

    const back = button("◀ Slide", () => { state.at -= 1; draw(); }, { "aria-label": "Slide left" });
    const on = button("Slide ▶", () => { state.at += 1; draw(); }, { "aria-label": "Slide right" });
    const less = button("−", () => change(-1), { "aria-label": "Lower the selected value" });
    const more = button("+", () => change(1), { "aria-label": "Raise the selected value" });
    const change = (by) => edit(selected[0], selected[1], state[selected[0]][selected[1]] + by);

    const whole = (v) => String(v);
    const setting = (name, text, max) => slider({
      label: text, min: name === "padding" ? 0 : 1, max, step: 1, value: state[name], format: whole,
      oninput: (v) => { state[name] = v; draw(); },
    });
    const stride = setting("stride", "stride", 3);
    const padding = setting("padding", "padding", 4);
    const dilation = setting("dilation", "dilation", 3);
    const size = choice({
      label: "taps", value: String(state.w.length), options: [1, 2, 3, 4, 5].map((m) => [String(m), String(m)]),
      onchange: (m) => {
        state.w = Array.from({ length: Number(m) }, (_, k) => state.w[k] ?? 0);
        selected = ["w", 0];
        draw();
      },
    });
    const flip = checkbox({ label: "flip (convolution)", checked: false, onchange: (v) => { state.flip = v; draw(); } });
    const mode = (name, p) => button(name, () => { state.padding = p(state.w.length); padding.set(state.padding); draw(); });
    controls.append(
      back, on, less, more,
      mode("narrow", () => 0), mode("same", (m) => (m - 1) >> 1), mode("wide", (m) => m - 1),
      size.element, stride.element, padding.element, dilation.element, flip.element,
    );
    root.explorer = { state: () => ({ ...state, taps: taps(), y: output() }) };
    draw();
    return () => root.remove();
  },
};
