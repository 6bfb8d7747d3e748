// What all explorers share: elements, the frame, controls, numbers, drag and keys. An
// explorer imports what it needs; utils/explorers/__init__.py joins the two into one
// module, so that a page has nothing to fetch.

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

// A number for the eye: fixed digits, a true minus sign, never "−0.00".
export function number(value, digits = 2) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "undefined" : value > 0 ? "∞" : "−∞";
  const text = Math.abs(value).toFixed(digits);
  return (value < 0 && Number(text) !== 0 ? "−" : "") + text;
}

// The frame of an explorer: title, stage, controls, and a line of text that screen
// readers hear when it changes. `say(text)` writes that line.
export function frame(el, title) {
  const stage = html("div", { class: "ex-stage" });
  const controls = html("div", { class: "ex-controls" });
  const text = html("p", { class: "ex-text ex-numbers", "aria-live": "polite" });
  const heading = html("p", { class: "ex-title" }, title);
  const root = html(
    "div",
    { class: "explorer-root", role: "group", "aria-label": title },
    heading, stage, controls, text,
  );
  el.append(root);
  return { root, stage, controls, text, say: (words) => { text.textContent = words; } };
}

export function button(label, onclick, attributes = {}) {
  return html("button", { type: "button", ...attributes, onclick }, label);
}

// A labelled slider: { element, input, set(value) }. `format` writes the value beside it.
export function slider({ label, min, max, step, value, format = (v) => number(v), oninput }) {
  const output = html("output", {}, format(value));
  const input = html("input", { type: "range", min, max, step, value, "aria-valuetext": format(value) });
  const show = () => {
    const words = format(Number(input.value));
    output.textContent = words;
    input.setAttribute("aria-valuetext", words);
  };
  input.addEventListener("input", () => { show(); oninput(Number(input.value)); });
  const element = html("label", { class: "ex-field" }, label, input, output);
  return { element, input, set: (v) => { input.value = v; show(); } };
}

export function checkbox({ label, checked, onchange }) {
  const input = html("input", { type: "checkbox" });
  input.checked = checked;
  input.addEventListener("change", () => onchange(input.checked));
  const element = html("label", { class: "ex-field" }, input, label);
  return { element, input, set: (v) => { input.checked = v; } };
}

// A labelled choice: options are [value, text] pairs.
export function choice({ label, options, value, onchange }) {
  const input = html("select", {}, options.map(([v, text]) => html("option", { value: v }, text)));
  input.value = value;
  input.addEventListener("change", () => onchange(input.value));
  const element = html("label", { class: "ex-field" }, label, input);
  return { element, input, set: (v) => { input.value = v; } };
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

// Lets mouse and finger drag a node; `onmove` gets the place in viewBox coordinates.
export function draggable(node, canvas, onmove) {
  // Or the page scrolls; touch-action is not honoured on the inner elements of an SVG.
  node.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
  node.style.cursor = "grab";
  node.addEventListener("pointerdown", (event) => {
    node.setPointerCapture(event.pointerId);
    node.focus?.({ preventScroll: true });
    event.preventDefault();
  });
  node.addEventListener("pointermove", (event) => {
    if (node.hasPointerCapture(event.pointerId)) onmove(...place(event, canvas));
  });
}

// Arrow keys on a node: `onmove(dx, dy)` in steps, ten with Shift; dy grows upwards.
export const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
export function arrows(node, onmove) {
  node.addEventListener("keydown", (event) => {
    const step = ARROWS[event.key];
    if (!step) return;
    event.preventDefault();
    const size = event.shiftKey ? 10 : 1;
    onmove(step[0] * size, step[1] * size);
  });
}
