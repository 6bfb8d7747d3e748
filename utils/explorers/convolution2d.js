// Slide a kernel over a small image. The formula is that of utils/convolution2d.py:
// Y_uv = Σ_i Σ_j W_ij X_(s u + d i)(s v + d j), the image padded with p zeros all round.

import { bracketed, choice, explorer, fields, html, panel, short, stepper } from "./common.js";
import { grid, shade } from "./grid.js";
import { clamp, matrix, outputSize, sum } from "./maths.js";

const pad = (image, padding) => matrix(image.length + 2 * padding, image[0].length + 2 * padding,
  (r, c) => image[r - padding]?.[c - padding] ?? 0);

function convolve(image, kernel, stride, padding, dilation) {
  const padded = pad(image, padding);
  const size = (side, over) => outputSize(side.length, over.length, stride, padding, dilation);
  return matrix(size(image, kernel), size(image[0], kernel[0]), (u, v) => sum(kernel.flatMap((row, i) =>
    row.map((weight, j) => weight * padded[u * stride + i * dilation][v * stride + j * dilation]))));
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
const HEAVIEST = 9;
const copy = (rows) => rows.map((row) => [...row].map(Number));

export default explorer("Slide a kernel over an image", ({ model, root, stage, controls, say }) => {
  const state = {
    image: copy(model.get("image")), kernel: copy(model.get("kernel")),
    stride: 1, padding: 0, dilation: 1, at: [0, 0],
  };
  let selected = [0, 0]; // of the kernel
  const output = () => convolve(state.image, state.kernel, state.stride, state.padding, state.dilation);

  const newPanel = (name, words) => panel(`conv2d-panel conv2d-${name}`, words, { role: "grid" });
  const input = newPanel("image", "image X: tap to paint");
  const kernel = newPanel("kernel", "kernel W: select, then − or +");
  const result = newPanel("output", "output Y: point at a value");
  stage.append(html("div", { class: "ex-panels" }, input.figure, kernel.figure, result.figure));

  const select = (i, j) => { selected = [i, j]; draw(); };
  const choose = (u, v) => { state.at = [u, v]; draw(); };
  const step = stepper("weight", (by) => {
    const [i, j] = selected;
    state.kernel[i][j] = clamp(state.kernel[i][j] + by, -HEAVIEST, HEAVIEST);
    draw();
  });

  function draw() {
    const { stride, padding, dilation, image } = state;
    const y = output();
    state.at = state.at.map((place, axis) => clamp(place, 0, Math.max(1, (axis ? y[0] ?? [] : y).length) - 1));
    const [u, v] = state.at;
    const under = (r, c) => {
      const [i, j] = [(r - u * stride) / dilation, (c - v * stride) / dilation];
      return y[0]?.length && state.kernel[i]?.[j] !== undefined;
    };
    grid(input.canvas, pad(image, padding), (r, c, value) => {
      const [row, column] = [r - padding, c - padding];
      const inside = image[row]?.[column] !== undefined;
      const covered = under(r, c);
      const toggle = () => { image[row][column] = image[row][column] ? 0 : 1; draw(); };
      return {
        fill: shade(value, 1), faint: !inside,
        stroke: covered ? "green" : inside ? "line" : "none", width: covered ? 3 : 1,
        label: `${inside ? "pixel" : "padding"} row ${row}, column ${column}: ${value}`
          + (covered ? ", under the kernel" : ""),
        ...(inside && {
          tab: row === 0 && column === 0, onclick: toggle,
          onkeydown: (event) => {
            if (event.key !== " " && event.key !== "Enter") return;
            event.preventDefault();
            toggle();
          },
        }),
      };
    });
    const largest = Math.max(1, ...state.kernel.flat().map(Math.abs));
    grid(kernel.canvas, state.kernel, (i, j, value) => {
      const tab = selected[0] === i && selected[1] === j;
      return {
        fill: shade(value, largest), stroke: tab ? "focus" : "line", width: tab ? 3 : 1, tab,
        label: `weight row ${i}, column ${j}: ${short(value)}`,
        onclick: () => select(i, j), onwalk: select, onkeydown: step.onkeydown,
      };
    });
    const top = Math.max(1, ...y.flat().map(Math.abs));
    grid(result.canvas, y, (r, c, value) => {
      const tab = r === u && c === v;
      return {
        fill: shade(value, top), stroke: tab ? "green" : "line", width: tab ? 3 : 1, tab,
        label: `output row ${r}, column ${c}: ${short(value)}`,
        onpointerenter: (event) => { if (event.pointerType === "mouse" && !tab) choose(r, c); },
        onclick: () => choose(r, c), onwalk: choose,
      };
    });
    describe(y, pad(image, padding));
  }

  function describe(y, padded) {
    const { stride, padding, dilation, at: [u, v] } = state;
    const reach = dilation * (state.kernel.length - 1) + 1;
    if (!y.length || !y[0].length) {
      say(`The kernel reaches over ${reach} rows and columns, the padded image has ${padded.length}: no output.`);
      return;
    }
    const terms = state.kernel.flatMap((row, i) => row.map((weight, j) => {
      const pixel = padded[u * stride + i * dilation][v * stride + j * dilation];
      return weight && pixel ? `${bracketed(weight)}·${bracketed(pixel)}` : "";
    })).filter(Boolean);
    say(`Y[${u}, ${v}] = ${terms.join(" + ") || "0"} = ${short(y[u][v])} (products with a zero left out). `
      + `Output size ⌊(${state.image.length} − ${reach} + 2·${padding}) / ${stride}⌋ + 1 = ${y.length}.`);
  }

  const pictures = { "as in the text": model.get("image"), ...IMAGES };
  const kernels = { "as in the text": model.get("kernel"), ...KERNELS };
  const start = (label, from, onchange) => choice({
    label, value: "as in the text", options: Object.keys(from), onchange: (name) => onchange(copy(from[name])),
  });
  const field = fields(state, draw);
  controls.append(
    start("image", pictures, (image) => { state.image = image; draw(); }),
    start("kernel", kernels, (weights) => { state.kernel = weights; select(0, 0); }),
    step.buttons, field.slider("stride", { min: 1, max: 3 }), field.slider("padding", { min: 0, max: 2 }),
    field.slider("dilation", { min: 1, max: 3 }),
  );
  root.explorer = { state: () => ({ ...state, y: output() }) };
  draw();
});
