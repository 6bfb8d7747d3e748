// Every layer of a ResNet. Shapes and costs are those of ResNet and ResidualUnit in
// utils/resnet.py, counted as by layer_table in utils/counting.py; the parameters of a
// convolution have those of the batch normalisation behind it in them.

import { centred, label } from "./chart.js";
import { button, choice, explorer, fields, html, number, redraw, svg, table, thousands } from "./common.js";
import { total } from "./maths.js";

const WIDTHS = [64, 128, 256, 512];
const CLASSES = 1000;

function convLayer(name, from, channels, kernel, stride, before) {
  const size = Math.ceil(before / stride); // the padding is kernel // 2
  const weights = from * channels * kernel ** 2;
  const costs = { parameters: weights + 2 * channels, macs: weights * size ** 2 };
  return { name, from, channels, kernel, stride, size, ...costs };
}

// A unit of `width` maps on `from` maps of `before`². Its shortcut is "identity", "zeros",
// "projection" or, in a plain net, "none".
function makeUnit(name, from, width, stride, before, { bottleneck, residual, shortcut, strideAt }) {
  const [first, second] = strideAt === "1x1" ? [stride, 1] : [1, stride];
  const plan = bottleneck ? [[width, 1, first], [width, 3, second], [4 * width, 1, 1]]
    : [[width, 3, stride], [width, 3, 1]];
  const layers = [];
  let into = from, size = before;
  plan.forEach(([channels, kernel, step], k) => {
    layers.push(convLayer(`${name}.conv${k + 1}`, into, channels, kernel, step, size));
    [into, size] = [channels, layers.at(-1).size];
  });
  const keeps = stride === 1 && from === into;
  const projects = residual && (shortcut === "C" || (shortcut === "B" && !keeps));
  const kind = !residual ? "none" : projects ? "projection" : keeps ? "identity" : "zeros";
  const main = [...layers];
  if (projects) layers.push(convLayer(`${name}.downsample`, from, into, 1, stride, before));
  return { name, from, before, stride, keeps, kind, main, layers, channels: into, size, ...sums(layers) };
}

const sums = (layers) => ({ parameters: total(layers, "parameters"), macs: total(layers, "macs") });

// All layers of a net, its units, and the totals.
function makeNet([blocks, bottleneck, residual], size, options) {
  const conv1 = convLayer("conv1", 3, 64, 7, 2, size);
  const free = { parameters: 0, macs: 0 };
  const half = Math.ceil(conv1.size / 2);
  const pool = { name: "max pool", from: 64, channels: 64, kernel: 3, stride: 2, size: half, ...free };
  const units = [];
  let channels = 64, now = pool.size;
  blocks.forEach((count, k) => {
    for (let i = 0; i < count; i++) {
      const stride = k > 0 && i === 0 ? 2 : 1;
      const kind = { bottleneck, residual, ...options };
      const unit = makeUnit(`layer${k + 1}.${i}`, channels, WIDTHS[k], stride, now, kind);
      units.push({ ...unit, stage: k, index: i });
      [channels, now] = [unit.channels, unit.size];
    }
  });
  const end = { from: channels, stride: null, size: 1 };
  const mean = { name: "average", ...end, channels, kernel: now, ...free };
  const costs = { parameters: (channels + 1) * CLASSES, macs: channels * CLASSES };
  const fc = { name: "fc", ...end, channels: CLASSES, kernel: null, ...costs };
  const layers = [conv1, pool, ...units.flatMap((unit) => unit.layers), mean, fc];
  return {
    stem: [conv1, pool], units, head: [mean, fc], layers,
    depth: 2 + units.flatMap((unit) => unit.main).length,
    shortcuts: sums(units.flatMap((unit) => unit.layers.slice(unit.main.length))), ...sums(layers),
  };
}

// Neighbours that are alike in all but their names, together.
function groupUnits(units) {
  const plan = (layers) => layers.map((l) => [l.from, l.channels, l.kernel, l.stride]);
  const look = (unit) => JSON.stringify([unit.stage, unit.kind, plan(unit.layers)]);
  const groups = [];
  for (const unit of units) {
    if (groups.length && look(groups.at(-1)[0]) === look(unit)) groups.at(-1).push(unit);
    else groups.push([unit]);
  }
  return groups;
}

// In millions, with one digit behind the point up to 10,000.
const mega = (value) => thousands(value / 1e6, 0 < value && value < 1e10 ? 1 : 0);
const millions = (value) => `${mega(value)}\u00a0M`;
const giga = (value) => `${number(value / 1e9, 3)}\u00a0G`;
const share = (part, whole) => `${number((100 * part) / whole, 1)}\u00a0%`;
const maps = ({ channels, size }) => (size === 1 ? thousands(channels) : `${channels}\u2009×\u2009${size}²`);
const kernel = ({ kernel: side, stride }) => `${side}×${side}${stride > 1 ? `\u202f/\u202f${stride}` : ""}`;
const title = (name) => (name.startsWith("plain") ? `plain-${name.slice(5)}` : `ResNet-${name.slice(6)}`);

// A notebook keeps the nets by name; the menu has them by depth, a plain one behind its twin.
const byDepth = (a, b) => [a, b].map((name) => Number(name.match(/\d+/)[0]) + name.startsWith("plain") / 2)
  .reduce((x, y) => x - y);

// ---------------------------------------------------------------- a unit as a picture

const MIDDLE = 108; // of the main path
const WIDEST = 208;
const ASIDE = 284; // of the shortcut

// What adds x to F(x), in words and as the lines of a box (none: a bare line).
function shortcutOf(unit) {
  const { from, before, channels, size, stride } = unit;
  const target = `${channels} maps of ${size}²`;
  const why = unit.keeps ? "F(x) has the shape of x already." : `x is ${from} maps of ${before}², F(x) ${target}.`;
  if (unit.kind === "none") return { lines: [], words: "h(x) = ReLU(F(x)): a plain unit, without a shortcut." };
  if (unit.kind === "identity") {
    return { lines: [], words: `h(x) = ReLU(x + F(x)). ${why} The shortcut is the identity, and costs nothing.` };
  }
  const sum = "h(x) = ReLU(S(x) + F(x)).";
  if (unit.kind === "zeros") {
    const added = channels - from;
    const [thinned, taken] = stride > 1 ? [["every 2nd pixel"], "every second row and column of x"] : [[], "x"];
    return {
      lines: [...thinned, `+ ${added} zero maps`],
      words: `${sum} ${why} The shortcut S takes ${taken} and appends ${added} maps of zeros. It costs nothing.`,
    };
  }
  const layer = unit.layers.at(-1);
  return {
    lines: [kernel(layer), `${from} → ${channels}`, "BN"],
    words: `${sum} ${why} The shortcut S projects x by a 1×1 convolution${stride > 1 ? ` with stride ${stride}` : ""}: `
      + `${thousands(layer.parameters)} parameters, ${millions(layer.macs)} MACs.`,
  };
}

// The unit as a diagram, and in words. `count` units in a row are like it.
function drawUnit(unit, name, count) {
  const words = (x, y, text, attributes) => centred(x, y, text, { "font-size": 13, ...attributes });
  const note = (y, text) => label(MIDDLE + 9, y, text);
  const pen = (color) => ({ stroke: `var(--ex-${color})`, "stroke-width": 1.5 });
  const path = (d, attributes) => svg("path", { d, fill: "none", ...pen("fg"), ...attributes });
  const arrow = (from, to) => [path(`M${MIDDLE},${from}V${to}`),
    path(`M${MIDDLE - 4},${to - 6}L${MIDDLE},${to}L${MIDDLE + 4},${to - 6}`)];
  const most = Math.max(unit.from, ...unit.main.map((layer) => layer.channels));
  const half = (channels) => (WIDEST / 2) * Math.cbrt(channels / most); // in between is room for words
  const parts = [words(MIDDLE, 14, `x: ${unit.from} × ${unit.before}²`)];
  const fork = 30;
  let y = 46;
  parts.push(...arrow(20, y));
  unit.main.forEach((layer, k) => {
    const [a, b] = [half(layer.from), half(layer.channels)];
    parts.push(
      svg("polygon", {
        points: `${MIDDLE - a},${y} ${MIDDLE + a},${y} ${MIDDLE + b},${y + 34} ${MIDDLE - b},${y + 34}`,
        fill: "var(--ex-blue-soft)", ...pen("blue"), "stroke-linejoin": "round",
      }),
      words(MIDDLE, y + 22, `${kernel(layer)}, ${layer.from} → ${layer.channels}`),
    );
    y += 34;
    const added = k === unit.main.length - 1 && unit.kind !== "none";
    parts.push(...arrow(y, y + 26), note(y + 16, added ? "BN" : "BN, ReLU"));
    y += 26;
  });
  const { lines, words: sentence } = shortcutOf(unit);
  if (unit.kind !== "none") {
    const line = { stroke: "var(--ex-orange)", "stroke-width": 2.5 };
    const center = y + 11;
    parts.push(
      path(`M${MIDDLE},${fork}H${ASIDE}V${center}H${MIDDLE + 11}`, line),
      path(`M${MIDDLE + 18},${center - 5}L${MIDDLE + 12},${center}L${MIDDLE + 18},${center + 5}`, line),
      svg("circle", { cx: MIDDLE, cy: fork, r: 3, fill: "var(--ex-orange)" }),
      svg("circle", { cx: MIDDLE, cy: center, r: 11, fill: "var(--ex-bg)", ...pen("fg") }),
      path(`M${MIDDLE - 6},${center}H${MIDDLE + 6}M${MIDDLE},${center - 6}V${center + 6}`),
    );
    const middle = (fork + center) / 2;
    if (lines.length) {
      const tall = 17 * lines.length + 10;
      const box = { x: ASIDE - 62, y: middle - tall / 2, width: 124, height: tall, rx: 3 };
      const dashed = unit.kind === "zeros" ? "5 3" : null;
      parts.push(
        svg("rect", { ...box, fill: "var(--ex-panel)" }),
        svg("rect", { ...box, fill: "var(--ex-orange-soft)", ...pen("orange"), "stroke-dasharray": dashed }),
        ...lines.map((text, k) => words(ASIDE, middle - tall / 2 + 18 + 17 * k, text)),
      );
    } else parts.push(words(ASIDE - 8, middle + 4, "identity", { "text-anchor": "end" }));
    parts.push(...arrow(y + 22, y + 48), note(y + 38, "ReLU"));
    y += 48;
  }
  parts.push(words(MIDDLE, y + 15, `h(x): ${unit.channels} × ${unit.size}²`));
  const about = { viewBox: `0 0 352 ${y + 22}`, role: "img", "aria-label": `Diagram of ${unit.name}` };
  const canvas = svg("svg", about, parts);
  const each = count > 1
    ? ` Each of the ${count} has ${thousands(unit.parameters)} parameters and ${millions(unit.macs)} MACs.` : "";
  return html("div", { class: "rl-unit" }, canvas, html("p", {}, html("b", {}, name), `: ${sentence}${each}`));
}

// ---------------------------------------------------------------- the explorer

export default explorer("Every layer of ResNet-18 to ResNet-152", ({
  model, root, controls, stage, text, say, reset,
}) => {
  root.classList.add("resnet-layers");
  stage.before(controls, text); // the column below may be long
  const nets = model.get("nets");
  const first = { selected: "layer1.0", open: [] };
  const state = { net: model.get("start"), shortcut: "B", strideAt: "1x1", size: 224, ...first };
  const net = () => makeNet(nets[state.net], state.size, state);

  const { element, body } = table(["layer", "maps out", "kernel / stride", "parameters", "MACs (M)"],
    ["name", "maps", "kernels", "parameters", "macs"].map((name) => `rl-col-${name}`));
  stage.append(html("div", { class: "ex-scroll" }, element));

  function numbers(costs, most) {
    const line = (key) => html("span", { class: "rl-bar", style: `width: ${(100 * costs[key]) / most[key]}%` });
    const cell = (key, format) => html("td", { "data-cost": key }, format(costs[key]),
      most && costs[key] ? line(key) : null);
    return [cell("parameters", thousands), cell("macs", mega)];
  }

  function layerRow(layer, kind, most) {
    const side = layer.kernel === null ? "" : `${layer.kernel}×${layer.kernel}`;
    const step = layer.stride === null ? "" : ` / ${layer.stride}`;
    return html("tr", { class: `rl-${kind}`, "data-layer": layer.name },
      html("th", { scope: "row" }, kind === "layer" ? layer.name.split(".").at(-1) : layer.name),
      html("td", {}, maps(layer)), html("td", {}, side, step), ...numbers(layer, most));
  }

  function unitRows(units, key, folds, most) {
    const [unit] = units;
    const chosen = units.some((u) => u.name === state.selected);
    const name = units.length > 1 ? `${unit.name}–${units.at(-1).index}` : unit.name;
    const buttons = [button(name, () => { state.selected = chosen ? null : unit.name; draw(); }, {
      class: "rl-pick", "data-key": unit.name, "aria-expanded": String(chosen),
    })];
    if (folds) {
      const open = state.open.includes(key);
      buttons.push(button(`× ${folds}`, () => {
        state.open = open ? state.open.filter((k) => k !== key) : [...state.open, key];
        draw();
      }, {
        class: "rl-fold", "data-key": `fold ${key}`, "aria-expanded": String(open),
        "aria-label": `× ${folds} units alike`,
      }));
    }
    const side = { projection: () => `+ ${kernel(unit.layers.at(-1))}`, zeros: () => "+ zeros" }[unit.kind];
    const row = html("tr", {
      class: `${unit.index === 0 ? "rl-stage" : ""} ${chosen ? "rl-open" : ""}`,
      "data-unit": unit.name, "data-count": units.length,
    },
    html("th", { scope: "row" }, html("div", { class: "rl-name" }, buttons)), html("td", {}, maps(unit)),
    html("td", { class: "rl-kernels" }, unit.main.map(kernel).join(", "),
      side ? [" ", html("span", { class: "rl-shortcut" }, side())] : null),
    ...numbers(sums(units), most));
    if (!chosen) return [row];
    return [row, ...unit.layers.map((layer) => layerRow(layer, "layer")),
      html("tr", { class: "rl-detail" }, html("td", { colspan: 5 }, drawUnit(unit, name, units.length)))];
  }

  function draw() {
    const now = net();
    const shown = groupUnits(now.units).flatMap((units) => {
      const key = units[0].name;
      if (units.length === 1) return [{ units, key }];
      if (!state.open.includes(key)) return [{ units, key, folds: units.length }];
      return units.map((unit, k) => ({ units: [unit], key, folds: k === 0 ? units.length : 0 }));
    });
    const costs = [...now.stem, ...now.head, ...shown.map(({ units }) => sums(units))];
    const highest = (key) => Math.max(...costs.map((c) => c[key]));
    const most = { parameters: highest("parameters"), macs: highest("macs") };
    redraw(body, [
      ...now.stem.map((layer) => layerRow(layer, "stem", most)),
      ...shown.flatMap(({ units, key, folds }) => unitRows(units, key, folds, most)),
      ...now.head.map((layer, k) => layerRow(layer, k ? "fc" : "stage", most)),
      html("tr", { class: "rl-total" },
        html("th", { scope: "row" }, "total"), html("td"), html("td"), ...numbers(now)),
    ], false); // what is above may have become shorter or longer: scroll to the focus
    const { shortcuts } = now;
    const side = !nets[state.net][2] ? "It has no shortcuts."
      : !shortcuts.parameters ? "Its shortcuts cost nothing."
        : `Projections have ${share(shortcuts.parameters, now.parameters)} of the parameters `
          + `and ${share(shortcuts.macs, now.macs)} of the MACs.`;
    say(`${title(state.net)} at ${state.size}×${state.size}: ${now.depth} layers with weights, `
      + `${thousands(now.parameters)} parameters, ${giga(now.macs)} MACs. ${side}`);
  }

  function disable() {
    const [, bottleneck, residual] = nets[state.net];
    shortcut.input.disabled = !residual;
    strideAt.input.disabled = !bottleneck;
  }

  const field = fields(state, draw);
  const shortcut = field.choice("shortcut", {
    label: "shortcuts",
    options: [["A", "A: zeros"], ["B", "B: projection where needed"], ["C", "C: projection in all"]],
  });
  const strideAt = field.choice("strideAt", {
    label: "stride in the", options: [["1x1", "1×1 (paper)"], ["3x3", "3×3 (zoo)"]],
  });
  controls.append(
    choice({
      label: "net", value: state.net, options: Object.keys(nets).sort(byDepth).map((name) => [name, title(name)]),
      onchange: (name) => { Object.assign(state, { net: name, ...first }); disable(); draw(); },
    }),
    shortcut, strideAt,
    field.slider("size", { label: "image", min: 64, max: 448, step: 32, format: (n) => `${n}×${n}` }), reset,
  );
  root.explorer = { state: () => ({ ...state, ...net() }) };
  disable();
  draw();
});
