// A digit and its nearest neighbours in several spaces. Which digits are near to which
// has been computed by utils/explorers/transfer.py, and is only shown here.

import { arrows, choice, explorer, focusOn, html, number, onTheme, redraw } from "./common.js";
import { bytes, clamp, range, sum } from "./maths.js";

const SIDE_OF_DIGIT = 28;

export default explorer("Nearest neighbours of a digit", ({ model, root, stage, controls, say, reset }) => {
  const known = model.get("known");
  const pairs = bytes(known.pixels);
  const labels = [...known.labels].map(Number);
  const names = model.get("spaces"); // in order: saved objects are sorted by name
  const near = Object.fromEntries(names.map((space) => {
    const all = bytes(known.near[space]);
    const wide = all.length / labels.length;
    return [space, range(labels.length).map((k) => [...all.slice(k * wide, (k + 1) * wide)])];
  }));
  const state = { shown: model.get("shown"), label: labels[model.get("shown")] };
  const ofClass = () => range(labels.length).filter((k) => labels[k] === state.label);
  const others = (space, k) => near[space][k].filter((n) => labels[n] !== labels[k]).length;

  root.classList.add("transfer");

  // Ink as transparency over the colour of the text: it reads in light and in dark.
  function picture(k) {
    const canvas = html("canvas", { width: SIDE_OF_DIGIT, height: SIDE_OF_DIGIT, "aria-hidden": "true" });
    const context = canvas.getContext("2d");
    const image = context.createImageData(SIDE_OF_DIGIT, SIDE_OF_DIGIT);
    const [r, g, b] = getComputedStyle(root).color.match(/\d+/g).map(Number);
    range(SIDE_OF_DIGIT * SIDE_OF_DIGIT).forEach((p) => {
      const pair = pairs[(k * SIDE_OF_DIGIT * SIDE_OF_DIGIT + p) >> 1];
      image.data.set([r, g, b, 17 * (p % 2 ? pair & 15 : pair >> 4)], 4 * p);
    });
    context.putImageData(image, 0, 0);
    return canvas;
  }

  function digit(key, k, { look = "", label, pressed, walk, tab = true }) {
    const node = html("button", {
      type: "button", class: `transfer-digit ${look}`, "data-key": key, "aria-label": label,
      "aria-pressed": pressed === undefined ? null : String(pressed), tabindex: tab ? 0 : -1,
      onclick: () => choose(k, key),
    }, picture(k));
    if (walk) arrows(node, walk, 1);
    return node;
  }

  function choose(k, key) {
    state.shown = k;
    state.label = labels[k];
    pick.set(state.label);
    draw();
    focusOn(root, key);
  }

  const shelf = html("div", { class: "transfer-shelf", role: "group", "aria-label": "digits to choose from" });
  const rows = html("div", { class: "transfer-rows" });
  stage.append(shelf, rows);

  function draw() {
    const shelved = ofClass();
    redraw(shelf, shelved.map((k, i) => digit(`shelf${i}`, k, {
      label: `digit ${labels[k]}, number ${i + 1} of ${shelved.length}`,
      pressed: k === state.shown, tab: k === state.shown, look: k === state.shown ? "transfer-shown" : "",
      walk: (dx, dy) => {
        const to = clamp(i + (dx || -dy), 0, shelved.length - 1);
        choose(shelved[to], `shelf${to}`);
      },
    })));
    redraw(rows, names.map((space) => html("div", { class: "transfer-row", role: "group", "aria-label": space },
      html("span", { class: "transfer-space" }, space),
      near[space][state.shown].map((k, place) => {
        const other = labels[k] !== labels[state.shown];
        return digit(`${space}${place}`, k, {
          look: other ? "transfer-other" : "",
          label: `${space}, neighbour ${place + 1}: ${labels[k]}${other ? ", another class" : ""}`,
        });
      }))));
    const wide = near[names[0]][0].length;
    const shares = names.map((space) => {
      const part = sum(shelved.map((k) => others(space, k))) / (shelved.length * wide);
      return `${space} ${others(space, state.shown)} of ${wide}, ${number(100 * part, 0)} %`;
    });
    say(`A ${state.label}. Neighbours of another class, and their average share for the digit ${state.label}: `
      + `${shares.join("; ")}.`);
  }

  const pick = choice({
    label: "digits", value: state.label, options: range(10),
    onchange: (label) => {
      state.label = Number(label);
      [state.shown] = ofClass();
      draw();
    },
  });
  controls.append(pick, reset);
  root.explorer = { state: () => ({
    ...state, near: Object.fromEntries(names.map((space) => [space, near[space][state.shown]])),
  }) };
  draw();
  return onTheme(draw); // the ink of the pictures has the colour of the text
});
