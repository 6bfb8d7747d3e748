// Walk along the shapes of AlexNet. The formulas are those of `walk` in
// utils/alexnet.py: a window of k × k every s places on a padded map, rounded down.

import { button, choice, frame, html, set, slider, svg } from "./common.js";

// One step a layer, up to the first that cannot be: { steps, error }.
function walkShapes(layers, size, channels = 3) {
  const steps = [];
  for (const layer of layers) {
    const { name, stride, padding, groups } = layer;
    const kernel = layer.kernel_size ?? size;
    const through = size + 2 * padding - kernel;
    if (through < 0) {
      return { steps, error: `${name}: kernel (${kernel}) is larger than the padded input (${size + 2 * padding})` };
    }
    const pooling = layer.channels === null;
    const maps = pooling ? channels : layer.channels;
    if (!pooling && (channels % groups || maps % groups)) {
      return { steps, error: `${name}: groups (${groups}) must divide the channels that come in (${channels}) and go out (${maps})` };
    }
    const after = Math.floor(through / stride) + 1;
    const weights = pooling ? 0 : maps * (channels / groups) * kernel ** 2;
    steps.push({
      name, channels: maps, size: after, quotient: through / stride + 1, lost: through % stride,
      parameters: pooling ? 0 : weights + maps, macs: weights * after ** 2,
      kernel, before: size, into: channels,
    });
    [size, channels] = [after, maps];
  }
  return { steps, error: null };
}

const thousands = (value) => value.toLocaleString("en-US");
// 55.25, 54.333: as many digits as it needs, three at most.
const quotient = (value) => String(Math.round(value * 1000) / 1000);
const several = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

export default {
  render({ model, el }) {
    const { root, controls, stage, say } = frame(el, "Walk along the shapes of AlexNet");
    root.classList.add("alexnet");
    const presets = model.get("presets");
    const state = { preset: 0, size: 0, layers: [], selected: 0 };

    function take(preset) {
      const [, size, layers] = presets[preset];
      Object.assign(state, { preset, size, layers: layers.map((layer) => ({ ...layer })) });
    }
    take(0);

    const picture = svg("svg", { viewBox: "0 0 720 96", "aria-hidden": "true" });
    const rows = html("tbody", {});
    const table = html("table", {},
      html("thead", {}, html("tr", {},
        ["layer", "maps", "parameters", "MACs"].map((words) => html("th", { scope: "col" }, words)))),
      rows);
    stage.append(picture, html("div", { class: "ex-scroll" }, table));
    const names = state.layers.map((layer, k) => button(layer.name, () => { state.selected = k; draw(); }, {
      "aria-label": `Select ${layer.name}`,
    }));

    // What the sliders below the table change, for each kind of layer.
    const settings = html("div", { class: "alexnet-settings" });
    const LIMITS = {
      conv: { kernel_size: [1, 13], stride: [1, 6], padding: [0, 6], channels: [16, 512, 16] },
      pool: { kernel_size: [2, 5], stride: [1, 4], padding: [0, 1] },
      full: { channels: [8, 8192, 8] },
    };
    const LABELS = { kernel_size: "kernel", stride: "stride", padding: "padding", channels: "maps" };
    const kind = (layer) => (layer.channels === null ? "pool" : layer.kernel_size === null ? "full" : "conv");

    function edited() { state.preset = null; preset.set("own"); draw(); }

    function showSettings() {
      const layer = state.layers[state.selected];
      const type = kind(layer);
      const made = Object.entries(LIMITS[type]).map(([key, [min, max, step = 1]]) => slider({
        label: type === "full" ? "neurons" : LABELS[key], min, max, step, value: layer[key], format: thousands,
        oninput: (value) => { layer[key] = value; edited(); },
      }).element);
      if (type === "conv") {
        made.push(choice({
          label: "groups", value: String(layer.groups), options: [["1", "1"], ["2", "2"], ["4", "4"]],
          onchange: (value) => { layer.groups = Number(value); edited(); },
        }).element);
      }
      settings.replaceChildren(html("b", {}, layer.name), ...made);
      settings.dataset.layer = layer.name;
    }

    function drawPicture(steps) {
      const shown = [{ name: "image", size: state.size, channels: 3 }, ...steps];
      const count = state.layers.length + 1;
      const most = Math.max(...shown.slice(1).map((s) => s.size), 1);
      const parts = shown.map((s, k) => {
        const side = Math.max(3, Math.min(56, 52 * s.size / most));
        const x = (k + 0.5) * 720 / count;
        const chosen = k === state.selected + 1;
        const fill = k === 0 ? "none" : s.lost ? "var(--ex-orange)" : s.parameters ? "var(--ex-blue)" : "var(--ex-muted)";
        const square = svg("rect", {
          x: x - side / 2, y: 74 - side, width: side, height: side, fill,
          stroke: chosen ? "var(--ex-focus)" : k === 0 ? "var(--ex-muted)" : "none", "stroke-width": chosen ? 3 : 1,
        });
        if (k) {
          square.style.cursor = "pointer";
          square.addEventListener("click", () => { state.selected = k - 1; draw(); });
        }
        return [square,
          svg("text", { x, y: 90, "text-anchor": "middle", "font-size": 12 }, s.name),
          svg("text", { x, y: 70 - side, "text-anchor": "middle", "font-size": 12 }, String(s.size))];
      });
      picture.replaceChildren(...parts.flat());
    }

    function drawTable(steps, error) {
      const focused = names.indexOf(document.activeElement); // moving it takes the focus away
      const cell = (...content) => html("td", {}, ...content);
      const lines = state.layers.map((layer, k) => {
        const s = steps[k];
        const name = html("th", { scope: "row" }, names[k]);
        set(names[k], { "aria-pressed": String(k === state.selected) });
        if (!s) {
          const words = k === steps.length ? "does not fit" : "–";
          return html("tr", { class: k === steps.length ? "alexnet-error" : null }, name, cell(words), cell("–"), cell("–"));
        }
        const maps = s.size === 1 && kind(layer) === "full" ? thousands(s.channels) : `${s.channels} × ${s.size}²`;
        const rounded = s.lost ? html("small", {}, `${quotient(s.quotient)} → ${s.size}`) : null;
        return html("tr", { class: s.lost ? "alexnet-lost" : null },
          name, cell(rounded, rounded ? " " : "", maps), cell(thousands(s.parameters)), cell(thousands(s.macs)));
      });
      const sum = (key) => (error ? "–" : thousands(steps.reduce((total, s) => total + s[key], 0)));
      lines.push(html("tr", { class: "alexnet-total" },
        html("th", { scope: "row" }, "total"), cell(), cell(sum("parameters")), cell(sum("macs"))));
      rows.replaceChildren(...lines);
      if (focused >= 0) names[focused].focus({ preventScroll: true });
    }

    function describe(steps, error) {
      const layer = state.layers[state.selected];
      const s = steps[state.selected];
      const first = steps.find((step) => step.lost);
      if (!s) {
        say(`${error[0].toUpperCase()}${error.slice(1)}: from there on there is no network.`);
        return;
      }
      const { name, stride, padding, groups } = layer;
      let words;
      if (kind(layer) === "full") {
        words = `${name}: ${s.into} · ${s.kernel}² = ${thousands(s.into * s.kernel ** 2)} inputs for each of ${thousands(s.channels)} neurons.`;
      } else {
        const ratio = (s.before + 2 * padding - s.kernel) / stride;
        const whole = Number.isInteger(ratio) ? quotient(ratio) : `⌊${quotient(ratio)}⌋`;
        words = `${name}: ⌊(${s.before} + 2·${padding} − ${s.kernel}) / ${stride}⌋ + 1 = ${whole} + 1 = ${s.size}.`;
        if (s.lost) {
          const pixels = Math.max(0, s.lost - padding);
          const whose = pixels === 0 ? "zeros of the padding" : pixels < s.lost ? `${pixels} of them of the map, not of the padding` : "of the map itself";
          words += ` No window sees the last ${several(s.lost, "row")} and ${several(s.lost, "column")}: ${whose}.`;
        }
        if (s.parameters) {
          words += ` Each kernel has ${s.into / groups}·${s.kernel}² weights${groups > 1 ? `, for one of ${groups} groups` : ""}.`;
        }
      }
      if (error) words += ` But ${error}.`;
      else if (first && !s.lost) words += ` (${first.name} does not divide evenly.)`;
      say(words);
    }

    function draw() {
      const { steps, error } = walkShapes(state.layers, state.size);
      drawPicture(steps);
      drawTable(steps, error);
      if (settings.dataset.layer !== state.layers[state.selected].name) showSettings();
      describe(steps, error);
    }

    const size = slider({
      label: "image", min: 32, max: 288, step: 1, value: state.size, format: String,
      oninput: (value) => { state.size = value; edited(); },
    });
    const preset = choice({
      label: "settings", value: "0",
      options: [...presets.map(([label], k) => [String(k), label]), ["own", "your own"]],
      onchange: (value) => {
        if (value === "own") { state.preset = null; return; }
        take(Number(value));
        size.set(state.size);
        showSettings();
        draw();
      },
    });
    controls.append(preset.element, size.element, settings);
    root.explorer = { state: () => ({ ...state, ...walkShapes(state.layers, state.size) }) };
    draw();
    return () => root.remove();
  },
};
