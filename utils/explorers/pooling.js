// Pool a small image. The formulas are those of utils/pooling.py, without padding: a
// window of k × k numbers every s places, and its largest or its mean. Of equal largest
// numbers the first, row by row, wins and gets the whole error, as in torch.

import { bracketed, explorer, fields, html, mouseMoved, panel, short, stepper } from "./common.js";
import { grid, shade, tint } from "./grid.js";
import { clamp, matrix, outputSize, sum } from "./maths.js";

// For each number of the output the cells [row, column] of its window.
function windows(image, size, stride) {
  const [rows, columns] = [image, image[0]].map((side) => outputSize(side.length, size, stride));
  return matrix(rows, columns, (u, v) =>
    matrix(size, size, (i, j) => [u * stride + i, v * stride + j]).flat());
}

// The cell that wins a window: the first of the largest.
function winner(image, cells) {
  return cells.reduce((best, cell) => (image[cell[0]][cell[1]] > image[best[0]][best[1]] ? cell : best));
}

function pool(image, kind, size, stride) {
  return windows(image, size, stride).map((row) => row.map((cells) => {
    if (kind === "max") { const [r, c] = winner(image, cells); return image[r][c]; }
    return sum(cells.map(([r, c]) => image[r][c])) / cells.length;
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

const LARGEST = 9;

export default explorer("Pool an image, and send the error back", ({ model, root, controls, stage, say, reset }) => {
  const state = {
    image: model.get("image").map((row) => [...row]), kind: "max", size: 2, stride: 2, at: [0, 0], all: false,
  };
  let selected = [0, 0]; // of the image
  const output = () => pool(state.image, state.kind, state.size, state.stride);
  const errors = (y) => y.map((row, u) => row.map((_, v) => (
    state.all || (u === state.at[0] && v === state.at[1]) ? 1 : 0)));
  const gradient = (y) => poolBackward(errors(y), state.image, state.kind, state.size, state.stride);

  const newPanel = (name, words) => panel(`pooling-panel pooling-${name}`, words, { role: "grid" });
  const input = newPanel("image", "image X: select, then − or +");
  const result = newPanel("output", "output Y: point at a value");
  const back = newPanel("gradient", "error δ that goes back to X");
  stage.append(html("div", { class: "ex-panels" }, input.figure, result.figure, back.figure));

  const select = (r, c) => { selected = [r, c]; draw(); };
  const choose = (u, v) => { state.at = [u, v]; draw(); };
  const step = stepper("number", (by) => {
    const [r, c] = selected;
    state.image[r][c] = clamp(state.image[r][c] + by, -LARGEST, LARGEST);
    draw();
  });

  function draw() {
    const { image, kind, size, stride } = state;
    const y = output();
    state.at = [Math.min(state.at[0], y.length - 1), Math.min(state.at[1], y[0].length - 1)];
    const [u, v] = state.at;
    const cells = windows(image, size, stride)[u][v];
    const inside = (r, c) => cells.some(([a, b]) => a === r && b === c);
    const [bestRow, bestColumn] = winner(image, cells);
    const delta = gradient(y);

    grid(input.canvas, image, (r, c, value) => {
      const wins = kind === "max" && r === bestRow && c === bestColumn;
      const tab = selected[0] === r && selected[1] === c;
      return {
        fill: wins ? tint("orange", 40) : inside(r, c) ? tint("green", 22) : "transparent",
        stroke: tab ? "focus" : inside(r, c) ? "green" : "line", width: tab ? 3 : inside(r, c) ? 2 : 1, tab,
        label: `row ${r}, column ${c}: ${short(value)}`
          + (wins ? ", the winner" : inside(r, c) ? ", in the window" : ""),
        onclick: () => select(r, c), onwalk: select, onkeydown: step.onkeydown,
      };
    });
    grid(result.canvas, y, (r, c, value) => {
      const tab = r === u && c === v;
      return {
        fill: tab ? tint("green", 22) : "transparent", stroke: tab ? "green" : "line", width: tab ? 3 : 1, tab,
        label: `output row ${r}, column ${c}: ${short(value)}`,
        onpointermove: (event) => { if (mouseMoved(event) && !tab) choose(r, c); },
        onclick: () => choose(r, c), onwalk: choose,
      };
    });
    const most = Math.max(...delta.flat());
    grid(back.canvas, delta, (r, c, value) => ({
      fill: shade(value, most),
      stroke: inside(r, c) ? "green" : "line", width: inside(r, c) ? 2 : 1,
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
    const first = ties > 1 ? `, the first of ${ties} equal values` : "";
    const found = kind === "max"
      ? `max(${values.map(short).join(", ")}) = ${value}, found at X[${r}, ${c}]${first}.`
      : `(${values.map((x, k) => (k ? bracketed(x) : short(x))).join(" + ")}) / ${values.length} = ${value}.`;
    const reached = delta.flat().filter((d) => d !== 0).length;
    const whose = state.all ? "An error of 1 at every output" : "An error of 1 at this output";
    say(`Y[${u}, ${v}] = ${found} ${whose} reaches ${reached} of ${image.length * image[0].length} numbers of X. `
      + `Output size ⌊(${image.length} − ${size}) / ${stride}⌋ + 1 = ${y.length}.`);
  }

  const field = fields(state, draw);
  controls.append(
    field.choice("kind", { label: "take the", options: ["max", "mean"] }),
    field.slider("size", { min: 1, max: 3 }), field.slider("stride", { min: 1, max: 3 }), step.buttons,
    field.checkbox("all", { label: "errors from all outputs" }),
    reset,
  );
  root.explorer = {
    state: () => { const y = output(); return { ...state, selected, y, delta: errors(y), gradient: gradient(y) }; },
  };
  draw();
});
