// LeNet5 of utils/lenet.py with max pooling: what each of its layers says, and of which
// numbers each number is made. A number is a spot: { layer, map, row, column }, as in
// torch's maps[layer][0, map, row, column]; a neuron is a map of 1 × 1.

import { bytes, matrix, range } from "./maths.js";

export const LAYERS = {
  input: { maps: 1, side: 32 },
  C1: { maps: 6, side: 28 },
  S2: { maps: 6, side: 14, pool: true },
  C3: { maps: 16, side: 10 },
  S4: { maps: 16, side: 5, pool: true },
  C5: { maps: 120, side: 1 },
  F6: { maps: 84, side: 1 },
  output: { maps: 10, side: 1 },
};
const ORDER = Object.keys(LAYERS);
const SQUASH = { tanh: Math.tanh, relu: (z) => Math.max(0, z) };

export const layerBefore = (layer) => ORDER[ORDER.indexOf(layer) - 1];
export const layerAfter = (layer) => ORDER[ORDER.indexOf(layer) + 1];
// The place of a spot in the list of its layer's numbers.
export const indexOf = ({ layer, map, row, column }) => (map * LAYERS[layer].side + row) * LAYERS[layer].side + column;
export const spotOf = (layer, map, row = 0, column = 0) => ({ layer, map, row, column });

// { layer: { weight, bias, shape } } of { "layer.part": { shape, scale, data } }. The data
// are whole numbers of two bytes, the lower first.
export function unpack(tensors) {
  const layers = {};
  for (const [name, { shape, scale, data }] of Object.entries(tensors)) {
    const b = bytes(data);
    const values = Float64Array.from({ length: b.length / 2 }, (_, k) => (
      scale * (((b[2 * k + 1] << 24) | (b[2 * k] << 16)) >> 16)));
    const [layer, part] = name.split(".");
    layers[layer] = { ...layers[layer], [part]: values, ...(part === "weight" && { shape }) };
  }
  return layers;
}

// (D, n, n) and kernels (P, D, k, k) to (P, m, m), m = n − k + 1. A full layer is the
// case n = k = 1.
function convolveMaps(input, size, { weight, bias, shape: [maps, depth, kernel = 1] }) {
  const out = size - kernel + 1;
  const output = new Float64Array(maps * out * out);
  for (let p = 0, w = 0; p < maps; p += 1) {
    const first = p * out * out;
    output.fill(bias[p], first, first + out * out);
    for (let d = 0; d < depth; d += 1) {
      for (let i = 0; i < kernel; i += 1) {
        for (let j = 0; j < kernel; j += 1, w += 1) {
          const factor = weight[w];
          for (let y = 0; y < out; y += 1) {
            const from = (d * size + y + i) * size + j;
            const to = first + y * out;
            for (let x = 0; x < out; x += 1) output[to + x] += factor * input[from + x];
          }
        }
      }
    }
  }
  return output;
}

// The largest of every 2 × 2: (D, n, n) to (D, n/2, n/2).
function maxPool(input, size) {
  const out = size / 2;
  return Float64Array.from({ length: input.length / 4 }, (_, k) => {
    const [row, x] = [Math.floor(k / out), k % out]; // rows of all maps, one below the other
    const at = 2 * row * size + 2 * x;
    return Math.max(input[at], input[at + 1], input[at + size], input[at + size + 1]);
  });
}

// What each layer says to 28 × 28 pixels from 0 to 1: { input, C1, S2, …, output }.
export function readDigit(net, activation, pixels) {
  const input = new Float64Array(32 * 32).fill(-0.1);
  pixels.forEach((p, k) => { input[(Math.floor(k / 28) + 2) * 32 + (k % 28) + 2] = 1.275 * p - 0.1; });
  const said = { input };
  for (const layer of ORDER.slice(1)) {
    const [values, size] = [said[layerBefore(layer)], LAYERS[layerBefore(layer)].side];
    if (LAYERS[layer].pool) said[layer] = maxPool(values, size);
    else {
      const sums = convolveMaps(values, size, net[layer.toLowerCase()]);
      said[layer] = layer === "output" ? sums : sums.map(SQUASH[activation]);
    }
  }
  return said;
}

// ----------------------------------------------------------- one number's part

// The frames { layer, map, row, column, rows, columns } of numbers of which one is made.
export function sourcesOf({ layer, map, row, column }) {
  const from = layerBefore(layer);
  if (!from) return [];
  if (LAYERS[layer].pool) return [{ ...spotOf(from, map, 2 * row, 2 * column), rows: 2, columns: 2 }];
  const kernel = LAYERS[from].side - LAYERS[layer].side + 1;
  return range(LAYERS[from].maps, (d) => ({ ...spotOf(from, d, row, column), rows: kernel, columns: kernel }));
}

// The frames of the numbers that see one.
export function targetsOf({ layer, map, row, column }) {
  const to = layerAfter(layer);
  if (!to) return [];
  if (LAYERS[to].pool) return [{ ...spotOf(to, map, row >> 1, column >> 1), rows: 1, columns: 1 }];
  const { maps, side } = LAYERS[to];
  const reach = LAYERS[layer].side - side;
  const [top, left] = [row, column].map((at) => Math.max(0, at - reach));
  const rows = Math.min(side - 1, row) - top + 1;
  const columns = Math.min(side - 1, column) - left + 1;
  return range(maps, (p) => ({ ...spotOf(to, p, top, left), rows, columns }));
}

function weightOf(net, spot, from) {
  const { weight, shape: [, depth, kernel = 1] } = net[spot.layer.toLowerCase()];
  const [i, j] = [from.row - spot.row, from.column - spot.column];
  return weight[((spot.map * depth + from.map) * kernel + i) * kernel + j];
}

export const biasOf = (net, { layer, map }) => net[layer.toLowerCase()].bias[map];

// What a number of a layer with weights sums up: for each frame that it sees, rows of
// { from, value, weight }.
export function termsOf(net, said, spot) {
  return sourcesOf(spot).map((frame) => matrix(frame.rows, frame.columns, (i, j) => {
    const from = spotOf(frame.layer, frame.map, frame.row + i, frame.column + j);
    return { from, value: said[frame.layer][indexOf(from)], weight: weightOf(net, spot, from) };
  }));
}

// Of the numbers that see one, that which gives it the largest weight: { spot, weight }.
export function heaviest(net, from) {
  let most = null;
  for (const { layer, map, row, column, rows, columns } of targetsOf(from)) {
    for (let k = 0; k < rows * columns; k += 1) {
      const spot = spotOf(layer, map, row + Math.floor(k / columns), column + (k % columns));
      const weight = weightOf(net, spot, from);
      if (!most || Math.abs(weight) > Math.abs(most.weight)) most = { spot, weight };
    }
  }
  return most;
}
