// Pool a small image. The formulas are those of utils/pooling.py, without padding: a
// window of k × k numbers every s places, and its largest or its mean. Of equal largest
// numbers the first, row by row, wins and gets the whole error, as in torch.

import {
  ARROWS, button, checkbox, choice, frame, html, number, set, slider, svg,
} from "./common.js";

function windows(image, size, stride) {
  const places = (n) => Math.max(0, Math.floor((n - size) / stride) + 1);
  return Array.from({ length: places(image.length) }, (_u, u) => Array.from({ length: places(image[0].length) }, (_v, v) => {
    const cells = [];
    for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) cells.push([u * stride + i, v * stride + j]);
    return cells;
  }));
}

// The cell that wins a window: the first of the largest.
function winner(image, cells) {
  return cells.reduce((best, cell) => (image[cell[0]][cell[1]] > image[best[0]][best[1]] ? cell : best));
}

function pool(image, kind, size, stride) {
  return windows(image, size, stride).map((row) => row.map((cells) => {
    if (kind === "max") { const [r, c] = winner(image, cells); return image[r][c]; }
    return cells.reduce((sum, [r, c]) => sum + image[r][c], 0) / cells.length;
  }));
}

// δ of the image, for these δ of the output.
function poolBackward(delta, image, kind, size, stride) {
  const gradient = image.map((row) => row.map(() => 0));
  windows(image, size, stride).forEach((row, u) => row.forEach((cells, v) => {
    const receivers = kind === "max" ? [winner(image, cells)] : cells;
    for (const [r, c] of receivers) gradient[r][c] += delta[u][v] / receivers.length;
  }));
  return gradient;
}

const POOL_CELL = 30;
const POOL_LIMIT = 9;
const short = (value) => number(value, Number.isInteger(value) ? 0 : 2);
const bracketed = (value) => (value < 0 ? `(${short(value)})` : short(value));

export default {
  render({ model, el }) {
    const { root, controls, stage, say } = frame(el, "Pool an image, and send the error back");
    const state = {
      image: model.get("image").map((row) => [...row]),
      kind: "max", size: 2, stride: 2, at: [0, 0], all: false,
    };
    let selected = [0, 0]; // of the image
    const output = () => pool(state.image, state.kind, state.size, state.stride);
    const errors = (y) => y.map((row, u) => row.map((_, v) => (
      state.all || (u === state.at[0] && v === state.at[1]) ? 1 : 0)));
    const gradient = (y) => poolBackward(errors(y), state.image, state.kind, state.size, state.stride);

    const panel = (name, words) => {
      const canvas = svg("svg", { role: "grid", "aria-label": words });
      stage.firstChild.append(html("figure", { class: `pooling-panel pooling-${name}` },
        html("figcaption", {}, words), canvas));
      return canvas;
    };
    stage.append(html("div", { class: "pooling-panels" }));
    const input = panel("image", "image X: select, then − or +");
    const result = panel("output", "output Y: point at one");
    const back = panel("gradient", "error δ that goes back to X");

    // Draws a grid of values; `cell` gives each its look and its behaviour.
    function grid(canvas, values, cell) {
      const focused = canvas.contains(document.activeElement) ? document.activeElement.dataset.cell : null;
      const columns = values[0].length;
      set(canvas, { viewBox: `0 0 ${columns * POOL_CELL} ${values.length * POOL_CELL}` });
      canvas.style.maxWidth = `${columns * 42}px`;
      canvas.replaceChildren(...values.map((row, r) => svg("g", { role: "row" }, row.map((value, c) => {
        const { fill = "transparent", stroke = "var(--ex-line)", width = 1, label, tab, ...events } = cell(r, c, value);
        return svg("g", {
          role: "gridcell", "data-cell": `${r},${c}`, "aria-label": label,
          tabindex: tab === undefined ? null : tab ? 0 : -1, ...events,
        },
        svg("rect", { x: c * POOL_CELL + 2, y: r * POOL_CELL + 2, width: POOL_CELL - 4, height: POOL_CELL - 4, rx: 3, fill, stroke, "stroke-width": width }),
        svg("text", { x: (c + 0.5) * POOL_CELL, y: (r + 0.5) * POOL_CELL + 4, "text-anchor": "middle", "font-size": Number.isInteger(value) ? 13 : 10.5 }, short(value)));
      }))));
      if (focused) canvas.querySelector(`[data-cell="${focused}"]`)?.focus({ preventScroll: true });
    }

    // Arrow keys carry the focus, and what `move` says, from cell to cell.
    const walk = (canvas, r, c, move, other = () => false) => (event) => {
      if (other(event)) { event.preventDefault(); return; }
      const step = ARROWS[event.key];
      if (!step) return;
      event.preventDefault();
      const place = `[data-cell="${r - step[1]},${c + step[0]}"]`;
      if (!canvas.querySelector(place)) return;
      move(r - step[1], c + step[0]);
      canvas.querySelector(place).focus({ preventScroll: true });
    };

    const tint = (color, percent) => `color-mix(in srgb, var(${color}) ${percent}%, transparent)`;

    function change(by) {
      const [r, c] = selected;
      state.image[r][c] = Math.max(-POOL_LIMIT, Math.min(POOL_LIMIT, state.image[r][c] + by));
      draw();
    }

    function draw() {
      const { image, kind, size, stride } = state;
      const y = output();
      state.at = [Math.min(state.at[0], y.length - 1), Math.min(state.at[1], y[0].length - 1)];
      const [u, v] = state.at;
      const cells = windows(image, size, stride)[u][v];
      const inside = (r, c) => cells.some(([a, b]) => a === r && b === c);
      const [bestRow, bestColumn] = winner(image, cells);
      const delta = gradient(y);

      grid(input, image, (r, c, value) => {
        const wins = kind === "max" && r === bestRow && c === bestColumn;
        const isSelected = selected[0] === r && selected[1] === c;
        const select = () => { selected = [r, c]; draw(); };
        return {
          fill: wins ? tint("--ex-orange", 40) : inside(r, c) ? tint("--ex-green", 22) : "transparent",
          stroke: isSelected ? "var(--ex-focus)" : inside(r, c) ? "var(--ex-green)" : "var(--ex-line)",
          width: isSelected ? 3 : inside(r, c) ? 2 : 1, tab: isSelected, style: "cursor: pointer",
          label: `row ${r}, column ${c}: ${short(value)}${wins ? ", the winner" : inside(r, c) ? ", in the window" : ""}`,
          onclick: select,
          onkeydown: walk(input, r, c, (row, column) => { selected = [row, column]; draw(); }, (event) => {
            const by = event.key === "+" || event.key === "=" ? 1 : event.key === "-" ? -1 : 0;
            if (by) { selected = [r, c]; change(by); }
            return by !== 0;
          }),
        };
      });
      grid(result, y, (r, c, value) => {
        const here = r === u && c === v;
        const choose = () => { state.at = [r, c]; draw(); };
        return {
          fill: here ? tint("--ex-green", 22) : "transparent",
          stroke: here ? "var(--ex-green)" : "var(--ex-line)", width: here ? 3 : 1, tab: here, style: "cursor: pointer",
          label: `output row ${r}, column ${c}: ${short(value)}`,
          onpointermove: (event) => { if (event.pointerType === "mouse" && !here) choose(); },
          onclick: choose,
          onkeydown: walk(result, r, c, (row, column) => { state.at = [row, column]; draw(); }),
        };
      });
      const most = Math.max(...delta.flat());
      grid(back, delta, (r, c, value) => ({
        fill: value ? tint("--ex-orange", Math.round(12 + 38 * value / most)) : "transparent",
        stroke: inside(r, c) ? "var(--ex-green)" : "var(--ex-line)", width: inside(r, c) ? 2 : 1,
        label: `error for row ${r}, column ${c}: ${short(value)}`,
      }));
      describe(y, cells, delta);
    }

    function describe(y, cells, delta) {
      const { image, kind, size, stride, at: [u, v] } = state;
      const values = cells.map(([r, c]) => image[r][c]);
      const value = short(y[u][v]);
      const [r, c] = winner(image, cells);
      const ties = values.filter((x) => x === image[r][c]).length;
      const sum = kind === "max"
        ? `max(${values.map(short).join(", ")}) = ${value}, found at X[${r}, ${c}]${ties > 1 ? `, the first of ${ties} equals` : ""}.`
        : `(${values.map((x, k) => (k ? bracketed(x) : short(x))).join(" + ")}) / ${values.length} = ${value}.`;
      const reached = delta.flat().filter((d) => d !== 0).length;
      const whose = state.all ? "An error of 1 at every output" : "An error of 1 at this output";
      const way = `${whose} reaches ${reached} of ${image.length * image[0].length} numbers of X.`;
      say(`Y[${u}, ${v}] = ${sum} ${way} Output size ⌊(${image.length} − ${size}) / ${stride}⌋ + 1 = ${y.length}.`);
    }

    const setting = (name, min, max) => slider({
      label: name, min, max, step: 1, value: state[name], format: String,
      oninput: (value) => { state[name] = value; draw(); },
    }).element;
    controls.append(
      choice({
        label: "take the", value: "max", options: [["max", "max"], ["mean", "mean"]],
        onchange: (kind) => { state.kind = kind; draw(); },
      }).element,
      setting("size", 1, 3), setting("stride", 1, 3),
      html("span", { class: "ex-field" },
        button("−", () => change(-1), { "aria-label": "Lower the selected number" }),
        button("+", () => change(1), { "aria-label": "Raise the selected number" })),
      checkbox({
        label: "errors from all outputs", checked: false,
        onchange: (all) => { state.all = all; draw(); },
      }).element,
      button("Reset", () => { state.image = model.get("image").map((row) => [...row]); draw(); }),
    );
    root.explorer = {
      state: () => { const y = output(); return { ...state, selected, y, delta: errors(y), gradient: gradient(y) }; },
    };
    draw();
    return () => root.remove();
  },
};
