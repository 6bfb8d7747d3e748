// LeNet-5 as one picture, from a digit that is drawn to the answer. The network is LeNet5
// of utils/lenet.py with max pooling; its trained weights come with the model, as whole
// numbers and a scale. Each number that it computes shows its formula.

import {
  button, commands, enable, explorer, fields, html, number, onTheme, redraw, svg,
} from "./common.js";
import { formulas, largestTerms, LISTED, nameOf, chance, strongestMap, valueOf } from "./lenet_formula.js";
import { disturb, drawOn, PENS, preprocess, SIDE } from "./lenet_ink.js";
import { LAYERS, readDigit, sourcesOf, spotOf, targetsOf, unpack } from "./lenet_net.js";
import { bytes, clamp, range, softmax } from "./maths.js";

const STEPS = 20; // of the keyboard's pen, from edge to edge
const MOVES = {
  ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
  Home: [-1, -1], PageUp: [1, -1], End: [-1, 1], PageDown: [1, 1],
};
const PAD = 560; // pixels of the pad's canvas
const FIRST = 3; // the example with which it opens
const [SURE, DOUBTFUL] = [0.9, 0.5]; // from so much on the net says a digit; below, it is not sure
const PAUSE = 100; // milliseconds
const NARROW = 580; // pixels of the stage, as in the style sheet
// Neurons are drawn as pixels: so many in a row, on a narrow page and a wide one.
const ROW = { C5: [24, 4], F6: [21, 3] };

export default explorer("Draw a digit", ({ model, root, stage, controls, text, say, reset }) => {
  root.classList.add("lenet");
  const { activation, tensors } = model.get("network");
  const net = unpack(tensors);
  const stored = bytes(model.get("digits"));
  const digits = range(stored.length / SIDE ** 2,
    (k) => Float64Array.from(stored.subarray(k * SIDE ** 2, (k + 1) * SIDE ** 2), (b) => b / 255));
  const isNarrow = () => 0 < stage.clientWidth && stage.clientWidth <= NARROW;
  let narrow = isNarrow();

  const neutral = { right: 0, down: 0, turn: 0, noise: 0 };
  const state = {
    strokes: [], example: FIRST, width: "medium", ...neutral,
    spot: narrow ? null : spotOf("C1", 5, 23, 10), shown: 0,
  };
  const past = []; // what Undo brings back
  const trail = []; // from where links have led here
  const lasting = {}; // of each layer, the number chosen last
  const pen = { x: STEPS / 2, y: STEPS / 2, down: false };
  let drawing = null; // the pointer that draws
  let waiting = 0; // for the next frame
  let explained = 0; // when the formula was written
  let seen, said, shares;

  const nothing = () => !state.strokes.length && state.example === null;

  function compute() {
    const own = state.example === null ? preprocess(state.strokes) : drawOn(digits[state.example], state.strokes);
    seen = disturb(own, state);
    said = readDigit(net, activation, seen);
    shares = softmax(said.output);
    return own.some((share) => share > 0);
  }

  // ---- canvases

  const canvas = (width, height = width) => html("canvas", { width, height, "aria-hidden": "true" });
  const pad = html("canvas", {
    width: PAD, height: PAD, class: "lenet-pad", tabindex: 0, role: "application",
    "aria-label": "Drawing pad. Arrow keys move the pen, Space sets it down and lifts it, Backspace undoes.",
  });
  const probe = canvas(1).getContext("2d");
  let color;

  function takeColours() {
    const look = getComputedStyle(root);
    color = Object.fromEntries(["fg", "bg", "blue", "orange", "focus"].map((name) => {
      probe.fillStyle = look.getPropertyValue(`--ex-${name}`).trim();
      const code = parseInt(probe.fillStyle.slice(1), 16);
      return [name, [code >> 16, (code >> 8) & 255, code & 255]];
    }));
  }

  // Values, row by row, on a canvas of as many pixels: 0 is the page's own colour,
  // ±most is `high` and `low`.
  function paint(target, values, most, high = color.blue, low = color.orange) {
    const context = target.getContext("2d");
    const image = context.createImageData(target.width, target.height);
    values.forEach((value, k) => {
      const share = Math.min(1, Math.abs(value) / most);
      const tip = value < 0 ? low : high;
      for (let i = 0; i < 3; i += 1) image.data[4 * k + i] = color.bg[i] + share * (tip[i] - color.bg[i]);
      image.data[4 * k + 3] = 255;
    });
    context.putImageData(image, 0, 0);
  }

  function paintPad() {
    const context = pad.getContext("2d");
    const css = (name) => `rgb(${color[name].join(" ")})`;
    context.fillStyle = css("bg");
    context.fillRect(0, 0, PAD, PAD);
    context.fillStyle = css("fg");
    digits[state.example]?.forEach((value, k) => {
      const size = PAD / SIDE;
      context.globalAlpha = value;
      if (value) context.fillRect((k % SIDE) * size, Math.floor(k / SIDE) * size, size, size);
    });
    context.globalAlpha = 1;
    Object.assign(context, { lineCap: "round", lineJoin: "round" });
    for (const { pen: width, points } of state.strokes) {
      const ink = width === "eraser" ? "bg" : "fg";
      Object.assign(context, { lineWidth: PENS[width] / SIDE * PAD, strokeStyle: css(ink) });
      context.beginPath();
      points.forEach(([x, y]) => context.lineTo(x * PAD, y * PAD));
      if (points.length === 1) context.lineTo(points[0][0] * PAD, points[0][1] * PAD);
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

  // ---- the layers

  const cells = {}; // the canvases of each layer, or its buttons
  const sheets = {}; // what has the focus
  const place = html("span", { class: "ex-hidden", "aria-live": "polite" });

  function layer(name, size, words) {
    const { maps, side } = LAYERS[name];
    cells[name] = ROW[name] ? [canvas(1)] : range(maps, () => canvas(side));
    sheets[name] = html("div", {
      class: "lenet-maps", tabindex: 0, role: "application",
      "aria-label": `${words} Arrow keys choose a number${maps > 1 && side > 1 ? ", with Shift the next map's" : ""}.`,
    }, cells[name]);
    const pick = (event) => {
      const node = event.target;
      if (!cells[name].includes(node)) return;
      const box = node.getBoundingClientRect();
      const x = clamp(Math.floor((event.clientX - box.left) / box.width * node.width), 0, node.width - 1);
      const y = clamp(Math.floor((event.clientY - box.top) / box.height * node.height), 0, node.height - 1);
      choose(ROW[name] ? spotOf(name, y * node.width + x) : spotOf(name, cells[name].indexOf(node), y, x));
    };
    sheets[name].addEventListener("click", pick);
    sheets[name].addEventListener("pointermove", (event) => {
      if (event.pointerType === "mouse" && event.buttons === 1) pick(event);
    });
    sheets[name].addEventListener("keydown", (event) => walk(name, event));
    return html("figure", { class: `lenet-layer lenet-${name}`, "data-layer": name },
      html("figcaption", {}, html("b", {}, name === "input" ? "The net sees" : name), ` ${size}`), sheets[name]);
  }

  const answers = range(10, (digit) => {
    const bar = html("span", { class: "lenet-bar" });
    const value = html("span", { class: "lenet-share" });
    const node = button([html("b", {}, String(digit)), value, html("span", { class: "lenet-track" }, bar)],
      () => choose(spotOf("output", digit)), { class: "lenet-answer" });
    return { row: html("div", { role: "listitem" }, node), node, bar, value };
  });
  cells.output = answers.map(({ node }) => node);
  const verdict = html("span", { class: "lenet-verdict", "aria-hidden": "true" });
  const opinion = html("span", {});

  const wires = svg("svg", { class: "lenet-wires", "aria-hidden": "true" });
  const picture = html("div", { class: "lenet-net" });

  // Where the numbers of a frame are painted: [x, y, width, height] in the picture.
  const boxes = new Map();
  function boxOf({ layer: name, map, row, column, rows = 1, columns = 1 }) {
    const single = ROW[name] || name === "output";
    const node = cells[name][ROW[name] ? 0 : map];
    if (!boxes.has(node)) {
      const [box, all] = [node, picture].map((one) => one.getBoundingClientRect());
      boxes.set(node, [box.left - all.left, box.top - all.top, box.width, box.height]);
    }
    const [x, y, width, height] = boxes.get(node);
    if (name === "output") return [x, y, width, height];
    const [down, across] = single ? [Math.floor(map / node.width), map % node.width] : [row, column];
    const [w, h] = [width / node.width, height / node.height];
    return [x + across * w, y + down * h, columns * w, rows * h];
  }

  function frame(box, kind, least = 0) {
    const [x, y, width, height] = box;
    const [more, taller] = [Math.max(0, least - width) / 2, Math.max(0, least - height) / 2];
    return svg("rect", {
      class: `lenet-${kind}`, x: x - more - 0.5, y: y - taller - 0.5,
      width: width + 2 * more + 1, height: height + 2 * taller + 1,
    });
  }

  // Frames round the chosen number, what it is made of and where it goes, and the lines
  // between them.
  function wire() {
    const { spot } = state;
    if (!spot) { wires.replaceChildren(); return; }
    const nodes = [];
    const [x, y, width, height] = boxOf(spot);
    const dense = LAYERS[spot.layer].side === 1 && spot.layer !== "C5";
    const line = ([x1, y1], [x2, y2], attributes) => nodes.push(svg("line", { x1, y1, x2, y2, ...attributes }));
    if (dense) {
      const terms = largestTerms(net, said, spot);
      const most = Math.abs(terms[0].value * terms[0].weight);
      const to = narrow ? [x + width / 2, y] : [x, y + height / 2];
      terms.forEach(({ from, value, weight }, k) => {
        const box = boxOf(from);
        const strength = Math.abs(value * weight) / (most || 1);
        const start = narrow ? [box[0] + box[2] / 2, box[1] + box[3]] : [box[0] + box[2], box[1] + box[3] / 2];
        if (k < LISTED) {
          nodes.push(frame(box, "source"));
          line(start, to, { class: "lenet-under" });
        }
        line(start, to, {
          class: value * weight < 0 ? "lenet-less" : "lenet-more", "stroke-width": 0.4 + 2 * strength,
          opacity: k < LISTED ? 1 : 0.3,
        });
      });
    } else {
      for (const [k, from] of sourcesOf(spot).entries()) {
        const box = boxOf(from);
        const [right, bottom] = [box[0] + box[2], box[1] + box[3]];
        const ends = narrow ? [[box[0], bottom], [right, bottom]] : [[right, box[1]], [right, bottom]];
        for (const end of ends) line(end, [x + width / 2, y + height / 2], { class: "lenet-wire" });
        nodes.push(frame(box, k === state.shown ? "opened" : "source"));
      }
    }
    const targets = targetsOf(spot);
    if (targets.length && LAYERS[targets[0].layer].side === 1) {
      const all = targets.map(boxOf);
      const [left, top] = [0, 1].map((k) => Math.min(...all.map((box) => box[k])));
      const [right, bottom] = [0, 1].map((k) => Math.max(...all.map((box) => box[k] + box[k + 2])));
      nodes.push(frame([left, top, right - left, bottom - top], "target"));
    } else nodes.push(...targets.map((target) => frame(boxOf(target), "target", 4)));
    nodes.push(frame([x, y, width, height], "halo", 8), frame([x, y, width, height], "chosen", 8));
    wires.replaceChildren(...nodes);
  }

  // ---- the formula of the chosen number

  const title = html("b", { class: "lenet-name", tabindex: -1 });
  const formula = html("div", { class: "lenet-parts" });
  const step = (sign, words, x, y) => button(sign, () => {
    inPlace(details, () => choose(beside(state.spot, x, y), { keeps: true }));
  }, { "aria-label": words, title: words });
  const backwards = button("← Back", () => {
    const spot = trail.pop();
    inPlace(details, () => choose(spot, { keeps: true }));
    title.focus({ preventScroll: true });
  });
  const details = html("div", { class: "lenet-formula", role: "group", "aria-label": "Formula of the chosen number" },
    html("div", { class: "lenet-head" }, title,
      html("span", { class: "lenet-steps" },
        backwards, step("◀", "The number to the left", -1, 0), step("▶", "The number to the right", 1, 0),
        step("▲", "The number above", 0, -1), step("▼", "The number below", 0, 1),
        button("✕", close, { "aria-label": "Close the formula", title: "Close" }))),
    formula);
  details.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });

  const kernels = new Map(); // their pictures
  function kernelPicture(weights, key) {
    if (kernels.size > 300) kernels.clear();
    if (!kernels.has(key)) {
      const node = canvas(weights.length);
      const values = weights.flat();
      paint(node, values, Math.max(...values.map(Math.abs)));
      kernels.set(key, node);
    }
    return kernels.get(key);
  }

  const write = formulas({
    net, activation, picture: kernelPicture,
    go: (spot) => {
      trail.push(state.spot);
      inPlace(details, () => choose(spot, { keeps: true }));
      title.focus({ preventScroll: true });
    },
    open: (map) => { state.shown = map; explain(); wire(); },
  });

  function explain() {
    const { spot } = state;
    explained = performance.now();
    details.hidden = !spot;
    if (!spot) return;
    title.textContent = `${nameOf(spot)}: ${number(valueOf(said, spot), 2)}`;
    enable(backwards, trail.length > 0);
    redraw(formula, write(said, spot, state.shown));
  }

  // Chooses a number. Its formula stands behind its layer, on a narrow page in sight, too.
  function choose(spot, { keeps = false } = {}) {
    if (!keeps) trail.length = 0;
    const figure = picture.querySelector(`[data-layer="${spot.layer}"]`);
    lasting[spot.layer] = spot;
    Object.assign(state, { spot, shown: strongestMap(net, said, spot) });
    const settle = () => {
      if (figure.nextSibling !== details) figure.after(details);
      boxes.clear();
      explain();
      wire();
    };
    if (keeps) settle();
    else inPlace(figure, settle);
  }

  function close() {
    const name = state.spot?.layer;
    state.spot = null;
    trail.length = 0;
    inPlace(picture.querySelector(`[data-layer="${name}"]`), () => { explain(); boxes.clear(); wire(); });
    (sheets[name] ?? cells.output[lasting.output?.map])?.focus({ preventScroll: true });
  }

  // Does what moves other things on the page, and keeps a node where it is in the window.
  function inPlace(node, f) {
    const before = node.getBoundingClientRect().top;
    f();
    const by = node.getBoundingClientRect().top - before;
    if (Math.abs(by) > 1) scrollBy({ top: by, behavior: "instant" });
  }

  // The number that lies so many to the right and down where a layer's maps lie side by side.
  function beside({ layer: name, map, row, column }, x, y) {
    const { maps, side } = LAYERS[name];
    const [first, ...others] = cells[name].map((node) => node.getBoundingClientRect().top);
    const next = others.findIndex((top) => top > first + 1);
    const across = ROW[name] ? cells[name][0].width : next < 0 ? maps : next + 1;
    const [wide, high] = [across * side, maps / across * side];
    const right = clamp((map % across) * side + column + x, 0, wide - 1);
    const down = clamp(Math.floor(map / across) * side + row + y, 0, high - 1);
    return spotOf(name, Math.floor(down / side) * across + Math.floor(right / side), down % side, right % side);
  }

  function walk(name, event) {
    if (commands(event)) return;
    if (event.key === "Escape" && state.spot) { close(); return; }
    const move = event.key.startsWith("Arrow") && MOVES[event.key];
    if (!move && event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    const { side } = LAYERS[name];
    const here = state.spot?.layer === name;
    const [x, y] = move ? move.map((by) => by * (event.shiftKey ? side : 1)) : [0, 0];
    choose(here ? beside(state.spot, x, y) : lasting[name] ?? spotOf(name, 0, side >> 1, side >> 1));
    place.textContent = `${nameOf(state.spot)}: ${number(valueOf(said, state.spot), 2)}`;
  }

  // ---- what the page shows

  function show() {
    waiting = 0;
    const drawn = compute();
    paintPad();
    const paper = Float64Array.from(said.input, (value) => (value + 0.1) / 1.275);
    paint(cells.input[0], paper, 1, color.fg, color.fg);
    for (const name of ["C1", "S2", "C3", "S4", "C5", "F6"]) {
      const values = said[name];
      const most = activation === "tanh" ? 1 : values.reduce((a, b) => Math.max(a, b), 1e-6);
      const each = values.length / cells[name].length;
      cells[name].forEach((target, k) => paint(target, values.subarray(k * each, (k + 1) * each), most));
    }
    const best = shares.indexOf(Math.max(...shares));
    const level = shares[best] >= SURE ? "sure" : shares[best] >= DOUBTFUL ? "likely" : "doubtful";
    answers.forEach(({ node, bar, value }, digit) => {
      node.classList.toggle("lenet-best", digit === best && drawn);
      bar.style.width = `${100 * shares[digit]}%`;
      value.textContent = chance(shares[digit]);
    });
    root.dataset.verdict = drawn ? level : "none";
    verdict.textContent = drawn ? String(best) : "?";
    const opinions = { sure: "and says", likely: "and would say", doubtful: "not sure:" };
    opinion.textContent = drawn ? opinions[level] : "and says";
    enable(undo, past.length > 0);
    enable(clear, !nothing());
    examples.forEach((node, k) => node.setAttribute("aria-pressed", String(k === state.example)));
    pens.forEach(([name, node]) => node.setAttribute("aria-pressed", String(name === state.width)));
    // Its many numbers cost more than the picture: while a line grows, not every time.
    if (drawing === null || performance.now() - explained > PAUSE) explain();
    wire();
    tell(drawn, level);
  }

  function tell(drawn, level) {
    const order = Array.from(shares, (share, digit) => [share, digit]).sort((a, b) => b[0] - a[0]);
    const [first, second] = order.map(([share, digit]) => `${digit}, with ${chance(share)}`);
    const words = { sure: "says", likely: "would say", doubtful: "is not sure: perhaps" }[level];
    say(drawn ? `The net ${words} ${first}; after that ${second}.`
      : "Nothing is drawn. The softmax shares out 100 % all the same: "
        + `for ${state.noise ? "noise alone" : "blank paper"} the net says ${first}.`);
  }

  // Everything that changes the state ends here; while a line grows, in the next frame.
  function update() { cancelAnimationFrame(waiting); show(); }
  function soon() { if (!waiting) waiting = requestAnimationFrame(show); }

  // ---- drawing

  function remember() { past.push({ strokes: state.strokes, example: state.example }); }

  function begin(start) {
    remember();
    state.strokes = [...state.strokes, { pen: state.width, points: [start] }];
  }

  function extend([x, y]) {
    const { points } = state.strokes.at(-1);
    const [lastX, lastY] = points.at(-1);
    if (Math.hypot(x - lastX, y - lastY) > 0.003) points.push([x, y]);
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

  const here = () => [pen.x / STEPS, pen.y / STEPS];
  pad.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "z") { event.preventDefault(); back(); return; }
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const move = MOVES[event.key];
    if (move) {
      const [x, y] = move.map((by) => by * (event.shiftKey ? 4 : 1));
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
  const pens = Object.keys(PENS).map((name) => {
    const words = name === "eraser" ? "Eraser" : `Pen, ${name}`;
    return [name, button(html("span", { class: `lenet-tip lenet-${name}` }),
      () => { state.width = name; update(); }, { "aria-label": words, title: words })];
  });

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
  function set(values) {
    Object.assign(state, values);
    field.follow();
    update();
  }
  const straighten = button("Sliders to 0", () => set(neutral));

  const hint = (...words) => html("p", { class: "lenet-hint" }, ...words);
  picture.append(
    html("figure", { class: "lenet-draw" },
      html("figcaption", {}, html("b", {}, "Draw here"), " or on an example"), pad,
      html("div", { class: "lenet-buttons" },
        html("span", { role: "group", "aria-label": "Pens" }, pens.map(([, node]) => node)),
        html("span", {}, undo, clear))),
    layer("input", "32 × 32", "What the net sees: 32 × 32 pixels."),
    html("p", { class: "lenet-says" }, opinion, verdict),
    html("p", { class: "lenet-hint lenet-invitation" }, "Tap any number to see its formula."),
    layer("C1", "6 × 28²", "C1: six maps of 28 × 28."),
    layer("S2", "6 × 14²", "S2: six maps of 14 × 14."),
    layer("C3", "16 × 10²", "C3: sixteen maps of 10 × 10."),
    layer("S4", "16 × 5²", "S4: sixteen maps of 5 × 5."),
    layer("C5", "120", "C5: 120 neurons."),
    layer("F6", "84", "F6: 84 neurons."),
    html("figure", { class: "lenet-output", "data-layer": "output" },
      html("figcaption", {}, html("b", {}, "output"), " 10"),
      html("div", { class: "lenet-rows", role: "list", "aria-label": "Probability of each digit" },
        answers.map(({ row }) => row))),
    details, wires, place);
  stage.append(
    html("div", { class: "lenet-examples", role: "group", "aria-label": "Examples of MNIST" },
      html("span", { class: "lenet-hint" }, "A digit of MNIST, or your own:"), html("div", {}, examples)),
    picture,
    hint(html("span", { class: "lenet-positive" }), " above zero",
      activation === "tanh" ? [", ", html("span", { class: "lenet-negative" }), " below; full colour is 1. "]
        : "; full colour is the largest value of the layer. ",
      "Choose a number: frames show what it is made of, dashed ones where it goes. ",
      "Maps, rows and columns count from 0. ",
      html("span", { class: "lenet-keys" },
        "Keys: in the pad, arrows move the pen, Space sets it down and lifts it; in a layer, they choose a number.")));
  controls.append(html("span", { class: "lenet-hint" }, "Disturb the picture:"), ...settings, straighten, reset);
  controls.before(text);

  // ---- what changes around it

  function arrange() {
    narrow = isNarrow();
    for (const [name, rows] of Object.entries(ROW)) {
      const width = rows[narrow ? 0 : 1];
      Object.assign(cells[name][0], { width, height: LAYERS[name].maps / width });
    }
    boxes.clear();
  }
  function repaint() {
    takeColours();
    kernels.clear();
    examples.forEach((node, k) => paint(node.firstChild, digits[k], 1, color.fg, color.fg));
    show();
  }
  let resized = 0; // for the next frame
  function resize() {
    if (isNarrow() !== narrow) { arrange(); show(); }
    boxes.clear();
    wire();
  }
  const sizes = new ResizeObserver(() => {
    cancelAnimationFrame(resized);
    resized = requestAnimationFrame(resize);
  });
  const deafen = onTheme(repaint);
  arrange();
  repaint();
  if (state.spot) choose(state.spot);
  sizes.observe(picture);

  const lists = (values) => Object.fromEntries(Object.entries(values).map(([k, v]) => [k, Array.from(v)]));
  root.explorer = {
    logits: (picture28) => Array.from(readDigit(net, activation, picture28).output),
    layers: (picture28) => lists(readDigit(net, activation, picture28)),
    preprocess: (strokes) => Array.from(preprocess(strokes)),
    state: () => {
      if (waiting) { cancelAnimationFrame(waiting); show(); }
      return { ...state, ...lists({ seen, logits: said.output, shares }), pen: { ...pen } };
    },
  };
  return () => {
    deafen();
    sizes.disconnect();
    cancelAnimationFrame(waiting);
    cancelAnimationFrame(resized);
  };
});
