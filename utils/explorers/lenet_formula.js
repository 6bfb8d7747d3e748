// The formula of one of LeNet-5's numbers, with the numbers in it, each of which leads to
// its own formula.

import { bracketed, button, html, number, panel, thousands } from "./common.js";
import { grid, shade } from "./grid.js";
import {
  biasOf, heaviest, indexOf, LAYERS, layerAfter, layerBefore, sourcesOf, spotOf, targetsOf, termsOf,
} from "./lenet_net.js";
import { matrix, softmax, sum } from "./maths.js";

const two = (value) => number(value, 2);
const inBrackets = (value) => bracketed(value, two);
const product = ({ value, weight }) => value * weight;
export const LISTED = 8; // terms of a neuron, the largest
export const chance = (share) => (share > 0.9995 ? ">99.9 %" : `${number(100 * share, 1)} %`);

export function nameOf({ layer, map, row, column }) {
  if (layer === "output") return `output, digit ${map}`;
  if (LAYERS[layer].side === 1) return `${layer}, neuron ${map}`;
  return `${layer === "input" ? layer : `${layer}, map ${map}`}, row ${row}, column ${column}`;
}

const spokenLayer = (name) => (name === "input" || name === "output" ? `the ${name}` : name);
export const valueOf = (said, spot) => said[spot.layer][indexOf(spot)];
const sumsOf = (groups) => groups.map((rows) => sum(rows.flat().map(product)));

// The terms of a neuron, the largest first.
export function largestTerms(net, said, spot) {
  return termsOf(net, said, spot).flat(2).sort((a, b) => Math.abs(product(b)) - Math.abs(product(a)));
}

// Which of the maps that a number sees adds most to it, or takes most away.
export function strongestMap(net, said, spot) {
  if (!sourcesOf(spot).length || LAYERS[spot.layer].pool) return 0;
  const sizes = sumsOf(termsOf(net, said, spot)).map(Math.abs);
  return sizes.indexOf(Math.max(...sizes));
}

// A row of numbers, each over its words, with signs between them: ["0.83", "sum"], "=", …
function equation(...parts) {
  return html("p", { class: "lenet-equation ex-numbers" }, parts.map((part) => (Array.isArray(part)
    ? html("span", { class: "lenet-term" }, html("b", {}, part[0]), html("small", {}, part[1]))
    : html("span", {}, part))));
}

// A function that gives the nodes of a number's formula. `go` goes to another number,
// `open` to the terms of another map.
export function formulas({ net, activation, picture, go, open }) {
  const squashed = activation === "tanh" ? "tanh" : "ReLU";

  const link = (spot, words = nameOf(spot)) => button(words, () => go(spot), { "data-key": `to ${nameOf(spot)}` });

  // Numbers in a table, which lead on to `spots` if there are any; the one at the place
  // `marked`, counted along the rows, is marked.
  function table(words, values, spots, marked = null) {
    const made = panel("lenet-numbers", words, { role: "grid" });
    const most = Math.max(...values.flat().map(Math.abs));
    grid(made.canvas, values, (r, c, value) => {
      const spot = spots?.[r][c];
      const mark = r * values[0].length + c === marked;
      return {
        fill: shade(value, most), stroke: mark ? "focus" : "line", width: mark ? 3 : 1,
        label: `${spot ? nameOf(spot) : `row ${r}, column ${c}`}: ${two(value)}`,
        ...(spot && {
          tab: marked === null ? r === 0 && c === 0 : mark, onclick: () => go(spot),
          onkeydown: (event) => {
            if (event.key !== "Enter" && event.key !== " ") return;
            event.preventDefault();
            go(spot);
          },
        }),
      };
    });
    return made.figure;
  }

  function ofInput(said, spot) {
    const value = valueOf(said, spot);
    const inside = [spot.row, spot.column].every((at) => at >= 2 && at < 30);
    return [
      equation("1.275 ·", [number((value + 0.1) / 1.275, 3), inside ? "ink, 0 to 1" : "border: paper"], "− 0.1 =",
        [number(value, 3), "input"]),
      html("p", {}, "Paper becomes −0.10 and ink 1.175, so that the mean is near 0."),
    ];
  }

  // The four places that a number of a pooling layer comes from.
  function fourOf(spot) {
    const [frame] = sourcesOf(spot);
    return matrix(2, 2, (r, c) => spotOf(frame.layer, frame.map, frame.row + r, frame.column + c));
  }

  function ofPool(said, spot) {
    const rows = fourOf(spot);
    const values = rows.map((row) => row.map((one) => valueOf(said, one)));
    const most = valueOf(said, spot);
    const equal = values.flat().filter((value) => value === most).length;
    return [
      html("div", { class: "lenet-tables" },
        table(`its four numbers of ${rows[0][0].layer}`, values, rows, values.flat().indexOf(most))),
      equation(`max(${values.flat().map(two).join(", ")}) =`, [two(most), spot.layer]),
      html("p", {}, equal > 1 ? `The first of ${equal} equal ones passes.`
        : "The largest passes. The other three change nothing."),
    ];
  }

  // Σ, the function of it, and what comes out.
  const end = (z, spot, value) => ["=", [two(z), "sum Σ"], `${squashed}(Σ) =`, [two(value), spot.layer]];

  function ofConvolution(said, spot, shown) {
    const groups = termsOf(net, said, spot);
    const sums = sumsOf(groups);
    const bias = biasOf(net, spot);
    const from = layerBefore(spot.layer);
    const several = groups.length > 1;
    const most = Math.max(...sums.map(Math.abs));
    const rows = groups[several ? shown : 0];
    const take = (f) => rows.map((row) => row.map(f));
    const [products, places] = [take(product), take((term) => term.from)];
    const sizes = products.flat().map(Math.abs);
    const largest = sizes.indexOf(Math.max(...sizes));
    const source = several ? `${from}, map ${shown}` : "the input";
    const nodes = several ? [
      html("p", {}, `${groups.length} maps of ${from}, each with a kernel of its own. What each adds:`),
      html("div", { class: "lenet-channels", role: "group", "aria-label": `Maps of ${from}` },
        sums.map((one, d) => button([
          picture(groups[d].map((row) => row.map(({ weight }) => weight)), `${spot.layer} ${spot.map} ${d}`),
          html("span", {}, two(one)),
        ], () => open(d), {
          "aria-pressed": String(d === shown), "aria-label": `map ${d} adds ${two(one)}`, "data-key": `map ${d}`,
          style: `background: ${shade(one, most)}`,
        }))),
    ] : [];
    nodes.push(
      html("div", { class: "lenet-tables" },
        table(source, take(({ value }) => value), places),
        html("span", {}, "·"), table(several ? "its kernel" : "kernel", take(({ weight }) => weight)),
        html("span", {}, "="), table(`products, together ${two(sum(products.flat()))}`, products, places, largest)),
      equation([two(sum(sums)), several ? `${groups.length} maps together` : "25 products"], "+",
        [inBrackets(bias), "bias"], ...end(sum(sums) + bias, spot, valueOf(said, spot))),
    );
    return nodes;
  }

  function ofNeuron(said, spot) {
    const terms = largestTerms(net, said, spot);
    const bias = biasOf(net, spot);
    const most = Math.abs(product(terms[0]));
    const parts = [terms.slice(0, LISTED), terms.slice(LISTED)].map((some) => sum(some.map(product)));
    const z = sum(parts) + bias;
    const nodes = [
      html("p", {}, `${terms.length} numbers of ${terms[0].from.layer}, each times its weight. Largest:`),
      html("div", { class: "lenet-largest ex-numbers" }, terms.slice(0, LISTED).map((term, k) => button(
        [html("b", {}, nameOf(term.from)),
          html("span", {}, `${two(term.value)} · ${inBrackets(term.weight)} = ${two(product(term))}`)],
        () => go(term.from), { "data-key": `term ${k}`, style: `background: ${shade(product(term), most)}` },
      ))),
    ];
    const start = [[two(parts[0]), `these ${LISTED}`], "+", [inBrackets(parts[1]), `other ${terms.length - LISTED}`],
      "+", [inBrackets(bias), "bias"]];
    if (spot.layer !== "output") return [...nodes, equation(...start, ...end(z, spot, valueOf(said, spot)))];
    const powers = Array.from(said.output, Math.exp);
    const [power, all] = [powers[spot.map], sum(powers)].map((value) => (value < 100 ? two(value) : thousands(value)));
    const e = (exponent, ...before) => html("span", {}, ...before, "e", html("sup", {}, exponent));
    return [...nodes, equation(...start, "=", [two(z), "logit z"]),
      equation("softmax:", [power, e(two(z))], "/", [all, e("z", "all ten ")], "=",
        [chance(softmax(said.output)[spot.map]), `probability of a ${spot.map}`])];
  }

  // Where a number goes from here.
  function onwards(said, spot) {
    const to = layerAfter(spot.layer);
    if (!to) return [];
    const frames = targetsOf(spot);
    if (LAYERS[to].pool) {
      const [target] = frames;
      const most = valueOf(said, target);
      const four = fourOf(spotOf(to, target.map, target.row, target.column)).flat();
      const first = four.find((one) => valueOf(said, one) === most);
      const words = nameOf(first) === nameOf(spot) ? "It is the largest of its four, and goes on as "
        : `It ends here: of its four ${two(most)} is the largest, and goes on as `;
      return [html("p", { class: "lenet-onwards" }, words, link(spotOf(to, target.map, target.row, target.column)))];
    }
    const count = sum(frames.map(({ rows, columns }) => rows * columns));
    const { spot: target, weight } = heaviest(net, spot);
    return [html("p", { class: "lenet-onwards" }, `It goes to ${count} numbers of ${spokenLayer(to)} (dashed), `,
      `with the largest weight, ${two(weight)}, to `, link(target))];
  }

  return (said, spot, shown) => {
    const { pool, side } = LAYERS[spot.layer];
    const convolved = side > 1 || spot.layer === "C5";
    const nodes = spot.layer === "input" ? ofInput(said, spot) : pool ? ofPool(said, spot)
      : convolved ? ofConvolution(said, spot, shown) : ofNeuron(said, spot);
    return [...nodes, ...onwards(said, spot)];
  };
}
