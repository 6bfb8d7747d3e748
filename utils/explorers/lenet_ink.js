// Strokes of a pen, { pen, points: [[x, y], …] }, made into the pictures of 28 × 28 pixels
// from 0 to 1 that MNIST has.

import { clamp, range } from "./maths.js";

export const SIDE = 28; // pixels of a picture
const BOX = 20; // the ink fits into so many
const CENTRE = 14; // the pixel, from 0, on which MNIST puts the centre of mass
// Widths in pixels. The median thickness of MNIST's strokes is 2.3.
export const PENS = { thin: 1.5, medium: 2.5, thick: 4, eraser: 4 };
const SMALLEST = 0.05; // of the pad: what is smaller is a dot, and not magnified more

const adds = ({ pen }) => pen !== "eraser";
const moved = (strokes, f) => strokes.map(({ pen, points }) => ({ pen, points: points.map(f) }));

// The square of the distance of (x, y) from the line between the points k − 1 and k, or
// from the first point itself.
function squaredDistance(x, y, points, k) {
  const [fromX, fromY] = points[Math.max(0, k - 1)];
  const [dx, dy] = [points[k][0] - fromX, points[k][1] - fromY];
  const length = dx * dx + dy * dy;
  const along = length && clamp(((x - fromX) * dx + (y - fromY) * dy) / length, 0, 1);
  return (x - fromX - along * dx) ** 2 + (y - fromY - along * dy) ** 2;
}

// Strokes in pixels, drawn with round pens on a picture: each pixel's share that is ink.
function ink(strokes, paper) {
  const picture = Float64Array.from(paper);
  for (const { pen, points } of strokes) {
    const reach = PENS[pen] / 2 + 0.5;
    const squared = new Float64Array(SIDE * SIDE).fill(reach * reach); // distance to the line
    const reached = (a, b) => [
      Math.max(0, Math.ceil(Math.min(a, b) - reach)),
      Math.min(SIDE - 1, Math.floor(Math.max(a, b) + reach)),
    ];
    points.forEach(([x, y], k) => {
      const [fromX, fromY] = points[Math.max(0, k - 1)];
      const [left, right] = reached(fromX, x);
      const [top, bottom] = reached(fromY, y);
      for (let r = top; r <= bottom; r += 1) {
        for (let c = left; c <= right; c += 1) {
          const distance = squaredDistance(c, r, points, k);
          if (distance < squared[r * SIDE + c]) squared[r * SIDE + c] = distance;
        }
      }
    });
    const drawn = adds({ pen });
    squared.forEach((d, k) => {
      const share = Math.min(1, reach - Math.sqrt(d));
      picture[k] = drawn ? Math.max(picture[k], share) : Math.min(picture[k], 1 - share);
    });
  }
  return picture;
}

// The centre of mass [x, y] of 28 × 28 pixels; of blank paper none.
function centre(pixels) {
  let [mass, x, y] = [0, 0, 0];
  pixels.forEach((p, k) => { mass += p; x += p * (k % SIDE); y += p * Math.floor(k / SIDE); });
  return mass && [x / mass, y / mass];
}

// What is left of the strokes of pens, on a pad of side 1: points that no eraser has gone
// over since.
function uncovered(strokes) {
  const reach = PENS.eraser / 2 / SIDE;
  const clear = ([x, y], line) => line.every((_, k) => squaredDistance(x, y, line, k) > reach * reach);
  let left = [];
  for (const stroke of strokes) {
    if (adds(stroke)) left.push(stroke);
    else left = left.map(({ pen, points }) => ({ pen, points: points.filter((p) => clear(p, stroke.points)) }));
  }
  return left.filter(({ points }) => points.length);
}

// Strokes of any size, anywhere on a pad of side 1, made into a picture as those of MNIST
// were: the ink fits into 20 × 20 pixels, and its centre of mass is in the middle of
// 28 × 28. The lines are scaled first and drawn after, so that a pen is always as thick.
export function preprocess(strokes) {
  const blank = new Float64Array(SIDE * SIDE);
  const left = uncovered(strokes);
  if (!left.length) return blank;
  const points = left.flatMap((stroke) => stroke.points);
  const ends = range(2, (axis) => points.reduce(([a, b], point) => [Math.min(a, point[axis]), Math.max(b, point[axis])],
    [Infinity, -Infinity]));
  const widest = Math.max(...left.map(({ pen }) => PENS[pen]));
  const scale = (BOX - widest) / Math.max(...ends.map(([a, b]) => b - a), SMALLEST);
  const draw = (...at) => ink(moved(strokes, (point) => point.map((value, axis) => {
    const [a, b] = ends[axis];
    return at[axis] + scale * (value - (a + b) / 2);
  })), blank);
  const border = (SIDE - BOX) / 2; // what is moved by no more stays within the picture
  const start = (SIDE - 1) / 2;
  const mass = centre(draw(start, start));
  return mass ? draw(...mass.map((c) => start + clamp(CENTRE - c, -border, border))) : blank;
}

// Strokes on a picture that fills the pad stay where they are drawn.
export const drawOn = (picture, strokes) => ink(moved(strokes, (at) => at.map((v) => v * SIDE - 0.5)), picture);

// A stream of numbers that are alike each time: a standard normal distribution.
function normalNoise(count) {
  let seed = 6;
  const uniform = () => { seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0; return (seed + 1) / 2 ** 32; };
  return Float64Array.from({ length: count },
    () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()));
}
const NOISE = normalNoise(SIDE * SIDE);

// The picture turned by degrees (clockwise), then moved by pixels, then with noise added.
export function disturb(pixels, { right, down, turn, noise }) {
  const pixel = (x, y) => (x < 0 || y < 0 || x >= SIDE || y >= SIDE ? 0 : pixels[y * SIDE + x]);
  const [cos, sin] = [Math.cos(turn * Math.PI / 180), Math.sin(turn * Math.PI / 180)];
  return Float64Array.from(pixels, (_, k) => {
    const [u, v] = [(k % SIDE) - CENTRE - right, Math.floor(k / SIDE) - CENTRE - down];
    const [x, y] = [CENTRE + cos * u + sin * v, CENTRE - sin * u + cos * v];
    const [c, r] = [Math.floor(x), Math.floor(y)];
    const [s, t] = [x - c, y - r];
    const value = (1 - t) * ((1 - s) * pixel(c, r) + s * pixel(c + 1, r))
      + t * ((1 - s) * pixel(c, r + 1) + s * pixel(c + 1, r + 1));
    return clamp(value + noise * NOISE[k], 0, 1);
  });
}
