// Arithmetic that more than one explorer does.

export const clamp = (value, low, high) => Math.max(low, Math.min(high, value));
export const range = (count, f = (k) => k) => Array.from({ length: count }, (_, k) => f(k));
// f(row, column) in rows and columns.
export const matrix = (rows, columns, f) => range(rows, (r) => range(columns, (c) => f(r, c)));
export const sum = (values) => values.reduce((total, value) => total + value, 0);
export const total = (things, key) => sum(things.map((thing) => thing[key]));
export const dot = (a, b) => a.reduce((all, value, k) => all + value * b[k], 0);

// How many places a kernel takes on n values: outputSize of utils/convolution1d.py,
// but none where that is negative.
export function outputSize(n, kernelSize, stride, padding = 0, dilation = 1) {
  return Math.max(0, Math.floor((n + 2 * padding - dilation * (kernelSize - 1) - 1) / stride) + 1);
}

export function softmax(logits) {
  const most = Math.max(...logits);
  const powers = Array.from(logits, (z) => Math.exp(z - most));
  const all = sum(powers);
  return powers.map((p) => p / all);
}

// The bytes of a text in base64.
export const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
