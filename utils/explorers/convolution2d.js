// Slide a kernel over a small image. The formula is that of utils/convolution2d.py:
// Y_uv = Σ_i Σ_j W_ij X_(s u + d i)(s v + d j), the image padded with p zeros all round.

import { ARROWS, button, choice, frame, html, number, set, slider, svg } from "./common.js";

function outputSize(n, kernelSize, stride, padding, dilation) {
  return Math.max(0, Math.floor((n + 2 * padding - dilation * (kernelSize - 1) - 1) / stride) + 1);
}

function convolve(image, kernel, stride, padding, dilation) {
  const pixel = (r, c) => image[r - padding]?.[c - padding] ?? 0;
  const rows = outputSize(image.length, kernel.length, stride, padding, dilation);
  const columns = outputSize(image[0].length, kernel[0].length, stride, padding, dilation);
  return Array.from({ length: rows }, (_u, u) => Array.from({ length: columns }, (_v, v) => {
    let sum = 0;
    kernel.forEach((row, i) => row.forEach((weight, j) => {
      sum += weight * pixel(u * stride + i * dilation, v * stride + j * dilation);
    }));
    return sum;
  }));
}

const KERNELS = {
  cross: [[1, 0, 1], [0, 1, 0], [1, 0, 1]],
  identity: [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
  sum: [[1, 1, 1], [1, 1, 1], [1, 1, 1]],
  "sobel x": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
  "sobel y": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
  Laplace: [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
};
const IMAGES = {
  edge: ["0001111", "0001111", "0001111", "0001111", "0001111", "0001111", "0001111"],
  diagonal: ["1000000", "0100000", "0010000", "0001000", "0000100", "0000010", "0000001"],
  seven: ["0000000", "0111110", "0000010", "0000100", "0001000", "0010000", "0010000"],
};
const CELL = 30;
const LIMIT = 9;

export default {
  render({ model, el }) {
    const { root, stage, controls, say } = frame(el, "Slide a kernel over an image");
    const given = model.get("image").map((row) => [...row]);
    const state = {
      image: given, kernel: model.get("kernel").map((row) => [...row]),
      stride: 1, padding: 0, dilation: 1, at: [0, 0],
    };
    let selected = [0, 0]; // of the kernel
    const output = () => convolve(state.image, state.kernel, state.stride, state.padding, state.dilation);

    const newPanel = (name, words) => {
      const canvas = svg("svg", { role: "grid", "aria-label": words });
      const box = html("figure", { class: `conv2d-panel conv2d-${name}` }, html("figcaption", {}, words), canvas);
      return { canvas, box };
    };
    const input = newPanel("image", "image X: tap to paint");
    const kernel = newPanel("kernel", "kernel W: select, then − or +");
    const result = newPanel("output", "output Y: point at a value");
    stage.append(html("div", { class: "conv2d-panels" }, input.box, kernel.box, result.box));

    // Draws a grid of values into a panel; `cell` gives each its look and behaviour.
    function grid(panel, values, cell) {
      const [rows, columns] = [values.length, values[0]?.length ?? 0];
      const focused = panel.canvas.contains(document.activeElement)
        ? document.activeElement.dataset.cell : null;
      panel.canvas.replaceChildren();
      set(panel.canvas, { viewBox: `0 0 ${Math.max(1, columns) * CELL} ${Math.max(1, rows) * CELL}` });
      panel.canvas.style.maxWidth = `${columns * 40}px`;
      values.forEach((row, r) => {
        const line = svg("g", { role: "row" });
        row.forEach((value, c) => {
          const { fill = "transparent", stroke = "var(--ex-line)", width = 1, faint, label, tab, ...events } = cell(r, c, value);
          line.append(svg("g", {
            role: "gridcell", "data-cell": `${r},${c}`, tabindex: tab ? 0 : -1, "aria-label": label, ...events,
          },
          svg("rect", { x: c * CELL + 1, y: r * CELL + 1, width: CELL - 2, height: CELL - 2, rx: 3, fill, stroke, "stroke-width": width }),
          svg("text", { x: (c + 0.5) * CELL, y: (r + 0.5) * CELL + 5, "text-anchor": "middle", "font-size": 14, opacity: faint ? 0.45 : 1 }, number(value, 0))));
        });
        panel.canvas.append(line);
      });
      if (focused) panel.canvas.querySelector(`[data-cell="${focused}"]`)?.focus({ preventScroll: true });
    }

    // Arrow keys carry the focus (and what `move` says) from cell to cell.
    function walk(panel, r, c, move, extra = () => false) {
      return (event) => {
        if (extra(event)) { event.preventDefault(); return; }
        const step = ARROWS[event.key];
        if (!step) return;
        event.preventDefault();
        const [row, column] = [r - step[1], c + step[0]];
        const next = panel.canvas.querySelector(`[data-cell="${row},${column}"]`);
        if (!next) return;
        move(row, column);
        panel.canvas.querySelector(`[data-cell="${row},${column}"]`).focus({ preventScroll: true });
      };
    }

    const shade = (value, largest) => {
      if (!value || !largest) return "transparent";
      const strength = Math.round(12 + 38 * Math.abs(value) / largest);
      return `color-mix(in srgb, var(${value > 0 ? "--ex-blue" : "--ex-orange"}) ${strength}%, transparent)`;
    };

    function draw() {
      const { stride, padding, dilation, image } = state;
      const y = output();
      const [rows, columns] = [y.length, y[0]?.length ?? 0];
      state.at = [Math.max(0, Math.min(rows - 1, state.at[0])), Math.max(0, Math.min(columns - 1, state.at[1]))];
      const [u, v] = state.at;
      const under = (r, c) => {
        const [i, j] = [(r - u * stride) / dilation, (c - v * stride) / dilation];
        return rows && columns && Number.isInteger(i) && Number.isInteger(j)
          && i >= 0 && j >= 0 && i < state.kernel.length && j < state.kernel[0].length;
      };
      const height = image.length + 2 * padding;
      const width = image[0].length + 2 * padding;
      const padded = Array.from({ length: height }, (_r, r) => Array.from({ length: width },
        (_, c) => image[r - padding]?.[c - padding] ?? 0));
      grid(input, padded, (r, c, value) => {
        const [row, column] = [r - padding, c - padding];
        const inside = row >= 0 && column >= 0 && row < image.length && column < image[0].length;
        const covered = under(r, c);
        const look = {
          fill: shade(value, 1), faint: !inside,
          stroke: covered ? "var(--ex-green)" : inside ? "var(--ex-line)" : "none", width: covered ? 3 : 1,
          label: `${inside ? "pixel" : "padding"} row ${row}, column ${column}: ${value}${covered ? ", under the kernel" : ""}`,
        };
        if (!inside) return look;
        const toggle = () => { image[row][column] = image[row][column] ? 0 : 1; draw(); };
        return {
          ...look, tab: row === 0 && column === 0, onclick: toggle, style: "cursor: pointer",
          onkeydown: walk(input, r, c, () => {}, (e) => (e.key === " " || e.key === "Enter") && (toggle(), true)),
        };
      });
      const largest = Math.max(1, ...state.kernel.flat().map(Math.abs));
      grid(kernel, state.kernel, (i, j, value) => {
        const isSelected = selected[0] === i && selected[1] === j;
        return {
          fill: shade(value, largest), stroke: isSelected ? "var(--ex-focus)" : "var(--ex-line)", width: isSelected ? 3 : 1,
          label: `weight row ${i}, column ${j}: ${number(value, 0)}`, tab: isSelected, style: "cursor: pointer",
          onclick: () => { selected = [i, j]; draw(); },
          onkeydown: walk(kernel, i, j, (r, c) => { selected = [r, c]; draw(); }, (e) => {
            const by = e.key === "+" || e.key === "=" ? 1 : e.key === "-" ? -1 : 0;
            if (by) change(by);
            return by !== 0;
          }),
        };
      });
      const top = Math.max(1, ...y.flat().map(Math.abs));
      grid(result, y, (r, c, value) => {
        const here = r === u && c === v;
        const choose = () => { state.at = [r, c]; draw(); };
        return {
          fill: shade(value, top), stroke: here ? "var(--ex-green)" : "var(--ex-line)", width: here ? 3 : 1,
          label: `output row ${r}, column ${c}: ${number(value, 0)}`, tab: here, style: "cursor: pointer",
          onpointerenter: (event) => { if (event.pointerType === "mouse" && !here) choose(); },
          onclick: choose,
          onkeydown: walk(result, r, c, (row, column) => { state.at = [row, column]; draw(); }),
        };
      });
      describe(y, padded);
    }

    const bracket = (value) => (value < 0 ? `(${number(value, 0)})` : number(value, 0));
    function describe(y, padded) {
      const { stride, padding, dilation, at: [u, v] } = state;
      const reach = dilation * (state.kernel.length - 1) + 1;
      if (!y.length || !y[0].length) {
        say(`The kernel reaches over ${reach} rows and columns, the padded image has ${padded.length}: no output.`);
        return;
      }
      const terms = [];
      state.kernel.forEach((row, i) => row.forEach((weight, j) => {
        const pixel = padded[u * stride + i * dilation][v * stride + j * dilation];
        if (weight && pixel) terms.push(`${bracket(weight)}·${bracket(pixel)}`);
      }));
      const sum = terms.length ? terms.join(" + ") : "0";
      say(`Y[${u}, ${v}] = ${sum} = ${number(y[u][v], 0)} (products with a zero left out). `
        + `Output size ⌊(${state.image.length} − ${reach} + 2·${padding}) / ${stride}⌋ + 1 = ${y.length}.`);
    }

    function change(by) {
      const [i, j] = selected;
      state.kernel[i][j] = Math.max(-LIMIT, Math.min(LIMIT, state.kernel[i][j] + by));
      draw();
    }

    const setting = (name, min, max) => slider({
      label: name, min, max, step: 1, value: state[name], format: String,
      oninput: (value) => { state[name] = value; draw(); },
    }).element;
    const pictures = { "as in the text": null, ...IMAGES };
    const kernels = { "as in the text": model.get("kernel"), ...KERNELS };
    controls.append(
      choice({
        label: "image", value: "as in the text", options: Object.keys(pictures).map((k) => [k, k]),
        onchange: (name) => {
          state.image = name in IMAGES
            ? IMAGES[name].map((row) => [...row].map(Number))
            : model.get("image").map((row) => [...row]);
          draw();
        },
      }).element,
      choice({
        label: "kernel", value: "as in the text", options: Object.keys(kernels).map((k) => [k, k]),
        onchange: (name) => { state.kernel = kernels[name].map((row) => [...row]); selected = [0, 0]; draw(); },
      }).element,
      button("−", () => change(-1), { "aria-label": "Lower the selected weight" }),
      button("+", () => change(1), { "aria-label": "Raise the selected weight" }),
      setting("stride", 1, 3), setting("padding", 0, 2), setting("dilation", 1, 3),
    );
    root.explorer = { state: () => ({ ...state, y: output() }) };
    draw();
    return () => root.remove();
  },
};
