// What an Inception module costs. The formulas are those of module_budget and
// naive_budget in utils/inception.py: a chain of convolutions [in, out, kernel] has
// in · out · kernel² weights and out biases each, and multiplies every weight once at
// each place of the maps.

import { choice, frame, html, number, slider } from "./common.js";

const BRANCHES = ["1×1", "3×3", "5×5", "pool"];

function cost(chain, size, channels) {
  let weights = 0, biases = 0, reducing = 0;
  for (const [from, to, kernel] of chain) {
    weights += from * to * kernel * kernel;
    biases += to;
    if (kernel === 1) reducing += from * to;
  }
  return {
    channels, parameters: weights + biases, macs: weights * size * size,
    share: weights ? reducing / weights : 0, // of the work, in 1 × 1 convolutions
  };
}

function moduleBudget({ from, size, one, three, five, pool, kind }) {
  const large = kind === "5×5" ? [[...five, 5]] : [[...five, 3], [five[1], five[1], 3]];
  const chains = [[[from, one, 1]], [[from, three[0], 1], [...three, 3]], [[from, five[0], 1], ...large], [[from, pool, 1]]];
  const channels = [one, three[1], five[1], pool];
  return Object.fromEntries(BRANCHES.map((name, k) => [name, cost(chains[k], size, channels[k])]));
}

function naiveBudget({ from, size, one, three, five }) {
  const chains = [[[from, one, 1]], [[from, three[1], 3]], [[from, five[1], 5]], []];
  const channels = [one, three[1], five[1], from];
  return Object.fromEntries(BRANCHES.map((name, k) => [name, cost(chains[k], size, channels[k])]));
}

function total(costs) {
  const add = (key) => BRANCHES.reduce((sum, name) => sum + costs[name][key], 0);
  const work = add("macs");
  const reducing = BRANCHES.reduce((sum, name) => sum + costs[name].share * costs[name].macs, 0);
  return { channels: add("channels"), parameters: add("parameters"), macs: work, share: work ? reducing / work : 0 };
}

const whole = (value) => value.toLocaleString("en-US");
const millions = (value) => `${number(value / 1e6, 1)} million`;

export default {
  render({ model, el }) {
    const { root, controls, stage, say } = frame(el, "Spend a budget on an Inception module");
    const presets = model.get("presets");
    const settings = (name) => {
      const { in_channels: from, size, one, three, five, pool } = presets.find((p) => p.name === name);
      return { from, size, one, three: [...three], five: [...five], pool };
    };
    const state = { preset: model.get("start"), kind: "5×5", show: "parameters", ...settings(model.get("start")) };

    const body = html("tbody");
    const legend = html("p", { class: "inc-legend" },
      html("span", { class: "inc-key inc-naive" }), "naive ",
      html("span", { class: "inc-key inc-point" }), "this module: 1×1 ",
      html("span", { class: "inc-key inc-large" }), "3×3 and 5×5");
    stage.append(legend, html("table", { class: "inc-table", "aria-label": "Cost of each branch, naive and reduced" },
      html("colgroup", {}, ["name", "bars", "out"].map((part) => html("col", { class: `inc-col-${part}` }))), body));

    const format = (value) => (state.show === "macs" ? `${number(value / 1e6, 1)} M` : whole(value));

    // A bar whose length is `value` out of `most`, its 1 × 1 part first.
    function bar(kind, value, most, share) {
      const parts = kind === "naive"
        ? [html("span", { class: "inc-naive", style: "width: 100%" })]
        : [html("span", { class: "inc-point", style: `width: ${100 * share}%` }),
          html("span", { class: "inc-large", style: `width: ${100 * (1 - share)}%` })];
      return html("div", { class: "inc-line", "data-kind": kind },
        html("span", { class: "ex-hidden" }, `${kind}: `),
        html("span", { class: "inc-bar", style: `width: calc(var(--inc-room) * ${value / most})` }, value ? parts : []),
        html("span", { class: "inc-number" }, format(value)));
    }

    function draw() {
      const mine = moduleBudget(state), naive = naiveBudget(state);
      const all = { mine: total(mine), naive: total(naive) };
      const most = Math.max(all.mine[state.show], all.naive[state.show]);
      const row = (name, ours, theirs) => html("tr", { "data-row": name },
        html("th", { scope: "row" }, name),
        html("td", {}, bar("naive", theirs[state.show], most, 0), bar("module", ours[state.show], most, ours.share)),
        html("td", { class: "inc-out" }, `${theirs.channels} → ${ours.channels}`));
      body.replaceChildren(
        html("tr", {}, html("th", { scope: "col" }, "branch"),
          html("th", { scope: "col", class: "inc-left" }, state.show === "macs" ? "MACs" : "parameters"),
          html("th", { scope: "col" }, "channels out, naive → here")),
        ...BRANCHES.map((name) => row(name, mine[name], naive[name])), row("total", all.mine, all.naive));
      const name = state.preset === "own" ? "Your module" : `Module ${state.preset} of GoogLeNet`;
      const change = 1 - all.mine.parameters / all.naive.parameters;
      say(`${name}: ${whole(all.mine.parameters)} parameters, ${millions(all.mine.macs)} MACs, `
        + `${all.mine.channels} channels out. Naive: ${whole(all.naive.parameters)} parameters, `
        + `${millions(all.naive.macs)} MACs, ${all.naive.channels} channels out. The reductions `
        + `${change >= 0 ? "save" : "add"} ${number(100 * Math.abs(change), 0)} % of the parameters.`);
    }

    const fields = {}; // name -> slider
    const own = () => { state.preset = "own"; preset.set("own"); };
    const field = (label, max, get, put) => {
      const made = slider({
        label, min: 8, max, step: 8, value: get(), format: String,
        oninput: (value) => { put(value); own(); draw(); },
      });
      fields[label] = { ...made, get };
      return made.element;
    };
    const sizes = [7, 14, 28, 56];
    const preset = choice({
      label: "start from", value: state.preset,
      options: [...presets.map((p) => [p.name, `${p.name} of GoogLeNet`]), ["own", "your own"]],
      onchange: (name) => { if (name !== "own") Object.assign(state, settings(name)); state.preset = name; follow(); draw(); },
    });
    const size = choice({
      label: "maps of", value: String(state.size), options: sizes.map((n) => [String(n), `${n}×${n}`]),
      onchange: (n) => { state.size = Number(n); own(); draw(); },
    });
    const follow = () => {
      for (const f of Object.values(fields)) f.set(f.get());
      size.set(String(state.size));
    };
    controls.append(
      preset.element, size.element,
      choice({
        label: "5×5 as", value: "5×5", options: [["5×5", "one 5×5"], ["two 3×3", "two 3×3"]],
        onchange: (kind) => { state.kind = kind; draw(); },
      }).element,
      choice({
        label: "show", value: "parameters", options: [["parameters", "parameters"], ["macs", "MACs"]],
        onchange: (show) => { state.show = show; draw(); },
      }).element,
      field("channels in", 1024, () => state.from, (v) => { state.from = v; }),
      field("1×1", 512, () => state.one, (v) => { state.one = v; }),
      field("3×3: reduce to", 512, () => state.three[0], (v) => { state.three[0] = v; }),
      field("3×3: out", 512, () => state.three[1], (v) => { state.three[1] = v; }),
      field("5×5: reduce to", 256, () => state.five[0], (v) => { state.five[0] = v; }),
      field("5×5: out", 256, () => state.five[1], (v) => { state.five[1] = v; }),
      field("behind the pool", 256, () => state.pool, (v) => { state.pool = v; }),
    );
    root.explorer = {
      state: () => ({ ...state, module: moduleBudget(state), naive: naiveBudget(state) }),
    };
    draw();
    return () => root.remove();
  },
};
