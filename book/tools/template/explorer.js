// Twice a number: the formula is that of utils/MODULE.py.

import { explorer, fields } from "./common.js";

export default explorer("Twice a number", ({ model, root, controls, say, reset }) => {
  const state = { x: 1 };
  const draw = () => say(`x = ${state.x}, twice x = ${2 * state.x}`);
  controls.append(fields(state, draw).slider("x", { min: 0, max: model.get("most") }), reset);
  root.explorer = { state: () => ({ ...state, y: 2 * state.x }) };
  draw();
});
