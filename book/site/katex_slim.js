// Formulas of KaTeX with a third of the elements: each costs time on a phone, and a
// chapter has hundreds of formulas. What is drawn stays where it was.
//
// KaTeX stacks by tables: a subscript has eleven elements. Here the parts of a stack lie
// in one cell of a grid (site.css: .v), each moved up or down from the common baseline;
// a part alone needs no stack. Spaces are margins, and signs that look like their
// surroundings are text. Roots, accents and matrices stay as KaTeX draws them.

// Classes that KaTeX reckons with and its style sheet does not know.
const INERT = new Set(["mord", "mrel", "mbin", "mopen", "mclose", "mpunct", "minner", "mop", "mtight", "text"]);
const SIZES = [0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.2, 1.44, 1.728, 2.074, 2.488];

const has = (node, name) => node.classes?.includes(name);
const em = (text) => parseFloat(text ?? 0) || 0;
const say = (value) => `${+value.toFixed(4)}em`;
const isText = (node) => node.text !== undefined;
const styled = (node) => Object.keys(node.style ?? {}).length > 0;
const plain = (node) =>
  node.classes?.every((name) => !name || INERT.has(name)) && !styled(node) && !node.italic &&
  !Object.keys(node.attributes ?? {}).length;

// How large a node's em is, compared with its surroundings'.
function scaleOf(node) {
  if (!has(node, "katex-sizing")) return 1;
  const [from, to] = node.classes.flatMap((name) => name.match(/size(\d+)/)?.[1] ?? []);
  return SIZES[to - 1] / SIZES[from - 1];
}

function widen(node, side, by) {
  const key = `margin${side}`;
  let now = em(node.style[key]) + by / scaleOf(node);
  if (node.italic && side === "Right") {
    now += node.italic; // which KaTeX would write as a margin of its own
    node.italic = 0;
  }
  if (Math.abs(now) < 5e-5) delete node.style[key];
  else node.style[key] = say(now);
}

// A part of a stack: [strut, content] in a box that is moved by `top`.
function part(item) {
  const [strut, ...content] = item.children;
  const top = em(item.style.top) + em(strut.style.height);
  let scale = 1;
  item.classes = item.classes.filter((name) => !INERT.has(name));
  item.children = content;
  if (content.length === 1 && has(content[0], "katex-sizing") && !styled(content[0])) {
    scale = scaleOf(content[0]);
    item.classes.push(...content[0].classes.filter((name) => !INERT.has(name)));
    item.children = content[0].children;
  } else if (content.length === 1 && has(content[0], "frac-line")) {
    item.classes.push("frac-line");
    item.style.borderBottomWidth = content[0].style.borderBottomWidth;
    item.children = [];
  }
  for (const key of ["marginLeft", "marginRight"]) {
    const value = em(item.style[key]) / scale;
    if (value) item.style[key] = say(value);
    else delete item.style[key];
  }
  delete item.style.top;
  if (Math.abs(top) > 5e-5) item.style.top = say(top / scale);
  item.children = flow(item.children);
  const [only] = item.children;
  if (item.children.length === 1 && isText(only) && !plain(only)) {
    // A letter and its part are one element.
    item.classes.push(...only.classes.filter((name) => name && !INERT.has(name)));
    widen(item, "Left", em(only.style.marginLeft) * scale);
    widen(item, "Right", (em(only.style.marginRight) + (only.italic || 0)) * scale);
    only.classes = [];
    only.style = {};
    only.italic = 0;
  }
  return item;
}

function stack(table, names) {
  const items = table.children[0].children[0].children.map(part);
  if (items.length === 1 && !names.length) {
    items[0].classes.push("s");
    return items[0];
  }
  table.classes = ["v", ...names];
  table.style = {};
  table.children = items;
  return table;
}

// Whether every part of a table is [strut, content].
const simple = (table) =>
  has(table, "vlist-t") && has(table.children[0]?.children[0] ?? {}, "vlist") &&
  table.children[0].children[0].children.every((item) => has(item.children?.[0] ?? {}, "pstrut"));

// A list of nodes with as few as possible; `around` takes the spaces at both ends.
function flow(nodes, around) {
  const flat = [];
  const add = (node) => {
    if (!node.children && !isText(node)) flat.push(node); // a drawing
    else if (has(node, "mspace") && !node.children?.length && em(node.style.marginRight)) flat.push(node);
    else if (has(node, "msupsub") && simple(node.children[0])) flat.push(stack(node.children[0], []));
    else if (has(node, "mfrac") && simple(node.children[0])) flat.push(stack(node.children[0], ["mfrac"]));
    else if (has(node, "op-limits") && simple(node.children[0])) {
      const made = stack(node.children[0], ["limits"]);
      made.style = { ...node.style };
      flat.push(made);
    } else if (isText(node)) flat.push(node);
    else if (plain(node)) node.children.forEach(add);
    else {
      inside(node);
      flat.push(node);
    }
  };
  nodes.forEach(add);
  // Fractions stand between two empty delimiters: their margins.
  const found = [];
  for (let k = 0; k < flat.length; k += 1) {
    const [node, next, last] = flat.slice(k, k + 3);
    if (has(node, "nulldelimiter") && next && has(next, "mfrac") && last && has(last, "nulldelimiter")) {
      widen(next, "Left", 0.12);
      widen(next, "Right", 0.12);
      found.push(next);
      k += 2;
    } else found.push(node);
  }
  const left = [];
  for (let k = 0; k < found.length; k += 1) {
    const node = found[k];
    if (!has(node, "mspace") || node.children?.length || isText(node)) {
      left.push(node);
      continue;
    }
    const by = em(node.style.marginRight), before = left[left.length - 1], after = found[k + 1];
    if (before && before.style && !plain(before)) widen(before, "Right", by);
    else if (!after && around) widen(around, "Right", by);
    else if (!before && around) widen(around, "Left", by);
    else if (after && after.style && !has(after, "mspace")) widen(after, "Left", by);
    else if (before && before.style) widen(before, "Right", by);
    else left.push(node);
  }
  for (const node of left) if (node.classes) node.classes = node.classes.filter((name) => name && !INERT.has(name));
  return left;
}

// What keeps its element: its children keep theirs where KaTeX's style sheet asks for it.
function inside(node) {
  if (has(node, "delimsizing") || has(node, "katex-stretchy") || has(node, "hide-tail")) return;
  if (has(node, "vlist")) {
    for (const item of node.children) {
      for (const content of item.children ?? []) {
        if (content.children && !has(content, "pstrut")) content.children = within(content);
      }
    }
  } else if (["vlist-t", "vlist-r", "mtable", "sqrt", "katex-accent"].some((name) => has(node, name)) ||
    node.classes?.some((name) => /^col-align|^x-arrow|lap$/.test(name))) {
    node.children.forEach((child) => { if (child.children) inside(child); });
  } else if (node.children) {
    node.children = flow(node.children);
  }
}
function within(content) {
  if (content.classes.every((name) => !name || INERT.has(name) || name === "katex-sizing" || /size\d/.test(name)))
    return flow(content.children);
  inside(content);
  return content.children;
}

function base(node) {
  if (has(node.children[0] ?? {}, "katex-strut")) {
    const { height, verticalAlign } = node.children.shift().style;
    node.style["--h"] = height;
    if (verticalAlign) node.style["--d"] = verticalAlign;
  }
  node.children = flow(node.children, node);
}

// MathML without what only held the TeX beside it, and rows of one.
function slimMath(node) {
  if (!node.children) return;
  if (node.type === "math") {
    const [semantics] = node.children;
    let rows = [semantics.children[0]];
    if (rows[0].type === "mtable" && rows[0].attributes.width === "100%") {
      const cells = rows[0].children[0].children; // glue, formula, glue, number
      rows = [...cells[1].children, ...cells[3].children];
    }
    node.children = rows.flatMap((row) => (row.type === "mrow" ? row.children : [row]));
  }
  node.children.forEach(slimMath);
  node.children = node.children.map((child) =>
    child.type === "mrow" && child.children.length === 1 ? child.children[0] : child);
}

// How high a line of formulas is: their struts', but no less than a line of text.
function tall(bases) {
  let above = 0.85, below = 0.35;
  for (const { style } of bases) {
    const depth = -em(style["--d"]);
    above = Math.max(above, em(style["--h"]) - depth);
    below = Math.max(below, depth);
  }
  return Math.max(1.309, +(above + below).toFixed(4));
}

// The markup of a tree that katex.__renderToDomTree made.
module.exports = function slim(tree, display) {
  const katex = has(tree, "katex") ? tree : tree.children[0];
  const [math, html] = katex.children;
  slimMath(math.children[0]);
  for (const node of html.children) if (has(node, "katex-base") || has(node, "katex-tag")) base(node);
  if (display) {
    if (!html.children.some((node) => has(node, "katex-newline"))) katex.style["--tall"] = tall(html.children);
    return tree.toMarkup();
  }
  if (html.children.length !== 1) return tree.toMarkup();
  const [only] = html.children;
  const [sign] = only.children;
  const spaced = only.style.marginLeft || only.style.marginRight;
  if (only.children.length === 1 && isText(sign) && !spaced) {
    // One sign speaks for itself.
    katex.classes.push(...sign.classes);
    sign.classes = [];
    sign.style = {};
    sign.italic = 0;
    katex.children = [sign];
    return tree.toMarkup();
  }
  html.classes.push("katex-base");
  Object.assign(html.style, only.style);
  html.children = only.children;
  return tree.toMarkup();
};
