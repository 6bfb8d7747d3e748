// What all explorers share: elements, numbers, the frame, controls, drag and keys. An
// explorer imports what it needs, from here and from chart.js, grid.js, maths.js and
// play.js; utils/explorers/__init__.py joins them into one module: a page has nothing to
// fetch.

import { clamp } from "./maths.js";

const SVG_NAMESPACE = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat().filter((c) => c !== null && c !== undefined));
  return node;
}

// An HTML element: html("p", { class: "x", onclick: f }, "text", child).
export function html(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

// An SVG element, in the same way.
export function svg(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG_NAMESPACE, tag), attributes, children);
}

// Sets attributes of an element that is there already.
export function set(node, attributes) {
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

// A size with so many digits, rounded as Python rounds the same double: of two numbers
// equally near to it the even one, where toFixed takes the larger.
function rounded(size, digits) {
  const text = size.toFixed(digits);
  const exact = size.toFixed(100);
  const cut = exact.indexOf(".") + digits + (digits > 0);
  const tie = /^\.?50*$/.test(exact.slice(cut));
  return tie && Number(text.at(-1)) % 2 ? exact.slice(0, cut) : text;
}

// A number for the eye: fixed digits, a true minus sign, never "−0.00".
export function number(value, digits = 2) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "undefined" : value > 0 ? "∞" : "−∞";
  const text = rounded(Math.abs(value), digits);
  return (value < 0 && Number(text) !== 0 ? "−" : "") + text;
}

// With so many digits from the first that is not 0, as Python's "{:.2g}" has them.
export function significant(value, digits = 2) {
  const order = value ? Math.floor(Math.log10(Math.abs(value))) : 0;
  const text = number(value, clamp(digits - 1 - order, 0, 100));
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}
// A number that stays short however large it is: 0.1235, 12346, 2.9·10³⁷.
export function brief(value, digits = 2) {
  const size = Math.abs(value);
  if (!Number.isFinite(value) || size < 1e5) return number(value, size < 1000 ? digits : 0);
  const [mantissa, order] = size.toExponential(1).split("e+");
  return `${value < 0 ? "−" : ""}${mantissa}·10${[...order].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]).join("")}`;
}
// 1,234,567, or with digits behind the point.
export const thousands = (value, digits = 0) => number(value, digits).replace(/\d+/, (whole) =>
  whole.replace(/\B(?=(\d{3})+$)/g, ","));
// Whole numbers without a point, others with two digits.
export const short = (value) => number(value, Number.isInteger(value) ? 0 : 2);
// A number within a formula.
export const bracketed = (value, write = short) => (value < 0 ? `(${write(value)})` : write(value));
// "1 row", "2 rows".
export const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

// What an explorer's file gives: `build` fills its frame, and returns what is to be done
// (if anything) when the page leaves it. The frame: a stage, controls, and a line of text
// that screen readers hear when it changes; `say(text)` writes that line. `reset` is a
// button, for `build` to place, that builds all anew: nothing can be forgotten.
export function explorer(title, build) {
  async function render({ model, el, signal }) {
    const root = html("div", { class: "explorer-root", role: "group", "aria-label": title });
    el.append(root);
    // JupyterLab may show it only later; until then nothing has a size or a colour.
    while (!el.isConnected) {
      if (signal?.aborted) return null;
      await new Promise(requestAnimationFrame);
    }
    // JupyterLab has meanings of its own for keys, but not where this stands.
    root.addEventListener("focusin", ({ target }) => set(target, { "data-lm-suppress-shortcuts": "" }));
    let leave;
    function begin() {
      const stage = html("div", { class: "ex-stage" });
      const controls = html("div", { class: "ex-controls" });
      const text = html("p", { class: "ex-text ex-numbers", "aria-live": "polite" });
      const reset = button("Reset", () => {
        leave?.();
        begin().focus({ preventScroll: true });
        root.dispatchEvent(new Event("live", { bubbles: true })); // for the page, which measures
      });
      root.replaceChildren(html("p", { class: "ex-title" }, title), stage, controls, text);
      const say = (words) => { if (text.textContent !== words) text.textContent = words; }; // or it is read again
      leave = build({ model, root, stage, controls, text, say, reset });
      return reset;
    }
    begin();
    return () => { leave?.(); root.remove(); };
  }
  return { render };
}

export function button(label, onclick, attributes = {}) {
  const act = (event) => { if (node.getAttribute("aria-disabled") !== "true") onclick(event); };
  const node = html("button", { type: "button", ...attributes, onclick: act }, label);
  return node;
}

// Whether a button can be pressed. One that cannot keeps the focus if it has it: the next
// key is for it, and not for the page.
export const enable = (node, can) => set(node, { "aria-disabled": !can });

// Calls `repaint` when the page turns dark or light; returns what ends that.
export function onTheme(repaint) {
  const themes = new MutationObserver(repaint);
  for (const node of [document.documentElement, document.body]) {
    themes.observe(node, { attributeFilter: ["data-theme", "theme", "data-jp-theme-light", "class"] });
  }
  return () => themes.disconnect();
}

// A control with its words is a label that knows its input, and sets it.
function field(input, parts, write) {
  const element = html("label", { class: "ex-field" }, parts);
  return Object.assign(element, { input, set: write });
}

// Does it once for a click, and again and again as long as mouse or finger hold the node.
function held(node, act) {
  let timer, many = false;
  const stop = () => clearTimeout(timer);
  const again = (wait) => {
    timer = setTimeout(() => {
      if (!node.isConnected) return; // it is gone, and hears of no end
      many = true;
      act();
      again(60);
    }, wait);
  };
  node.addEventListener("pointerdown", (event) => { many = false; if (event.button === 0) again(400); });
  for (const end of ["pointerup", "pointerleave", "pointercancel"]) node.addEventListener(end, stop);
  node.addEventListener("click", () => { stop(); if (!many) act(); many = false; });
  return node;
}

const MOST_STEPS = 57; // that a slider 130 pixels wide has room for: two pixels each

// `format` writes the value beside the slider. One too fine for fingers has − and + too;
// the keyboard has arrow keys for that.
export function slider({ label, min, max, step = 1, value, format, onchange }) {
  const words = format ?? ((v) => number(v, Number.isInteger(step) ? 0 : 2));
  const output = html("output", { "aria-live": "off" }, words(value)); // the slider itself says it
  const input = html("input", { type: "range", min, max, step, value, "aria-valuetext": words(value) });
  const show = () => {
    output.textContent = words(Number(input.value));
    input.setAttribute("aria-valuetext", output.textContent);
  };
  const changed = () => { show(); onchange(Number(input.value)); };
  input.addEventListener("input", changed);
  const whole = field(input, [label, input, output], (v) => { input.value = v; show(); });
  if ((max - min) / step <= MOST_STEPS) return whole;
  const nudge = (sign, which, by) => held(html("button", { type: "button", tabindex: -1 },
    html("span", { "aria-hidden": "true" }, sign), html("span", { class: "ex-hidden" }, `${label}: ${which}`)),
  () => { input.stepUp(by); changed(); });
  const fine = html("span", { class: "ex-fine" }, whole, nudge("−", "less", -1), nudge("+", "more", 1));
  return Object.assign(fine, { input, set: whole.set });
}

export function checkbox({ label, value, onchange }) {
  const input = html("input", { type: "checkbox" });
  input.checked = value;
  input.addEventListener("change", () => onchange(input.checked));
  return field(input, [input, label], (v) => { input.checked = v; });
}

// Options are values, or [value, text] pairs.
export function choice({ label, options, value, onchange }) {
  const pairs = options.map((option) => (Array.isArray(option) ? option : [option, option]));
  const input = html("select", {}, pairs.map(([v, text]) => html("option", { value: v }, String(text))));
  input.value = value;
  input.addEventListener("change", () => onchange(input.value));
  return field(input, [label, input], (v) => { input.value = v; });
}

// What to start from, by name; `set("own")` says that it has been changed since.
export function startFrom({ label, value, from, take }) {
  return choice({
    label, value, options: [...Object.keys(from), ["own", "your own"]],
    onchange: (name) => { if (name in from) take(from[name], name); },
  });
}

// Controls that each keep one field of `state`, and call `changed` after that. `follow`
// makes them show the state again when something else has changed it.
export function fields(state, changed) {
  const made = [];
  const keeping = (kind) => (name, options) => {
    const read = typeof state[name] === "number" ? Number : (v) => v; // a choice gives strings
    const onchange = (v) => { state[name] = read(v); changed(); };
    const control = kind({ label: name, value: state[name], onchange, ...options });
    made.push(() => control.set(state[name]));
    return control;
  };
  return {
    slider: keeping(slider), checkbox: keeping(checkbox), choice: keeping(choice),
    follow: () => made.forEach((show) => show()),
  };
}

// Whether a key is meant for the browser, such as Ctrl and + that make all larger.
export const commands = (event) => event.ctrlKey || event.altKey || event.metaKey;

// What − and + do to the number that is selected: two buttons, and two keys.
export function stepper(what, change) {
  return {
    buttons: html("span", { class: "ex-field" },
      button("−", () => change(-1), { "aria-label": `Lower the selected ${what}` }),
      button("+", () => change(1), { "aria-label": `Raise the selected ${what}` })),
    onkeydown: (event) => {
      const by = { "+": 1, "=": 1, "-": -1 }[event.key];
      if (!by || commands(event)) return;
      event.preventDefault();
      change(by);
    },
  };
}

// A picture under its words: { figure, canvas, entitle(words) }.
export function panel(name, words, attributes = {}) {
  const canvas = svg("svg", { role: "img", ...attributes });
  const caption = html("figcaption", {});
  const entitle = (text) => { caption.textContent = text; set(canvas, { "aria-label": text }); };
  entitle(words);
  return { canvas, entitle, figure: html("figure", { class: `ex-panel ${name}` }, caption, canvas) };
}

// A table with a head: its element, and the body to fill.
export function table(headings, columns = []) {
  const body = html("tbody", {});
  const element = html("table", {},
    html("colgroup", {}, columns.map((name) => html("col", { class: name }))),
    html("thead", {}, html("tr", {}, headings.map((words) => html("th", { scope: "col" }, words)))), body);
  return { element, body };
}

// Fills a node anew. What had the focus within, known by its data-key, gets it back.
export function redraw(node, children, preventScroll = true) {
  const active = node.getRootNode().activeElement;
  const key = node.contains(active) ? active.dataset.key : undefined;
  node.replaceChildren(...children.flat(Infinity));
  if (key !== undefined) focusOn(node, key, preventScroll);
}

export function focusOn(node, key, preventScroll = true) {
  node.querySelector(`[data-key="${key}"]`)?.focus({ preventScroll });
}

// The place of a pointer event in the coordinates of an SVG's viewBox.
export function place(event, canvas) {
  const box = canvas.getBoundingClientRect();
  const view = canvas.viewBox.baseVal;
  return [
    view.x + ((event.clientX - box.left) / box.width) * view.width,
    view.y + ((event.clientY - box.top) / box.height) * view.height,
  ];
}

// Follows mouse and finger from where they press on a node: start(x, y, event), then
// move(x, y, event), in viewBox coordinates. A start that returns false is none. A second
// finger is not heard, nor are the other buttons of a mouse.
export function follow(node, canvas, { start, move }) {
  let first = -1; // the pointer that was followed last
  node.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || node.hasPointerCapture(first)) return;
    if (start(...place(event, canvas), event) === false) return;
    first = event.pointerId;
    node.setPointerCapture(first);
    event.preventDefault();
  });
  node.addEventListener("pointermove", (event) => {
    // A finger is captured by what it touches first, also where its start was none.
    const followed = event.pointerId === first && node.hasPointerCapture(first);
    if (followed) move(...place(event, canvas), event);
  });
}

// Lets mouse and finger drag a node; `onmove` gets the place in viewBox coordinates.
export function draggable(node, canvas, onmove) {
  // Or the page scrolls; touch-action is not honoured on the inner elements of an SVG.
  node.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
  node.style.cursor = "grab";
  follow(node, canvas, { start: () => node.focus?.({ preventScroll: true }), move: onmove });
}

// Whether a mouse has moved, and not the picture, drawn anew, under a mouse that rests.
let resting = "";
export function mouseMoved({ pointerType, clientX, clientY }) {
  const before = resting;
  resting = `${clientX},${clientY}`;
  return pointerType === "mouse" && resting !== before;
}

// Arrow keys on a node: `onmove(dx, dy)` in steps, `leap` with Shift; dy grows upwards.
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
export function arrows(node, onmove, leap = 10) {
  node.addEventListener("keydown", (event) => {
    // Space would scroll the page; a button is pressed by it.
    if (event.key === " " && !node.matches("button")) event.preventDefault();
    const step = ARROWS[event.key];
    if (!step || commands(event)) return;
    event.preventDefault();
    const size = event.shiftKey ? leap : 1;
    onmove(step[0] * size, step[1] * size);
  });
}
