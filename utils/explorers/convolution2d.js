// Slide a kernel over a small image. The formula is that of utils/convolution2d.py:
// Y_uv = Σ_i Σ_j W_ij X_(s u + d i)(s v + d j), the image padded with p zeros all round.

import {
  bracketed, button, explorer, fields, html, mouseMoved, panel, set, short, startFrom, stepper, svg,
} from "./common.js";
import { CELL, grid, shade } from "./grid.js";
import { clamp, matrix, outputSize, sum } from "./maths.js";
import { film } from "./play.js";

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

export default explorer("Slide a kernel over an image", ({ model, root, stage, controls, text, say, reset }) => {
  root.classList.add("conv2d");
  const state = {
    image: copy(model.get("image")), kernel: copy(model.get("kernel")),
    stride: 1, padding: 0, dilation: 1, at: [0, 0],
  };
  let selected = [0, 0]; // of the kernel
  const output = () => convolve(state.image, state.kernel, state.stride, state.padding, state.dilation);

  const newPanel = (name, words) => panel(`conv2d-panel conv2d-${name}`, words, { role: "grid" });
  const input = newPanel("image", "image X: tap to paint");
  const kernel = newPanel("kernel", "kernel W: select, then − or +");
  const products = newPanel("products", "");
  const result = newPanel("output", "output Y: point at a value");
  stage.append(html("div", { class: "ex-panels" }, input.figure,
    html("div", { class: "conv2d-middle" }, kernel.figure, products.figure), result.figure));
  // The kernel, which glides over the image from place to place.
  const lens = svg("g", { class: "conv2d-lens" });
  const above = svg("svg", { class: "conv2d-above", "aria-hidden": "true" }, lens);
  input.figure.append(html("div", {}, input.canvas, above));

  const select = (i, j) => { selected = [i, j]; draw(); };
  const choose = (u, v) => { state.at = [u, v]; movie.pause(); draw(); };
  // The next place, or the one before: row by row, and on from the end to the start.
  function go(by) {
    const y = output();
    const count = y.length * (y[0]?.length ?? 0);
    if (!count) return;
    const k = (state.at[0] * y[0].length + state.at[1] + by + count) % count;
    state.at = [Math.floor(k / y[0].length), k % y[0].length];
    draw();
  }
  const movie = film(stage, {
    advance: (once) => {
      go(1);
      const y = output();
      return y.length > 0 && !(once && state.at[0] === y.length - 1 && state.at[1] === y[0].length - 1);
    },
    show: (playing) => { set(text, { "aria-live": playing ? "off" : "polite" }); draw(); },
  });
  const step = stepper("weight", (by) => {
    const [i, j] = selected;
    state.kernel[i][j] = clamp(state.kernel[i][j] + by, -HEAVIEST, HEAVIEST);
    weights.set("own");
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
      const toggle = () => {
        image[row][column] = image[row][column] ? 0 : 1;
        picture.set("own");
        draw();
      };
      return {
        fill: shade(value, 1), faint: !inside,
        stroke: inside ? "line" : "none", rise: covered ? 3 : 0, // above the weight
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
    drawLens(y.length && y[0].length);
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
      const comes = movie.playing() && (r > u || (r === u && c > v));
      return {
        fill: comes ? "transparent" : shade(value, top), faint: comes,
        stroke: tab ? "green" : "line", width: tab ? 3 : 1, tab,
        label: `output row ${r}, column ${c}: ${short(value)}`,
        onpointermove: (event) => { if (mouseMoved(event) && !tab && !movie.playing()) choose(r, c); },
        onclick: () => choose(r, c), onwalk: choose,
      };
    });
    describe(y, pad(image, padding));
  }

  function drawLens(there) {
    const { kernel: weights, stride, dilation, at: [u, v] } = state;
    set(above, { viewBox: input.canvas.getAttribute("viewBox") });
    above.style.maxWidth = input.canvas.style.maxWidth;
    lens.style.transform = `translate(${v * stride * CELL}px, ${u * stride * CELL}px)`;
    lens.replaceChildren(...(there ? weights.flatMap((row, i) => row.flatMap((weight, j) => {
      const [x, y] = [j * dilation * CELL, i * dilation * CELL];
      return [svg("rect", { x: x + 2, y: y + 2, width: CELL - 4, height: CELL - 4, rx: 3 }),
        svg("text", { x: x + CELL - 4, y: y + CELL - 4.5 }, `×${short(weight)}`)];
    })) : []));
  }

  function describe(y, padded) {
    const { stride, padding, dilation, at: [u, v] } = state;
    const reach = dilation * (state.kernel.length - 1) + 1;
    products.figure.hidden = !y.length || !y[0].length;
    if (products.figure.hidden) {
      say(`The kernel reaches over ${reach} rows and columns, the padded image has ${padded.length}: no output.`);
      return;
    }
    const pixels = matrix(state.kernel.length, state.kernel[0].length, (i, j) =>
      padded[u * stride + i * dilation][v * stride + j * dilation]);
    const terms = state.kernel.flatMap((row, i) => row.map((weight, j) =>
      (weight && pixels[i][j] ? `${bracketed(weight)}·${bracketed(pixels[i][j])}` : ""))).filter(Boolean);
    const found = pixels.map((row, i) => row.map((pixel, j) => pixel * state.kernel[i][j] || 0)); // no −0
    const most = Math.max(1, ...found.flat().map(Math.abs));
    products.entitle(`products; their sum is ${short(y[u][v])}`);
    grid(products.canvas, found, (i, j, value) => ({
      fill: shade(value, most), label: `product row ${i}, column ${j}: ${short(value)}`,
    }));
    const aside = terms.length === found.flat().length ? ""
      : ` (${terms.length ? "products with a zero left out" : "every product has a zero in it"})`;
    say(`Y[${u}, ${v}] = ${terms.length ? `${terms.join(" + ")} = ` : ""}${short(y[u][v])}${aside}. `
      + `Output size ⌊(${state.image.length} − ${reach} + 2·${padding}) / ${stride}⌋ + 1 = ${y.length}.`);
  }

  const pictures = { "as in the text": model.get("image"), ...IMAGES };
  const kernels = { "as in the text": model.get("kernel"), ...KERNELS };
  const start = (label, from, take) => startFrom({ label, value: "as in the text", from, take });
  const picture = start("image", pictures, (image) => { state.image = copy(image); draw(); });
  const weights = start("kernel", kernels, (kept) => { state.kernel = copy(kept); select(0, 0); });
  const field = fields(state, draw);
  const move = (by) => () => { movie.pause(); go(by); };
  controls.before(html("div", { class: "ex-controls conv2d-film" }, movie.controls[0],
    button("◀\uFE0E", move(-1), { "aria-label": "One place back" }),
    button("▶\uFE0E", move(1), { "aria-label": "One place on" }), movie.controls[1]));
  controls.append(
    picture, weights, step.buttons,
    field.slider("stride", { min: 1, max: 3 }), field.slider("padding", { min: 0, max: 2 }),
    field.slider("dilation", { min: 1, max: 3 }), reset,
  );
  root.explorer = { state: () => ({ ...state, y: output(), playing: movie.playing() }) };
  draw();
  return movie.leave;
});
