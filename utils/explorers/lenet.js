// Draw a digit and watch LeNet-5 read it. The network is LeNet5 of utils/lenet.py with
// max pooling; its trained weights come with the model, as whole numbers and a scale.

import { button, explorer, fields, html, number } from "./common.js";
import { clamp, range, softmax } from "./maths.js";

const SIDE = 28; // pixels of a picture
const BOX = 20; // the ink fits into so many
const CENTRE = 14; // the pixel, from 0, on which MNIST puts the centre of mass
const PEN = 2.5; // pixels: the median thickness of MNIST's strokes is 2.3
const SMALLEST = 0.05; // of the pad: what is smaller is a dot, and not magnified more

// ------------------------------------------------------------------- network

function bytes(text) {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

// { layer: { weight, bias, shape } } of { "layer.part": { shape, scale, data } }. The data
// are whole numbers of three bytes, the lowest first.
function unpack(tensors) {
  const layers = {};
  for (const [name, { shape, scale, data }] of Object.entries(tensors)) {
    const b = bytes(data);
    const values = Float64Array.from({ length: b.length / 3 }, (_, k) => (
      scale * (((b[3 * k + 2] << 24) | (b[3 * k + 1] << 16) | (b[3 * k] << 8)) >> 8)));
    const [layer, part] = name.split(".");
    layers[layer] = { ...layers[layer], [part]: values, ...(part === "weight" && { shape }) };
  }
  return layers;
}

// (D, n, n) and kernels (P, D, k, k) to (P, m, m), m = n − k + 1. A full layer is the
// case n = k = 1.
function convolveMaps(input, size, { weight, bias, shape: [maps, depth, kernel = 1] }) {
  const out = size - kernel + 1;
  const output = new Float64Array(maps * out * out);
  for (let p = 0, w = 0; p < maps; p += 1) {
    const first = p * out * out;
    output.fill(bias[p], first, first + out * out);
    for (let d = 0; d < depth; d += 1) {
      for (let i = 0; i < kernel; i += 1) {
        for (let j = 0; j < kernel; j += 1, w += 1) {
          const factor = weight[w];
          for (let y = 0; y < out; y += 1) {
            const from = (d * size + y + i) * size + j;
            const to = first + y * out;
            for (let x = 0; x < out; x += 1) output[to + x] += factor * input[from + x];
          }
        }
      }
    }
  }
  return output;
}

// The largest of every 2 × 2: (D, n, n) to (D, n/2, n/2).
function maxPool(input, size) {
  const out = size / 2;
  return Float64Array.from({ length: input.length / 4 }, (_, k) => {
    const [row, x] = [Math.floor(k / out), k % out]; // rows of all maps, one below the other
    const at = 2 * row * size + 2 * x;
    return Math.max(input[at], input[at + 1], input[at + size], input[at + size + 1]);
  });
}

const SQUASH = { tanh: Math.tanh, relu: (z) => Math.max(0, z) };

// What each layer says to 28 × 28 pixels from 0 to 1: { C1, S2, C3, S4, C5, F6, output }.
function readDigit(net, activation, pixels) {
  const input = new Float64Array(32 * 32).fill(-0.1);
  pixels.forEach((p, k) => { input[(Math.floor(k / SIDE) + 2) * 32 + (k % SIDE) + 2] = 1.275 * p - 0.1; });
  const squash = (z) => z.map(SQUASH[activation]);
  const C1 = squash(convolveMaps(input, 32, net.c1));
  const S2 = maxPool(C1, 28);
  const C3 = squash(convolveMaps(S2, 14, net.c3));
  const S4 = maxPool(C3, 10);
  const C5 = squash(convolveMaps(S4, 5, net.c5));
  const F6 = squash(convolveMaps(C5, 1, net.f6));
  return { C1, S2, C3, S4, C5, F6, output: convolveMaps(F6, 1, net.output) };
}

// ------------------------------------------------------------------ pictures

// Strokes [[[x, y], …], …], in pixels, drawn with a round pen: 28 × 28 values from 0 to 1,
// the share of each pixel that is ink.
function ink(strokes) {
  const reach = PEN / 2 + 0.5;
  const squared = new Float64Array(SIDE * SIDE).fill(reach * reach); // distance to the line
  const reached = (a, b) => [
    Math.max(0, Math.ceil(Math.min(a, b) - reach)),
    Math.min(SIDE - 1, Math.floor(Math.max(a, b) + reach)),
  ];
  for (const stroke of strokes) {
    stroke.forEach(([x, y], k) => {
      const [fromX, fromY] = stroke[Math.max(0, k - 1)];
      const [dx, dy] = [x - fromX, y - fromY];
      const length = dx * dx + dy * dy;
      const [left, right] = reached(fromX, x);
      const [top, bottom] = reached(fromY, y);
      for (let r = top; r <= bottom; r += 1) {
        for (let c = left; c <= right; c += 1) {
          const along = length && clamp(((c - fromX) * dx + (r - fromY) * dy) / length, 0, 1);
          const distance = (c - fromX - along * dx) ** 2 + (r - fromY - along * dy) ** 2;
          if (distance < squared[r * SIDE + c]) squared[r * SIDE + c] = distance;
        }
      }
    });
  }
  return squared.map((d) => Math.min(1, reach - Math.sqrt(d)));
}

// The centre of mass [x, y] of 28 × 28 pixels.
function centre(pixels) {
  let [mass, x, y] = [0, 0, 0];
  pixels.forEach((p, k) => { mass += p; x += p * (k % SIDE); y += p * Math.floor(k / SIDE); });
  return [x / mass, y / mass];
}

// Strokes of any size, anywhere, made into a picture as those of MNIST were: the ink
// fits into 20 × 20 pixels, and its centre of mass is in the middle of 28 × 28. The lines
// are scaled first and drawn after, so that all pens are equally thick.
function preprocess(strokes) {
  const points = strokes.flat();
  if (!points.length) return new Float64Array(SIDE * SIDE);
  const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
  const ends = (values) => values.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
  const [[left, right], [top, bottom]] = [ends(xs), ends(ys)];
  const scale = (BOX - PEN) / Math.max(right - left, bottom - top, SMALLEST);
  const draw = (x, y) => ink(strokes.map((stroke) => stroke.map((point) => [
    x + scale * (point[0] - (left + right) / 2), y + scale * (point[1] - (top + bottom) / 2),
  ])));
  const border = (SIDE - BOX) / 2; // what is moved by no more stays within the picture
  const start = (SIDE - 1) / 2;
  const [x, y] = centre(draw(start, start))
    .map((c) => start + clamp(CENTRE - c, -border, border));
  return draw(x, y);
}

// A stream of numbers that are alike each time: a standard normal distribution.
function normalNoise(count) {
  let seed = 6;
  const uniform = () => { seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0; return (seed + 1) / 2 ** 32; };
  return Float64Array.from({ length: count },
    () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()));
}
const NOISE = normalNoise(SIDE * SIDE);

// The picture turned by degrees (clockwise), then moved by pixels, then with noise added.
function disturb(pixels, { right, down, turn, noise }) {
  const pixel = (x, y) => (x < 0 || y < 0 || x >= SIDE || y >= SIDE ? 0 : pixels[y * SIDE + x]);
  const [cos, sin] = [Math.cos(turn * Math.PI / 180), Math.sin(turn * Math.PI / 180)];
  return Float64Array.from(pixels, (_, k) => {
    const [u, v] = [(k % SIDE) - CENTRE - right, Math.floor(k / SIDE) - CENTRE - down];
    const [x, y] = [CENTRE + cos * u + sin * v, CENTRE - sin * u + cos * v];
    const [c, r] = [Math.floor(x), Math.floor(y)];
    const [s, t] = [x - c, y - r];
    const value = (1 - t) * ((1 - s) * pixel(c, r) + s * pixel(c + 1, r))
      + t * ((1 - s) * pixel(c, r + 1) + s * pixel(c + 1, r + 1));
    return clamp(value + noise * NOISE[k], 0, 1);
  });
}

// ----------------------------------------------------------------------- page

const STEPS = 20; // of the keyboard's pen, from edge to edge
const MOVES = {
  ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
  Home: [-1, -1], PageUp: [1, -1], End: [-1, 1], PageDown: [1, 1],
};
const PAD = 560; // pixels of the pad's canvas
const chance = (share) => (share > 0.9995 ? ">99.9 %" : `${number(100 * share, 1)} %`);

export default explorer("Draw a digit", ({ model, root, stage, controls, text, say }) => {
  root.classList.add("lenet");
  const { activation, tensors } = model.get("network");
  const net = unpack(tensors);
  const stored = bytes(model.get("digits"));
  const digits = range(stored.length / SIDE ** 2,
    (k) => Float64Array.from(stored.subarray(k * SIDE ** 2, (k + 1) * SIDE ** 2), (b) => b / 255));
  const read = (pixels) => readDigit(net, activation, pixels);

  const neutral = { right: 0, down: 0, turn: 0, noise: 0 };
  const state = { strokes: [], example: 3, ...neutral };
  const past = []; // what Undo brings back
  const pen = { x: STEPS / 2, y: STEPS / 2, down: false };
  let drawing = null; // the pointer that draws
  let waiting = 0; // for the next frame
  let seen, layers, shares;

  const empty = () => state.example === null && !state.strokes.length;

  function compute() {
    const own = state.example === null ? preprocess(state.strokes) : digits[state.example];
    seen = disturb(own, state);
    layers = read(seen);
    shares = softmax(layers.output);
  }

  // ---- canvases

  const canvas = (side, height = side) => html("canvas", { width: side, height, "aria-hidden": "true" });
  const panel = (name, words, ...content) => html("figure", { class: `lenet-panel lenet-${name}` },
    html("figcaption", {}, words), ...content);
  const pad = html("canvas", {
    width: PAD, height: PAD, class: "lenet-pad", tabindex: 0, role: "application",
    "aria-label": "Drawing pad. Arrow keys move the pen, Space sets it down and lifts it, Backspace undoes.",
  });
  const picture = canvas(SIDE);

  function colours() {
    const style = getComputedStyle(root);
    const probe = picture.getContext("2d");
    return Object.fromEntries(["fg", "bg", "blue", "orange", "focus", "line", "muted"].map((name) => {
      probe.fillStyle = style.getPropertyValue(`--ex-${name}`).trim();
      const code = parseInt(probe.fillStyle.slice(1), 16);
      return [name, [code >> 16, (code >> 8) & 255, code & 255]];
    }));
  }

  // Values, row by row, on a canvas of as many pixels: 0 is the page's own colour,
  // ±most is `high` and `low`.
  function paint(target, values, most, zero, high, low) {
    const context = target.getContext("2d");
    const image = context.createImageData(target.width, target.height);
    values.forEach((value, k) => {
      const share = Math.min(1, Math.abs(value) / most);
      const end = value < 0 ? low : high;
      for (let i = 0; i < 3; i += 1) image.data[4 * k + i] = zero[i] + share * (end[i] - zero[i]);
      image.data[4 * k + 3] = 255;
    });
    context.putImageData(image, 0, 0);
  }

  function paintPad(color) {
    const context = pad.getContext("2d");
    const css = (name) => `rgb(${color[name].join(" ")})`;
    context.fillStyle = css("bg");
    context.fillRect(0, 0, PAD, PAD);
    if (state.example !== null) {
      const size = PAD / SIDE;
      digits[state.example].forEach((value, k) => {
        if (!value) return;
        context.globalAlpha = 0.75 * value;
        context.fillStyle = css("muted");
        context.fillRect((k % SIDE) * size, Math.floor(k / SIDE) * size, size, size);
      });
      context.globalAlpha = 1;
    }
    const round = { lineCap: "round", lineJoin: "round" };
    Object.assign(context, { ...round, lineWidth: PEN / SIDE * PAD, strokeStyle: css("fg") });
    for (const stroke of state.strokes) {
      context.beginPath();
      stroke.forEach(([x, y]) => context.lineTo(x * PAD, y * PAD));
      if (stroke.length === 1) context.lineTo(stroke[0][0] * PAD, stroke[0][1] * PAD);
      context.stroke();
    }
    if (document.activeElement === pad && pad.matches(":focus-visible")) {
      const [x, y] = [pen.x / STEPS * PAD, pen.y / STEPS * PAD];
      for (const [name, width] of [["bg", 12], ["focus", 6]]) {
        Object.assign(context, { lineWidth: width, strokeStyle: css(name), fillStyle: css("focus") });
        context.beginPath();
        context.arc(x, y, 20, 0, 2 * Math.PI);
        context.stroke();
      }
      if (pen.down) context.fill();
    }
  }

  // ---- what the net says

  const rows = range(10, (digit) => {
    const bar = html("span", { class: "lenet-bar" });
    const value = html("span", { class: "lenet-share" });
    const row = html("div", { class: "lenet-row", role: "listitem" },
      html("b", {}, String(digit)), html("span", { class: "lenet-track", "aria-hidden": "true" }, bar), value);
    return { row, bar, value };
  });
  const verdict = html("span", { class: "lenet-verdict", "aria-hidden": "true" });

  const cells = {};
  const maps = (name, count, side) => {
    cells[name] = range(count, () => canvas(side));
    return cells[name];
  };
  const pairs = (conv, pool) => conv.map((map, k) => html("div", { class: "lenet-pair" }, map, pool[k]));
  const squash = activation === "tanh" ? "tanh" : "ReLU";
  const layer = (name, words, label, ...content) => html("figure", { class: `lenet-layer lenet-${name}` },
    html("figcaption", {}, html("b", {}, name), ` ${words}`),
    html("div", { class: "lenet-maps", role: "img", "aria-label": label }, ...content));
  const strip = (name, width, height) => {
    cells[name] = [canvas(width, height)];
    return cells[name];
  };
  const body = html("div", { class: "lenet-layers" },
    layer("C1", `6 maps of 28 × 28: convolution 5 × 5, ${squash}. Below each, its S2: the largest of every 2 × 2.`,
      "The six maps of C1, and below each its half-size map of S2.", pairs(maps("C1", 6, 28), maps("S2", 6, 14))),
    layer("C3", `16 maps of 10 × 10, each made of all maps of S2: convolution 5 × 5, ${squash}. Below each, its S4.`,
      "The sixteen maps of C3, and below each its half-size map of S4.",
      pairs(maps("C3", 16, 10), maps("S4", 16, 5))),
    layer("C5", `120 neurons, each of which sees all maps of S4, ${squash}.`,
      "The 120 neurons of C5, as squares.", strip("C5", 60, 2)),
    layer("F6", `84 neurons, ${squash}, from which the ten outputs are made.`,
      "The 84 neurons of F6, as squares.", strip("F6", 42, 2)),
    html("p", { class: "lenet-key lenet-hint" },
      html("span", { class: "lenet-positive" }), " above zero",
      activation === "tanh" ? [", ", html("span", { class: "lenet-negative" }), " below; full colour is 1."]
        : "; full colour is the largest value of the layer."));

  function show() {
    waiting = 0;
    compute();
    const color = colours();
    paintPad(color);
    paint(picture, seen, 1, color.bg, color.fg, color.fg);
    for (const [name, targets] of Object.entries(cells)) {
      const values = layers[name];
      const most = activation === "tanh" ? 1 : values.reduce((a, b) => Math.max(a, b), 1e-6);
      const each = values.length / targets.length;
      targets.forEach((target, k) => paint(target, values.subarray(k * each, (k + 1) * each), most,
        color.bg, color.blue, color.orange));
    }
    const best = shares.indexOf(Math.max(...shares));
    rows.forEach(({ row, bar, value }, digit) => {
      row.classList.toggle("lenet-best", digit === best && !empty());
      bar.style.width = `${100 * shares[digit]}%`;
      value.textContent = chance(shares[digit]);
    });
    verdict.textContent = empty() ? "?" : String(best);
    undo.disabled = !past.length;
    clear.disabled = empty();
    examples.forEach((node, k) => node.setAttribute("aria-pressed", String(k === state.example)));
    tell();
  }

  function tell() {
    const order = shares.map((share, digit) => [share, digit]).sort((a, b) => b[0] - a[0]);
    const [first, second] = order.map(([share, digit]) => `${digit}, with ${chance(share)}`);
    say(empty()
      ? `Nothing is drawn. The softmax shares out 100 % all the same: for blank paper the net says ${first}.`
      : `The net says ${first}; after that ${second}.`);
  }

  // Everything that changes the state ends here; while a line grows, in the next frame.
  function update() { cancelAnimationFrame(waiting); show(); }
  function soon() { if (!waiting) waiting = requestAnimationFrame(show); }

  // ---- drawing

  function remember() { past.push({ strokes: state.strokes, example: state.example }); }

  function begin(start) {
    remember();
    state.strokes = [...state.strokes, [start]];
    state.example = null;
  }

  function extend([x, y]) {
    const stroke = state.strokes.at(-1);
    const [lastX, lastY] = stroke.at(-1);
    if (Math.hypot(x - lastX, y - lastY) > 0.003) stroke.push([x, y]);
  }

  function replace(strokes, example) {
    lift();
    remember();
    Object.assign(state, { strokes, example });
    update();
  }

  function lift() { pen.down = false; drawing = null; }

  function point(event) {
    const box = pad.getBoundingClientRect();
    const across = [event.clientX - box.left, event.clientY - box.top];
    return [clamp(across[0] / box.width, 0, 1), clamp(across[1] / box.height, 0, 1)];
  }

  // Or the page scrolls, and a long touch selects.
  pad.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
  pad.addEventListener("pointerdown", (event) => {
    if (drawing !== null || event.button !== 0) return;
    event.preventDefault();
    pad.focus({ preventScroll: true, focusVisible: false });
    lift();
    drawing = event.pointerId;
    pad.setPointerCapture(drawing);
    begin(point(event));
    soon();
  });
  pad.addEventListener("pointermove", (event) => {
    if (event.pointerId !== drawing) return;
    const all = event.getCoalescedEvents?.() ?? [];
    (all.length ? all : [event]).forEach((one) => extend(point(one)));
    soon();
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
    pad.addEventListener(end, (event) => {
      if (event.pointerId !== drawing) return;
      drawing = null;
      update();
    });
  }

  const place = html("span", { class: "ex-hidden", "aria-live": "polite" });
  const here = () => [pen.x / STEPS, pen.y / STEPS];
  pad.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "z") { event.preventDefault(); back(); return; }
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const move = MOVES[event.key];
    if (move) {
      const [x, y] = move.map((step) => step * (event.shiftKey ? 4 : 1));
      pen.x = clamp(pen.x + x, 0, STEPS);
      pen.y = clamp(pen.y + y, 0, STEPS);
      if (pen.down) extend(here());
    } else if (event.key === " ") {
      if (!pen.down) begin(here());
      pen.down = !pen.down;
    } else if (event.key === "Backspace") back();
    else if (event.key === "Delete") replace([], null);
    else return;
    event.preventDefault();
    place.textContent = `column ${pen.x}, row ${pen.y}, pen ${pen.down ? "down" : "up"}`;
    update();
  });
  pad.addEventListener("focus", () => soon());
  pad.addEventListener("blur", () => { pen.down = false; soon(); });

  function back() {
    if (!past.length) return;
    lift();
    Object.assign(state, past.pop());
    update();
  }
  const undo = button("Undo", back);
  const clear = button("Clear", () => replace([], null));

  const examples = digits.map((_, k) => button(canvas(SIDE), () => replace([], k),
    { class: "lenet-example", "aria-label": `A ${k} of MNIST` }));

  // ---- what is done to the picture

  const pixels = (value) => `${number(value, 0)} px`;
  const field = fields(state, update);
  const settings = [
    field.slider("right", { min: -8, max: 8, format: pixels }),
    field.slider("down", { min: -8, max: 8, format: pixels }),
    field.slider("turn", { min: -180, max: 180, step: 5, format: (v) => `${number(v, 0)}°` }),
    field.slider("noise", { min: 0, max: 1, step: 0.05 }),
  ];
  const straighten = button("Reset", () => {
    Object.assign(state, neutral);
    field.follow();
    update();
  });

  stage.append(
    html("div", { class: "lenet-top" },
      panel("draw", "Draw here, with mouse or finger.", pad, place,
        html("div", { class: "lenet-buttons" }, undo, clear),
        html("p", { class: "lenet-keys lenet-hint" }, "Keys: arrows move the pen, Space sets it down and lifts it.")),
      html("div", { class: "lenet-side" },
        panel("seen", "The net sees", picture, html("p", { class: "lenet-says lenet-hint" }, "and says", verdict)),
        html("div", { class: "lenet-rows", role: "list", "aria-label": "Probability of each digit" },
          rows.map(({ row }) => row)))),
    html("div", { class: "lenet-examples", role: "group", "aria-label": "Examples of MNIST" },
      html("span", { class: "lenet-hint" }, "Or take a digit of MNIST:"), html("div", {}, examples)));
  controls.append(html("span", { class: "lenet-hint" }, "Disturb the picture:"), ...settings, straighten);
  text.after(body);

  // A change of theme changes what is painted.
  function repaint() {
    const color = colours();
    examples.forEach((node, k) => paint(node.firstChild, digits[k], 1, color.bg, color.fg, color.fg));
    show();
  }
  const themes = new MutationObserver(repaint);
  for (const node of [document.documentElement, document.body]) {
    themes.observe(node, { attributeFilter: ["data-theme", "theme", "data-jp-theme-light", "class"] });
  }
  repaint();

  const lists = (values) => Object.fromEntries(Object.entries(values).map(([k, v]) => [k, Array.from(v)]));
  root.explorer = {
    logits: (picture28) => Array.from(read(picture28).output),
    layers: (picture28) => lists(read(picture28)),
    preprocess: (strokes) => Array.from(preprocess(strokes)),
    state: () => {
      if (waiting) { cancelAnimationFrame(waiting); show(); }
      return { ...state, ...lists({ seen, logits: layers.output, shares }), pen: { ...pen } };
    },
  };
  return () => { themes.disconnect(); cancelAnimationFrame(waiting); };
});
