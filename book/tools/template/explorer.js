// Twice a number: the formula is that of utils/MODULE.py.

import { frame, slider } from "./common.js";

export default {
  render({ model, el }) {
    const { root, controls, say } = frame(el, "Twice a number");
    const now = { x: 1 };
    const draw = () => say(`x = ${now.x}, twice x = ${2 * now.x}`);
    const field = slider({
      label: "x", min: 0, max: model.get("most"), step: 1, value: now.x, format: String,
      oninput: (x) => { now.x = x; draw(); },
    });
    controls.append(field.element);
    root.explorer = { state: () => ({ ...now, y: 2 * now.x }) };
    draw();
    return () => root.remove();
  },
};
