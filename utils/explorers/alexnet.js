// Walk along the shapes of AlexNet. The formulas are those of `walk` in
// utils/alexnet.py: a window of k × k every s places on a padded map, rounded down.

import { centred } from "./chart.js";
import { button, choice, explorer, fields, html, number, plural, redraw, svg, table, thousands } from "./common.js";
import { total } from "./maths.js";

// One step a layer, up to the first that cannot be: { steps, error }.
function walkShapes(layers, size, channels = 3) {
  const steps = [];
  for (const layer of layers) {
    const { name, stride, padding, groups } = layer;
    const kernel = layer.kernel_size ?? size;
    const through = size + 2 * padding - kernel;
    if (through < 0) {
      const padded = size + 2 * padding;
      return { steps, error: `${name}: kernel (${kernel}) is larger than the padded input (${padded})` };
    }
    const pooling = layer.channels === null;
    const maps = pooling ? channels : layer.channels;
    if (!pooling && (channels % groups || maps % groups)) {
      const both = `channels that come in (${channels}) and go out (${maps})`;
      return { steps, error: `${name}: groups (${groups}) must divide the ${both}` };
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

// 55.25, 54.333: as many digits as it needs, three at most.
const quotient = (value) => number(value, 3).replace(/\.?0+$/, "");

export default explorer("Walk along the shapes of AlexNet", ({ model, root, controls, stage, say, reset }) => {
  root.classList.add("alexnet");
  const presets = model.get("presets");
  const state = { preset: 0, size: 0, layers: [], selected: 0 };

  function take(preset) {
    const [, size, layers] = presets[preset];
    Object.assign(state, { preset, size, layers: layers.map((layer) => ({ ...layer })) });
  }
  take(0);

  const picture = svg("svg", { viewBox: "0 0 720 96", "aria-hidden": "true" });
  const { element, body } = table(["layer", "maps", "parameters", "MACs"]);
  const legend = html("p", { class: "alexnet-legend" }, [
    ["blue", "layer with weights"], ["muted", "pooling"], ["orange", "a window does not fit evenly"],
  ].flatMap(([color, words]) => [html("span", { style: `background: var(--ex-${color})` }), words]));
  stage.append(picture, legend, html("div", { class: "ex-scroll" }, element));
  const select = (k) => { state.selected = k; draw(); };

  // What the sliders below the table change, for each kind of layer.
  const settings = html("div", { class: "alexnet-settings" });
  const LIMITS = {
    conv: { kernel_size: [1, 13], stride: [1, 6], padding: [0, 6], channels: [16, 512, 16] },
    pool: { kernel_size: [2, 5], stride: [1, 4], padding: [0, 1] },
    full: { channels: [8, 8192, 8] },
  };
  const LABELS = { kernel_size: "kernel", stride: "stride", padding: "padding", channels: "maps" };
  const kindOf = (layer) => (layer.channels === null ? "pool" : layer.kernel_size === null ? "full" : "conv");

  function edited() { state.preset = null; preset.set("own"); draw(); }

  function showSettings() {
    const layer = state.layers[state.selected];
    const type = kindOf(layer);
    const field = fields(layer, edited);
    const made = Object.entries(LIMITS[type]).map(([key, [min, max, step]]) => field.slider(key, {
      label: type === "full" ? "neurons" : LABELS[key], min, max, step, format: thousands,
    }));
    if (type === "conv") made.push(field.choice("groups", { options: [1, 2, 4] }));
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
      const fill = s.lost ? "var(--ex-orange)" : s.parameters ? "var(--ex-blue)" : "var(--ex-muted)";
      const square = svg("rect", {
        x: x - side / 2, y: 74 - side, width: side, height: side, fill: k ? fill : "none",
        stroke: chosen ? "var(--ex-focus)" : k ? "none" : "var(--ex-muted)", "stroke-width": chosen ? 3 : 1,
        ...(k && { style: "cursor: pointer", onclick: () => select(k - 1) }),
      });
      // On a phone, names in two lines have room to be large enough.
      const name = centred(x, 90, s.name, { class: k % 2 === 1 && "alexnet-lower" });
      return [square, name, centred(x, 70 - side, String(s.size))];
    });
    picture.replaceChildren(...parts.flat());
  }

  function drawTable(steps, error) {
    const cells = (...contents) => contents.map((content) => html("td", {}, content));
    const lines = state.layers.map((layer, k) => {
      const name = html("th", { scope: "row" }, button(layer.name, () => select(k), {
        "aria-label": `Select ${layer.name}`, "aria-pressed": String(k === state.selected), "data-key": layer.name,
      }));
      const s = steps[k];
      if (!s) {
        const [kind, words] = k === steps.length ? ["alexnet-error", "does not fit"] : [null, "–"];
        return html("tr", { class: kind }, name, cells(words, "–", "–"));
      }
      const maps = s.size === 1 && kindOf(layer) === "full" ? thousands(s.channels) : `${s.channels} × ${s.size}²`;
      const rounded = s.lost ? [html("small", {}, `${quotient(s.quotient)} → ${s.size}`), " "] : [];
      return html("tr", { class: s.lost ? "alexnet-lost" : null },
        name, cells([...rounded, maps], thousands(s.parameters), thousands(s.macs)));
    });
    const all = ["parameters", "macs"].map((key) => (error ? "–" : thousands(total(steps, key))));
    redraw(body, [...lines, html("tr", { class: "alexnet-total" },
      html("th", { scope: "row" }, "total"), cells("", ...all))]);
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
    if (kindOf(layer) === "full") {
      words = `${name}: ${s.into} · ${s.kernel}² = ${thousands(s.into * s.kernel ** 2)} inputs `
        + `for each of ${thousands(s.channels)} neurons.`;
    } else {
      const ratio = (s.before + 2 * padding - s.kernel) / stride;
      const whole = Number.isInteger(ratio) ? quotient(ratio) : `⌊${quotient(ratio)}⌋`;
      words = `${name}: ⌊(${s.before} + 2·${padding} − ${s.kernel}) / ${stride}⌋ + 1 = ${whole} + 1 = ${s.size}.`;
      if (s.lost) {
        const pixels = Math.max(0, s.lost - padding);
        const whose = pixels === 0 ? "zeros of the padding"
          : pixels < s.lost ? `${pixels} of each in the map, the rest padding` : "part of the map itself";
        words += ` No window sees the last ${plural(s.lost, "row")} and ${plural(s.lost, "column")}: ${whose}.`;
      }
      if (s.parameters) {
        const part = groups > 1 ? `, for one of ${groups} groups` : "";
        words += ` Each kernel has ${s.into / groups}·${s.kernel}² weights${part}.`;
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

  const image = fields(state, edited);
  const preset = choice({
    label: "settings", value: "0", options: [...presets.map(([label], k) => [k, label]), ["own", "your own"]],
    onchange: (value) => {
      if (value === "own") { state.preset = null; return; }
      take(Number(value));
      image.follow();
      showSettings();
      draw();
    },
  });
  controls.append(preset, image.slider("size", { label: "image", min: 32, max: 288 }), reset, settings);
  root.explorer = { state: () => ({ ...state, ...walkShapes(state.layers, state.size) }) };
  draw();
});
