// A photograph under a kernel. The sum is that of utils/convolution2d.py, on one grey
// channel of numbers from 0 to 1. A photograph of the reader's is read, made small and
// grey by this browser, and goes nowhere else.

import {
  arrows, bracketed, choice, explorer, html, number, panel, place, set, short, stepper, svg,
} from "./common.js";
import { grid, shade } from "./grid.js";
import { bytes, clamp, matrix, range, sum } from "./maths.js";

const BOOK_SIDE = 142;
const LONGEST = 320; // sides of a photograph, in pixels
const MOST_MEGABYTES = 40;
const PATIENCE = 20; // seconds
const STRONGEST_WEIGHT = 9;

// { rows, columns, values } of pixels, 0 to 1, from as many bytes.
const greyOf = (greys, columns) => ({
  rows: greys.length / columns, columns, values: Float64Array.from(greys, (grey) => grey / 255),
});

function convolvePhoto({ rows, columns, values }, kernel) {
  const [tall, wide] = [rows - 2, columns - 2];
  const map = new Float64Array(tall * wide);
  kernel.forEach((row, i) => row.forEach((weight, j) => {
    for (let u = 0; u < tall; u += 1) {
      for (let v = 0; v < wide; v += 1) map[u * wide + v] += weight * values[(u + i) * columns + v + j];
    }
  }));
  return { rows: tall, columns: wide, values: map };
}

class PhotoError extends Error {}

// A picture file as grey pixels, no more than LONGEST on either side.
async function readPicture(file) {
  if (file.type && !file.type.startsWith("image/")) throw new PhotoError(`${file.name} is not a picture.`);
  if (file.size > MOST_MEGABYTES * 1e6) {
    throw new PhotoError(`${file.name} has more than ${MOST_MEGABYTES} megabytes: take a smaller copy.`);
  }
  const late = new Promise((_, fail) => {
    const words = `${file.name} takes too long to read: take a smaller copy.`;
    setTimeout(() => fail(new PhotoError(words)), 1000 * PATIENCE);
  });
  const picture = await Promise.race([createImageBitmap(file), late]);
  const part = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
  const [wide, tall] = [picture.width, picture.height].map((side) => Math.round(part * side));
  if (Math.min(wide, tall) < 3) throw new PhotoError(`${file.name} is too narrow for a kernel of 3×3.`);
  const pen = html("canvas", { width: wide, height: tall }).getContext("2d", { willReadFrequently: true });
  Object.assign(pen, { fillStyle: "white", imageSmoothingQuality: "high" });
  pen.fillRect(0, 0, wide, tall);
  pen.drawImage(picture, 0, 0, wide, tall);
  picture.close();
  const { data } = pen.getImageData(0, 0, wide, tall);
  return greyOf(range(wide * tall, (k) => (data[4 * k] + data[4 * k + 1] + data[4 * k + 2]) / 3), wide);
}

export default explorer("Your own photograph under a kernel", ({ model, root, stage, controls, say, reset }) => {
  root.classList.add("photo");
  const kernels = Object.fromEntries(model.get("kernels").map(([name, ...rest]) => [name, rest]));
  const book = greyOf(bytes(model.get("photo")), BOOK_SIDE);
  const state = { photo: book, name: model.get("kernel"), kernel: [], at: [0, 0] };
  let selected = [1, 1];
  let turn = 0; // of the file that is read last
  let map;

  // A picture of numbers under its words, with a ring at the chosen place.
  function picture(name, words) {
    const { figure, canvas: above, entitle } = panel(`photo-${name}`, words);
    const paper = html("canvas", { "aria-hidden": "true" });
    const ring = svg("circle", { fill: "none", stroke: "var(--ex-green)" });
    const window = svg("rect", { fill: "none", stroke: "var(--ex-green)" });
    above.append(ring, window);
    set(above, { role: "application", tabindex: 0 });
    arrows(above, (dx, dy) => choose(state.at[0] - dy, state.at[1] + dx));
    figure.append(html("div", { class: "photo-paper" }, paper, above));
    function paint({ rows, columns, values }, [low, high], [row, column], size) {
      set(paper, { width: columns, height: rows });
      const pen = paper.getContext("2d");
      const image = pen.createImageData(columns, rows);
      values.forEach((value, k) => {
        const grey = Math.round(255 * clamp((value - low) / (high - low), 0, 1));
        image.data.set([grey, grey, grey, 255], 4 * k);
      });
      pen.putImageData(image, 0, 0);
      const unit = Math.max(rows, columns) / BOOK_SIDE;
      set(above, { viewBox: `0 0 ${columns} ${rows}` });
      set(window, { x: column, y: row, width: size, height: size, "stroke-width": unit });
      set(ring, { cx: column + size / 2, cy: row + size / 2, r: 8 * unit, "stroke-width": 1.5 * unit });
    }
    return { figure, above, entitle, paint };
  }
  const input = picture("image", "");
  const kernel = panel("photo-kernel", "kernel W: select, then − or +", { role: "grid" });
  const result = picture("map", "");
  stage.append(html("div", { class: "ex-panels" }, input.figure, kernel.figure, result.figure));
  const pressed = (canvas, shift) => canvas.addEventListener("click", (event) => {
    const [x, y] = place(event, canvas);
    choose(Math.floor(y) - shift, Math.floor(x) - shift);
  });
  pressed(input.above, 1);
  pressed(result.above, 0);

  function choose(u, v) {
    state.at = [clamp(u, 0, map.rows - 1), clamp(v, 0, map.columns - 1)];
    draw();
  }
  function take(photo, name) {
    Object.assign(state, { photo, at: [photo.rows, photo.columns].map((side) => (side >> 1) - 1) });
    source = name;
    redo();
  }
  function redo() {
    map = convolvePhoto(state.photo, state.kernel);
    draw();
  }

  // The values shown black and white: of a kernel of the reader's, all that it can give,
  // or what lies around 0 if its weights add up to that.
  function limits() {
    if (kernels[state.name]) return kernels[state.name].slice(1);
    const weights = state.kernel.flat();
    const all = sum(weights);
    if (Math.abs(all) > 1e-9) return [Math.min(0, all), Math.max(0, all)];
    const reach = sum(weights.map(Math.abs)) / 4 || 1;
    return [-reach, reach];
  }

  let source = "the chapter's photograph";
  function draw() {
    const { photo, at: [u, v], kernel: weights } = state;
    const [low, high] = limits();
    input.entitle(`${source}, ${photo.rows}×${photo.columns}`);
    result.entitle(`its map, ${map.rows}×${map.columns}: black ${short(low)}, white ${short(high)}`);
    input.paint(photo, [0, 1], [u, v], 3);
    result.paint(map, [low, high], [u, v], 1);
    const most = Math.max(...weights.flat().map(Math.abs), 1e-9);
    grid(kernel.canvas, weights, (i, j, value) => {
      const tab = selected[0] === i && selected[1] === j;
      return {
        fill: shade(value, most), stroke: tab ? "focus" : "line", width: tab ? 3 : 1, tab,
        label: `weight row ${i}, column ${j}: ${short(value)}`,
        onclick: () => select(i, j), onwalk: select, onkeydown: step.onkeydown,
      };
    });
    const pixels = matrix(3, 3, (i, j) => photo.values[(u + i) * photo.columns + v + j]);
    const terms = weights.flatMap((row, i) => row.map((weight, j) =>
      (weight ? `${bracketed(weight)}·${number(pixels[i][j], 3)}` : ""))).filter(Boolean);
    const all = Math.round(1e9 * sum(weights.flat())) / 1e9;
    say(`At row ${u}, column ${v}: ${terms.join(" + ") || "0"} ≈ ${number(map.values[u * map.columns + v])}. `
      + `The weights add up to ${short(all)}.`);
  }
  const select = (i, j) => { selected = [i, j]; draw(); };
  const step = stepper("weight", (by) => {
    const [i, j] = selected;
    state.kernel[i][j] = clamp(state.kernel[i][j] + by, -STRONGEST_WEIGHT, STRONGEST_WEIGHT);
    state.name = "own";
    pick.set("own");
    redo();
  });
  const use = (name) => {
    state.name = name;
    if (kernels[name]) state.kernel = kernels[name][0].map((row) => [...row]);
    redo();
  };

  async function open(file) {
    if (!file) return;
    const mine = ++turn;
    say(`Reading ${file.name} …`);
    try {
      const photo = await readPicture(file);
      if (mine === turn) take(photo, "your photograph");
    } catch (error) {
      if (mine !== turn) return;
      say(error instanceof PhotoError ? error.message : `This browser cannot read ${file.name} as a picture. `
        + "A JPEG or PNG will do; turn HEIC, which phones write, into a JPEG first.");
    }
  }
  const files = html("input", { type: "file", accept: "image/*", class: "ex-hidden" });
  files.addEventListener("change", () => { open(files.files[0]); files.value = ""; });
  const over = (on) => (event) => {
    event.preventDefault(); // or the browser goes to the picture
    event.stopPropagation(); // and Jupyter takes it
    root.classList.toggle("photo-over", on);
  };
  const drops = {
    dragover: over(true), dragleave: over(false),
    drop: (event) => {
      over(false)(event);
      if (event.dataTransfer.files.length) open(event.dataTransfer.files[0]);
      else say("What you dropped is not a file: save the picture first.");
    },
  };
  for (const [name, act] of Object.entries(drops)) root.addEventListener(name, act);

  const pick = choice({
    label: "kernel", value: state.name, options: [...Object.keys(kernels), ["own", "your own"]], onchange: use,
  });
  controls.append(
    pick, step.buttons, html("label", { class: "photo-open" }, files, "Open your photograph …"), reset,
    html("p", { class: "photo-note" },
      "Or drop one here. It stays in this browser: it is made small and grey on your device, and sent nowhere."),
  );
  const plain = (pixels) => ({ ...pixels, values: [...pixels.values] });
  root.explorer = { state: () => ({ ...state, source, photo: plain(state.photo), map: plain(map) }) };
  state.kernel = kernels[state.name][0].map((row) => [...row]);
  take(book, source);
  return () => {
    turn += 1;
    for (const [name, act] of Object.entries(drops)) root.removeEventListener(name, act);
    root.classList.remove("photo-over");
  };
});
