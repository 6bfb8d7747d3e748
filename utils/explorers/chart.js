// Charts: SVG lines, words and bars, scales and their ticks, and a drag along an axis.

import { follow, place, svg } from "./common.js";

export const label = (x, y, words, attributes = {}) => svg("text", { x, y, "font-size": 12, ...attributes }, words);
export const centred = (x, y, words, attributes = {}) => label(x, y, words, { "text-anchor": "middle", ...attributes });
export const line = (x1, y1, x2, y2, attributes = {}) =>
  svg("line", { x1, y1, x2, y2, stroke: "var(--ex-line)", ...attributes });
export const points = (pairs) => pairs.map(([x, y]) => `${x.toFixed(2)},${y.toFixed(2)}`).join(" ");
export const polyline = (pairs, attributes) =>
  svg("polyline", { points: points(pairs), fill: "none", "stroke-width": 2, ...attributes });
// A bar of this height, upwards or downwards, on the line y = zero.
export const bar = (x, zero, width, height, attributes) =>
  svg("rect", { x, y: zero - Math.max(0, height), width, height: Math.abs(height), ...attributes });

// A function from values between low and high to places between from and to; along a
// logarithmic axis with f = Math.log.
export function scale([low, high], [from, to], f = (v) => v) {
  return (v) => from + ((f(v) - f(low)) / (f(high) - f(low) || 1)) * (to - from);
}

const TICKS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100];

// The ticks of a logarithmic axis around the values, from the last below to the first above.
export function logTicks(values) {
  const positive = values.filter((v) => v > 0);
  const from = TICKS.findLastIndex((t) => t <= Math.min(...positive));
  const to = TICKS.findIndex((t) => t >= Math.max(...positive));
  return TICKS.slice(Math.max(0, from), to + 1);
}

// Lines from left to right at the ticks, with their numbers before them.
export function yAxis(ticks, Y, left, right) {
  return ticks.map((t) => svg("g", { "data-tick": t },
    line(left, Y(t), right, Y(t)), label(left - 5, Y(t) + 4, String(t), { "text-anchor": "end" })));
}

// The words of [value, words] pairs below a chart.
export function xAxis(pairs, X, bottom) {
  return pairs.map(([value, words]) => centred(X(value), bottom + 16, String(words)));
}

const SWIPE = 8; // pixels that a finger goes along a chart before it means to drag

// Calls onx(x) for each place at which mouse or finger press on a chart or drag along it.
// A finger that comes down may mean to scroll the page: it chooses where it goes along
// the chart, or is lifted without having gone anywhere.
export function dragAlong(canvas, onx) {
  canvas.classList.add("ex-along");
  let down = null;
  follow(canvas, canvas, {
    start: (x, y, event) => {
      down = event.pointerType === "touch" ? [event.clientX, event.clientY] : null;
      if (!down) onx(x);
    },
    move: (x, y, event) => {
      const [dx, dy] = down ? [event.clientX - down[0], event.clientY - down[1]].map(Math.abs) : [SWIPE, 0];
      if (dx < SWIPE || dx < dy) return;
      down = null;
      onx(x);
    },
  });
  canvas.addEventListener("pointercancel", () => { down = null; });
  canvas.addEventListener("pointerup", (event) => {
    if (down) onx(place(event, canvas)[0]);
    down = null;
  });
}
