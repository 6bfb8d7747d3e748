// A table of numbers as a picture: with the roles of a grid, and arrow keys that carry
// the focus from number to number.

import { arrows, focusOn, redraw, set, short, svg } from "./common.js";

export const CELL = 30;

// As large as so many characters may be: "−1.33" must not touch its neighbours.
const fitting = ({ length }) => (length < 4 ? 14 : length === 4 ? 10.5 : 8.5);

export const tint = (color, percent) => `color-mix(in srgb, var(--ex-${color}) ${percent}%, transparent)`;

// A colour for the sign, the stronger the larger a value is of `most`.
export function shade(value, most, up = "blue", down = "orange") {
  if (!value || !most) return "transparent";
  return tint(value > 0 ? up : down, Math.round(12 + 38 * Math.abs(value) / most));
}

// Draws rows of values into an SVG. `look(row, column, value)` gives each its fill, the
// stroke and its width, a label, and events. A number with `tab` can have the focus, and
// has it first where that is true; `onwalk(row, column)` hears where arrow keys go.
export function grid(canvas, values, look) {
  const rows = Math.max(1, values.length), columns = values[0]?.length ?? 0;
  set(canvas, { viewBox: `0 0 ${Math.max(1, columns) * CELL} ${rows * CELL}` });
  canvas.style.maxWidth = `${columns * 42}px`;
  const open = new Set();
  redraw(canvas, values.map((row, r) => svg("g", { role: "row" }, row.map((value, c) => {
    const { fill, stroke = "line", width = 1, faint, rise = 0, label, tab, onwalk, ...events } = look(r, c, value);
    const still = tab === undefined;
    const key = `${r},${c}`;
    const node = svg("g", {
      role: "gridcell", "data-key": key, "aria-label": label, tabindex: still ? null : tab ? 0 : -1,
      style: still ? null : "cursor: pointer", ...events,
    },
    svg("rect", {
      x: c * CELL + 2, y: r * CELL + 2, width: CELL - 4, height: CELL - 4, rx: 3,
      fill: fill ?? "transparent", stroke: stroke === "none" ? stroke : `var(--ex-${stroke})`, "stroke-width": width,
    }),
    svg("text", {
      x: (c + 0.5) * CELL, y: (r + 0.5) * CELL + 5 - rise, "text-anchor": "middle",
      "font-size": fitting(short(value)), opacity: faint ? 0.45 : 1,
    }, short(value)));
    if (still) return node;
    open.add(key);
    arrows(node, (dx, dy) => {
      const [row2, column2] = [r - dy, c + dx];
      if (!open.has(`${row2},${column2}`)) return;
      onwalk?.(row2, column2);
      focusOn(canvas, `${row2},${column2}`);
    }, 1);
    return node;
  }))));
}
