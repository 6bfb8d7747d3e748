// Every layer of a ResNet. Shapes and costs are those of ResNet and ResidualUnit in
// utils/resnet.py, counted as by layer_table in utils/counting.py; the parameters of a
// convolution have those of the batch normalisation behind it in them.

import { button, choice, frame, html, number, slider, svg } from "./common.js";

const WIDTHS = [64, 128, 256, 512];
const CLASSES = 1000;

function convLayer(name, from, channels, kernel, stride, before) {
  const size = Math.ceil(before / stride); // the padding is kernel // 2
  const weights = from * channels * kernel ** 2;
  return { name, from, channels, kernel, stride, size, parameters: weights + 2 * channels, macs: weights * size ** 2 };
}

// A unit of `width` maps on `from` maps of `before`². Its shortcut is "identity", "zeros",
// "projection" or, in a plain net, "none".
function makeUnit(name, from, width, stride, before, { bottleneck, residual, shortcut, strideAt }) {
  const [first, second] = strideAt === "1x1" ? [stride, 1] : [1, stride];
  const plan = bottleneck ? [[width, 1, first], [width, 3, second], [4 * width, 1, 1]] : [[width, 3, stride], [width, 3, 1]];
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

function sums(layers) {
  const add = (key) => layers.reduce((sum, layer) => sum + layer[key], 0);
  return { parameters: add("parameters"), macs: add("macs") };
}

// All layers of a net, its units, and the totals.
function makeNet([blocks, bottleneck, residual], size, options) {
  const conv1 = convLayer("conv1", 3, 64, 7, 2, size);
  const pool = { name: "max pool", from: 64, channels: 64, kernel: 3, stride: 2, size: Math.ceil(conv1.size / 2), parameters: 0, macs: 0 };
  const units = [];
  let channels = 64, now = pool.size;
  blocks.forEach((count, k) => {
    for (let i = 0; i < count; i++) {
      const unit = makeUnit(`layer${k + 1}.${i}`, channels, WIDTHS[k], k > 0 && i === 0 ? 2 : 1, now, { bottleneck, residual, ...options });
      units.push({ ...unit, stage: k, index: i });
      [channels, now] = [unit.channels, unit.size];
    }
  });
  const mean = { name: "average", from: channels, channels, kernel: now, stride: null, size: 1, parameters: 0, macs: 0 };
  const fc = { name: "fc", from: channels, channels: CLASSES, kernel: null, stride: null, size: 1, parameters: (channels + 1) * CLASSES, macs: channels * CLASSES };
  const layers = [conv1, pool, ...units.flatMap((unit) => unit.layers), mean, fc];
  return {
    stem: [conv1, pool], units, head: [mean, fc], layers,
    depth: 2 + units.reduce((sum, unit) => sum + unit.main.length, 0),
    shortcuts: sums(units.flatMap((unit) => unit.layers.slice(unit.main.length))), ...sums(layers),
  };
}

// Neighbours that are alike in all but their names, together.
function groupUnits(units) {
  const look = (unit) => JSON.stringify([unit.stage, unit.kind, unit.layers.map((l) => [l.from, l.channels, l.kernel, l.stride])]);
  const groups = [];
  for (const unit of units) {
    if (groups.length && look(groups.at(-1)[0]) === look(unit)) groups.at(-1).push(unit);
    else groups.push([unit]);
  }
  return groups;
}

const thousands = (value) => value.toLocaleString("en-US");
// In millions, with one digit behind the point up to 10,000.
const mega = (value) => {
  const digits = 0 < value && value < 1e10 ? 1 : 0;
  return (value / 1e6).toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
};
const millions = (value) => `${mega(value)}\u00a0M`;
const giga = (value) => `${number(value / 1e9, 3)}\u00a0G`;
const share = (part, whole) => `${number((100 * part) / whole, 1)}\u00a0%`;
const maps = ({ channels, size }) => (size === 1 ? thousands(channels) : `${channels}\u2009×\u2009${size}²`);
const kernel = ({ kernel: side, stride }) => `${side}×${side}${stride > 1 ? `\u202f/\u202f${stride}` : ""}`;
const title = (name) => (name.startsWith("plain") ? `plain-${name.slice(5)}` : `ResNet-${name.slice(6)}`);

// ---------------------------------------------------------------- a unit as a picture

const MIDDLE = 108; // of the main path
const WIDEST = 208;
const ASIDE = 284; // of the shortcut

// What adds x to F(x), in words and as the lines of a box (none: a bare line).
function shortcutOf(unit) {
  const { from, before, channels, size, stride } = unit;
  const target = `${channels} maps of ${size}²`;
  const why = unit.keeps ? "F(x) has the shape of x already." : `x is ${from} maps of ${before}², F(x) ${target}.`;
  if (unit.kind === "none") return { lines: [], words: "h(x) = ReLU(F(x)): a plain unit, without shortcut." };
  if (unit.kind === "identity") return { lines: [], words: `h(x) = ReLU(x + F(x)). ${why} The shortcut is the identity, and costs nothing.` };
  const sum = "h(x) = ReLU(S(x) + F(x)).";
  if (unit.kind === "zeros") {
    const added = channels - from, thinned = stride > 1;
    return {
      lines: [...(thinned ? ["every 2nd pixel"] : []), `+ ${added} zero maps`],
      words: `${sum} ${why} The shortcut S takes ${thinned ? "every second row and column of x" : "x"} and appends ${added} maps of zeros. It costs nothing.`,
    };
  }
  const layer = unit.layers.at(-1);
  return {
    lines: [kernel(layer), `${from} → ${channels}`, "BN"],
    words: `${sum} ${why} The shortcut S projects x by a 1×1 convolution${stride > 1 ? ` with stride ${stride}` : ""}: ${thousands(layer.parameters)} parameters, ${millions(layer.macs)} MACs.`,
  };
}

// The unit as a diagram, and in words. `count` units in a row are like it.
function drawUnit(unit, name, count) {
  const words = (x, y, text, attributes = {}) => svg("text", { x, y, "font-size": 13, "text-anchor": "middle", ...attributes }, text);
  const note = (y, text) => words(MIDDLE + 9, y, text, { "text-anchor": "start", "font-size": 12 });
  const path = (d, attributes = {}) => svg("path", { d, fill: "none", stroke: "var(--ex-fg)", "stroke-width": 1.5, ...attributes });
  const arrow = (from, to) => [path(`M${MIDDLE},${from}V${to}`), path(`M${MIDDLE - 4},${to - 6}L${MIDDLE},${to}L${MIDDLE + 4},${to - 6}`)];
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
        fill: "var(--ex-blue-soft)", stroke: "var(--ex-blue)", "stroke-width": 1.5, "stroke-linejoin": "round",
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
      svg("circle", { cx: MIDDLE, cy: center, r: 11, fill: "var(--ex-bg)", stroke: "var(--ex-fg)", "stroke-width": 1.5 }),
      path(`M${MIDDLE - 6},${center}H${MIDDLE + 6}M${MIDDLE},${center - 6}V${center + 6}`),
    );
    const middle = (fork + center) / 2;
    if (lines.length) {
      const tall = 17 * lines.length + 10;
      const dashed = unit.kind === "zeros" ? "5 3" : null;
      parts.push(
        svg("rect", { x: ASIDE - 62, y: middle - tall / 2, width: 124, height: tall, rx: 3, fill: "var(--ex-panel)" }),
        svg("rect", { x: ASIDE - 62, y: middle - tall / 2, width: 124, height: tall, rx: 3, fill: "var(--ex-orange-soft)", stroke: "var(--ex-orange)", "stroke-width": 1.5, "stroke-dasharray": dashed }),
        ...lines.map((text, k) => words(ASIDE, middle - tall / 2 + 18 + 17 * k, text)),
      );
    } else parts.push(words(ASIDE - 8, middle + 4, "identity", { "text-anchor": "end" }));
    parts.push(...arrow(y + 22, y + 48), note(y + 38, "ReLU"));
    y += 48;
  }
  parts.push(words(MIDDLE, y + 15, `h(x): ${unit.channels} × ${unit.size}²`));
  const canvas = svg("svg", { viewBox: `0 0 352 ${y + 22}`, role: "img", "aria-label": `Diagram of ${unit.name}` }, parts);
  const each = count > 1 ? ` Each of the ${count} has ${thousands(unit.parameters)} parameters and ${millions(unit.macs)} MACs.` : "";
  return html("div", { class: "rl-unit" }, canvas, html("p", {}, html("b", {}, name), `: ${sentence}${each}`));
}

// ---------------------------------------------------------------- the explorer

export default {
  render({ model, el }) {
    const { root, controls, stage, text, say } = frame(el, "Every layer of ResNet-18 to ResNet-152");
    root.classList.add("resnet-layers");
    stage.before(controls, text); // the column below may be long
    const nets = model.get("nets");
    const state = { net: model.get("start"), shortcut: "B", strideAt: "1x1", size: 224, selected: "layer1.0", open: [] };
    const net = () => makeNet(nets[state.net], state.size, { shortcut: state.shortcut, strideAt: state.strideAt });

    const body = html("tbody", {});
    const columns = ["name", "maps", "kernels", "parameters", "macs"].map((name) => html("col", { class: `rl-col-${name}` }));
    const head = ["layer", "maps out", "kernel / stride", "parameters", "MACs (M)"].map((words) => html("th", { scope: "col" }, words));
    stage.append(html("div", { class: "ex-scroll" }, html("table", {}, html("colgroup", {}, columns), html("thead", {}, html("tr", {}, head)), body)));

    function numbers(costs, most) {
      const cell = (key, format) => html("td", { "data-cost": key }, format(costs[key]),
        most && costs[key] ? html("span", { class: "rl-bar", style: `width: ${(100 * costs[key]) / most[key]}%` }) : null);
      return [cell("parameters", thousands), cell("macs", mega)];
    }

    function layerRow(layer, kind, most) {
      const window = layer.kernel === null ? "" : layer.stride === null ? `${layer.kernel}×${layer.kernel}` : `${layer.kernel}×${layer.kernel} / ${layer.stride}`;
      return html("tr", { class: `rl-${kind}`, "data-layer": layer.name },
        html("th", { scope: "row" }, kind === "layer" ? layer.name.split(".").at(-1) : layer.name),
        html("td", {}, maps(layer)), html("td", {}, window), ...numbers(layer, most));
    }

    function unitRows(units, key, folds, most) {
      const [unit] = units;
      const chosen = units.some((u) => u.name === state.selected);
      const costs = { parameters: units.length * unit.parameters, macs: units.length * unit.macs };
      const name = units.length > 1 ? `${unit.name}–${units.at(-1).index}` : unit.name;
      const buttons = [button(name, () => { state.selected = chosen ? null : unit.name; draw(); }, {
        class: "rl-pick", "data-key": unit.name, "aria-expanded": String(chosen),
      })];
      if (folds) {
        const open = state.open.includes(key);
        buttons.push(button(`× ${folds}`, () => {
          state.open = open ? state.open.filter((k) => k !== key) : [...state.open, key];
          draw();
        }, { class: "rl-fold", "data-key": `fold ${key}`, "aria-expanded": String(open), "aria-label": `× ${folds} units alike` }));
      }
      const side = { projection: () => `+ ${kernel(unit.layers.at(-1))}`, zeros: () => "+ zeros" }[unit.kind];
      const row = html("tr", { class: `${unit.index === 0 ? "rl-stage" : ""} ${chosen ? "rl-open" : ""}`, "data-unit": unit.name, "data-count": units.length },
        html("th", { scope: "row" }, html("div", { class: "rl-name" }, buttons)), html("td", {}, maps(unit)),
        html("td", { class: "rl-kernels" }, unit.main.map(kernel).join(", "), side ? [" ", html("span", { class: "rl-shortcut" }, side())] : null),
        ...numbers(costs, most));
      if (!chosen) return [row];
      return [row, ...unit.layers.map((layer) => layerRow(layer, "layer")),
        html("tr", { class: "rl-detail" }, html("td", { colspan: 5 }, drawUnit(unit, name, units.length)))];
    }

    function draw() {
      const now = net();
      const focused = body.contains(document.activeElement) ? document.activeElement.dataset.key : null;
      const shown = groupUnits(now.units).flatMap((units) => {
        const key = units[0].name;
        if (units.length === 1) return [{ units, key }];
        if (!state.open.includes(key)) return [{ units, key, folds: units.length }];
        return units.map((unit, k) => ({ units: [unit], key, folds: k === 0 ? units.length : 0 }));
      });
      const costs = [...now.stem, ...now.head, ...shown.map(({ units }) => ({ parameters: units.length * units[0].parameters, macs: units.length * units[0].macs }))];
      const most = { parameters: Math.max(...costs.map((c) => c.parameters)), macs: Math.max(...costs.map((c) => c.macs)) };
      body.replaceChildren(
        ...now.stem.map((layer) => layerRow(layer, "stem", most)),
        ...shown.flatMap(({ units, key, folds }) => unitRows(units, key, folds, most)),
        ...now.head.map((layer, k) => layerRow(layer, k ? "fc" : "stage", most)),
        html("tr", { class: "rl-total" }, html("th", { scope: "row" }, "total"), html("td"), html("td"), ...numbers(now)),
      );
      if (focused) body.querySelector(`[data-key="${focused}"]`)?.focus(); // where what is above has become shorter or longer
      const side = now.shortcuts.parameters
        ? `Projections have ${share(now.shortcuts.parameters, now.parameters)} of the parameters and ${share(now.shortcuts.macs, now.macs)} of the MACs.`
        : nets[state.net][2] ? "Its shortcuts cost nothing." : "It has no shortcuts.";
      say(`${title(state.net)} at ${state.size}×${state.size}: ${now.depth} layers with weights, ${thousands(now.parameters)} parameters, ${giga(now.macs)} MACs. ${side}`);
    }

    function follow() {
      const [, bottleneck, residual] = nets[state.net];
      shortcut.input.disabled = !residual;
      strideAt.input.disabled = !bottleneck;
    }

    const shortcut = choice({
      label: "shortcuts", value: state.shortcut,
      options: [["A", "A: zeros"], ["B", "B: projection where needed"], ["C", "C: projection in all"]],
      onchange: (value) => { state.shortcut = value; draw(); },
    });
    const strideAt = choice({
      label: "stride in the", value: state.strideAt, options: [["1x1", "1×1 (paper)"], ["3x3", "3×3 (zoo)"]],
      onchange: (value) => { state.strideAt = value; draw(); },
    });
    controls.append(
      choice({
        label: "net", value: state.net, options: Object.keys(nets).map((name) => [name, title(name)]),
        onchange: (name) => { Object.assign(state, { net: name, open: [], selected: "layer1.0" }); follow(); draw(); },
      }).element,
      shortcut.element, strideAt.element,
      slider({
        label: "image", min: 64, max: 448, step: 32, value: state.size, format: (n) => `${n}×${n}`,
        oninput: (n) => { state.size = n; draw(); },
      }).element,
    );
    root.explorer = { state: () => ({ ...state, ...net() }) };
    follow();
    draw();
    return () => root.remove();
  },
};
