// Twice a number: the formula is that of utils/MODULE.py.

import { fields, frame } from "./common.js";

export default {
  render({ model, el }) {
    const { root, controls, say } = frame(el, "Twice a number");
    const state = { x: 1 };
    const draw = () => say(`x = ${state.x}, twice x = ${2 * state.x}`);
    controls.append(fields(state, draw).slider("x", { min: 0, max: model.get("most") }));
    root.explorer = { state: () => ({ ...state, y: 2 * state.x }) };
    draw();
    return () => root.remove();
  },
};
