// What an Inception module costs. The formulas are those of module_budget and
// naive_budget in utils/inception.py: a chain of convolutions [in, out, kernel] has
// in · out · kernel² weights and out biases each, and multiplies every weight once at
// each place of the maps.

import { choice, explorer, fields, html, number, thousands } from "./common.js";
import { sum, total } from "./maths.js";

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

const budget = (chains, size, channels) =>
  Object.fromEntries(BRANCHES.map((name, k) => [name, cost(chains[k], size, channels[k])]));

function moduleBudget({ from, size, one, three, five, pool, kind }) {
  const large = kind === "5×5" ? [[...five, 5]] : [[...five, 3], [five[1], five[1], 3]];
  const small = [[from, three[0], 1], [...three, 3]];
  return budget([[[from, one, 1]], small, [[from, five[0], 1], ...large], [[from, pool, 1]]],
    size, [one, three[1], five[1], pool]);
}

function naiveBudget({ from, size, one, three, five }) {
  return budget([[[from, one, 1]], [[from, three[1], 3]], [[from, five[1], 5]], []],
    size, [one, three[1], five[1], from]);
}

function whole(costs) {
  const all = Object.values(costs);
  const macs = total(all, "macs");
  const reducing = sum(all.map((branch) => branch.share * branch.macs));
  return {
    channels: total(all, "channels"), parameters: total(all, "parameters"), macs, share: macs ? reducing / macs : 0,
  };
}

const inMillions = (value) => `${number(value / 1e6, 1)} million`;

export default explorer("Spend a budget on an Inception module", ({ model, root, controls, stage, say, reset }) => {
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

  const format = (value) => (state.show === "macs" && value >= 1e6 ? `${number(value / 1e6, 1)} M` : thousands(value));

  // A bar whose length is `value` out of `most`, its 1 × 1 part first.
  function bar(kind, value, most, share) {
    const parts = kind === "naive"
      ? [html("span", { class: "inc-naive", style: "width: 100%" })]
      : [html("span", { class: "inc-point", style: `width: ${100 * share}%` }),
        html("span", { class: "inc-large", style: `width: ${100 * (1 - share)}%` })];
    return html("div", { class: "inc-line", "data-kind": kind },
      html("span", { class: "ex-hidden" }, `${kind}: `),
      html("span", { class: "inc-bar", style: `width: calc(var(--inc-room) * ${value / most})` }, value ? parts : []),
      html("span", { class: "inc-number" }, format(value)),
      kind === "module" && value
        ? html("span", { class: "ex-hidden" }, `, ${number(100 * share, 0)} % of it in 1×1`) : null);
  }

  function draw() {
    const mine = moduleBudget(state), naive = naiveBudget(state);
    const all = { mine: whole(mine), naive: whole(naive) };
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
    const published = state.preset !== "own" && state.kind === "5×5";
    const name = published ? `Module ${state.preset} of GoogLeNet` : "Your module";
    const change = 1 - all.mine.parameters / all.naive.parameters;
    say(`${name}: ${thousands(all.mine.parameters)} parameters, ${inMillions(all.mine.macs)} MACs, `
      + `${all.mine.channels} channels out. Naive: ${thousands(all.naive.parameters)} parameters, `
      + `${inMillions(all.naive.macs)} MACs, ${all.naive.channels} channels out. `
      + `The reductions${state.kind === "5×5" ? "" : " and the two 3×3"} `
      + `${change >= 0 ? "save" : "add"} ${number(100 * Math.abs(change), 0)} % of the parameters.`);
  }

  const own = () => { state.preset = "own"; preset.set("own"); draw(); };
  const ways = fields(state, draw);
  // One set of sliders for the numbers of the state, one for each of its two pairs.
  const numbers = fields(state, own), pairs = [fields(state.three, own), fields(state.five, own)];
  const channels = (label, max, key, within = numbers) => within.slider(key, { label, min: 8, max, step: 8 });
  const preset = choice({
    label: "start from", value: state.preset,
    options: [...presets.map((p) => [p.name, `${p.name} of GoogLeNet`]), ["own", "your own"]],
    onchange: (name) => {
      state.preset = name;
      if (name !== "own") {
        const { three, five, ...others } = settings(name);
        Object.assign(state, others);
        Object.assign(state.three, three);
        Object.assign(state.five, five);
      }
      for (const set of [numbers, ...pairs]) set.follow();
      draw();
    },
  });
  controls.append(
    preset, numbers.choice("size", { label: "maps of", options: [7, 14, 28, 56].map((n) => [n, `${n}×${n}`]) }),
    ways.choice("kind", { label: "5×5 as", options: [["5×5", "one 5×5"], "two 3×3"] }),
    ways.choice("show", { options: ["parameters", ["macs", "MACs"]] }),
    channels("channels in", 1024, "from"), channels("1×1", 512, "one"),
    channels("3×3: reduce to", 512, 0, pairs[0]), channels("3×3: out", 512, 1, pairs[0]),
    channels("5×5: reduce to", 256, 0, pairs[1]), channels("5×5: out", 256, 1, pairs[1]),
    channels("after the pool", 256, "pool"), reset,
  );
  root.explorer = {
    state: () => ({ ...state, module: moduleBudget(state), naive: naiveBudget(state) }),
  };
  draw();
});
