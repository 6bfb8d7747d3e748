// The search page: finds sections with MiniSearch, and shows where the words stand.
(() => {
  "use strict";
  const NAMES = ["page", "anchor", "chapter", "title", "text", "defined"];
  const named = (row) => Object.fromEntries(NAMES.map((name, k) => [name, row[k]]));
  const rows = window.SECTIONS.map((row, id) => ({ id, ...named(row) }));
  const query = (new URLSearchParams(location.search).get("q") ?? "").trim();
  const said = document.getElementById("search-said");
  const list = document.getElementById("search-results");

  // Words as they are compared: "Over-fitting" is "overfitting", "1 × 1" is "1x1",
  // "normalized" is "normalis", and Chinese text is taken sign by sign.
  const fold = (text) => text.normalize("NFKC").toLowerCase()
    .normalize("NFD").replace(/[\u0300-\u036f]/g, "")
    .replace(/(\d|n|k|m|p)\s*[×x]\s*(?=(\d|n|k|m|p)(?!\p{L}))/gu, "$1x").replace(/[’']s\b/g, "");
  const WORD = /\p{Script=Han}|[\p{L}\p{N}]+(?:[-‑.][\p{L}\p{N}]+)*/gu;
  const split = (text) => (fold(text).match(WORD) ?? []).flatMap((word) => {
    const parts = word.split(/[-‑]/);
    return parts.length > 1 ? [parts.join(""), ...parts] : parts;
  });
  const PLURAL = /^\p{Script=Latin}{3,}(?!ss|us|is)\p{Script=Latin}s$/u;
  const ENDING = /(?<=[aeiouy].*[^aeiou])(?:ed|ing)$/;
  const SHORT = /^[^aeiouy]*[aeiouy][^aeiouwxy]$/; // "grad" of "grading" is "grade"
  const stem = (word) => {
    const one = (PLURAL.test(word) ? word.slice(0, -1) : word).replace(/iz(?=e|ing|ation)/, "is");
    const cut = one.replace(ENDING, "");
    const whole = cut === one ? one : SHORT.test(cut) ? `${cut}e` : cut.replace(/([^aeiouls])\1$/, "$1");
    return whole.length < 5 || SHORT.test(whole.slice(0, -1)) ? whole : whole.replace(/e$/, "");
  };
  const SMALL = new Set((
    "a an and are as at be by do does for from how i in is it my of on or that the this to was what when where " +
    "which who why will with"
  ).split(" "));
  const terms = (text) => split(text).filter((word) => !SMALL.has(word)).map(stem);

  // What readers call it → what the book does, as the page on notation has it, and others.
  const NAMED_HERE = Object.entries({
    "batch ?norm": "batch normalisation",
    "skip[ -]connections?|residual connections?": "shortcut",
    "pre-?trained|pre-?training": "transfer learning",
    "fine-?tune": "fine-tuning",
    "instructors?|lecturers?|professors?": "teacher",
    "dense( layers?)?": "fully connected",
    "sigmoid": "logistic",
    "step size": "learning rate",
    "ground truth": "target",
    "(cost|loss) functions?": "error cross-entropy",
    "install(ing|ation)?": "own machine windows",
    "licen[cs]e": "licence",
    "colors?": "colour",
    "neighbors?": "neighbour",
    "dataset": "data set",
    "(vanish|explod)ing gradients?": "gradient length",
    "vanishing gradients?|exploding gradients?": "first weights",
    "deconvolution": "transposed convolution",
    "atrous": "dilated",
  }).map(([theirs, ours]) => [new RegExp(`(?<!\\p{L})(?:${theirs})(?!\\p{L})`, "u"), ours]);
  const alternatives = (words) => NAMED_HERE.filter(([theirs]) => theirs.test(fold(words)))
    .map(([theirs, ours]) => fold(words).replace(theirs, ours));
  const asked = [query, ...alternatives(query)];
  const typed = new Set(asked.flatMap(split));
  const spelt = new Map(); // stem → how the book spells it

  // A place that teaches before one that asks, sums up or refers.
  const weight = ({ page, title }) => {
    if (page.startsWith("chapters/")) return /^\d/.test(title) ? 1.5 : 0.7;
    return { "book/glossary": 0.6, "book/run": 0.5, "book/teach": 0.5, "book/changes": 0.05 }[page] ?? 0.15;
  };

  const index = new window.MiniSearch({
    fields: ["title", "chapter", "defined", "text"],
    tokenize: split,
    processTerm: (word) => {
      if (SMALL.has(word)) return null;
      const term = stem(word);
      if (!(spelt.get(term)?.length <= word.length)) spelt.set(term, word);
      return term;
    },
    searchOptions: {
      boost: { title: 3, defined: 2, chapter: 1.2 },
      // A word that is cut short, and none whose ending was cut here.
      prefix: (word, k, all) => k === all.length - 1 && word.length > 2 && typed.has(word),
      weights: { fuzzy: 0.15, prefix: 0.4 },
      boostDocument: (id) => weight(rows[id]),
    },
  });
  index.addAll(rows);

  // All words before some, and as they are spelt before what is like them.
  const ALIKE = (word) => (word.length > 5 ? 0.2 : word.length > 3 && !/\d/.test(word) ? 1 : false);
  function find() {
    for (const [combineWith, fuzzy] of [["AND", false], ["AND", ALIKE], ["OR", false], ["OR", ALIKE]]) {
      const queries = asked.map((words) => ({ combineWith, queries: [words] }));
      const hits = index.search({ combineWith: "OR", queries }, { fuzzy });
      if (hits.length) return { hits, near: Boolean(fuzzy) };
    }
    return { hits: [] };
  }

  const literally = (word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

  // The part of a text around the first place where most of the words stand.
  function excerpt(text, found) {
    const lower = text.toLowerCase();
    const startOf = (word) => lower.search(new RegExp(`(?<!\\p{L})${literally(word)}`, "u"));
    const places = found.map(startOf).filter((k) => k >= 0);
    let start = places.length ? Math.max(0, Math.min(...places) - 70) : 0;
    if (start) start = text.indexOf(" ", start) + 1;
    const end = text.length > start + 230 ? text.lastIndexOf(" ", start + 230) : text.length;
    return `${start ? "… " : ""}${text.slice(start, end)}${end < text.length ? " …" : ""}`;
  }

  function marked(text, found) {
    const line = document.createElement("span");
    const words = found.map(literally).sort((a, b) => b.length - a.length);
    const pattern = new RegExp(`(?<!\\p{L})((?:${words.join("|")})[\\p{L}-]*)`, "giu");
    const parts = words.length ? text.split(pattern) : [text];
    parts.forEach((part, k) => {
      if (k % 2 === 0) { line.append(part); return; }
      const mark = document.createElement("mark");
      mark.textContent = part;
      line.append(mark);
    });
    return line;
  }

  function show(hits) {
    for (const { id, match } of hits.slice(0, 20)) {
      const { page, anchor, chapter, title, text } = rows[id];
      const found = Object.keys(match);
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.href = `${page}.html?words=${encodeURIComponent(found.join(" "))}${anchor && `#${anchor}`}`;
      link.append(marked(title, found));
      item.append(link);
      if (anchor) {
        const place = document.createElement("small");
        place.textContent = chapter;
        item.append(" ", place);
      }
      const context = document.createElement("p");
      context.append(marked(excerpt(text, found), found));
      item.append(context);
      list.append(item);
    }
  }

  function ask(words) {
    const to = document.createElement("a");
    to.href = `?q=${encodeURIComponent(words)}`;
    to.textContent = words;
    return to;
  }

  if (!query) {
    said.textContent = "Type what you are looking for into the field above: a term, a network, a number; "
      + "Chinese works too.";
    return;
  }
  document.title = `${query} · ${document.title}`;
  const { hits, near } = find();
  show(hits);
  const known = terms(query).every((word) => hits.some((hit) => hit.queryTerms.includes(word)));
  if (!hits.length) {
    said.textContent = `Nothing was found for “${query}”. The table of contents or the glossary may help.`;
  } else if (!near && (known || asked.length > 1)) {
    said.textContent = `${hits.length === 1 ? "One section" : `${hits.length} sections`} for “${query}”.`;
  } else {
    const words = Object.keys(hits[0].match).map((term) => spelt.get(term));
    said.append(`Nothing here is spelt “${query}”; the nearest: `, ask(words.join(" ")));
  }
})();
