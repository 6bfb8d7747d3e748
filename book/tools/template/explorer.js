// Twice a number: the formula is that of utils/MODULE.py.

export default {
  render({ model, el }) {
    const { root, controls, say } = frame(el, "Twice a number");
    const state = { x: 1 };
    const draw = () => say(`x = ${state.x}, twice x = ${2 * state.x}`);
    const field = slider({
      label: "x", min: 0, max: model.get("most"), step: 1, value: state.x, format: String,
      oninput: (x) => { state.x = x; draw(); },
    });
    controls.append(field.element);
    root.explorer = { state: () => ({ ...state, y: 2 * state.x }) };
    draw();
    return () => root.remove();
  },
};
