// What the pages need of scripts. All of them can be read without it.
(() => {
  "use strict";
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  // What measures waits until the page is laid out, so that it is laid out once.
  function afterPaint(work) {
    requestAnimationFrame(() => setTimeout(work));
  }
  const store = {
    get: () => { try { return localStorage.getItem("theme"); } catch { return null; } },
    set: (mode) => {
      try {
        if (mode) localStorage.setItem("theme", mode);
        else localStorage.removeItem("theme");
      } catch { /* private windows: the choice lasts as long as the page */ }
    },
  };

  // Light and dark: the system's choice until the reader makes another.
  const system = () => (dark.matches ? "dark" : "light");
  const themeButton = document.querySelector("button.theme");
  function show(mode) {
    root.dataset.theme = mode;
    themeButton.setAttribute("aria-pressed", String(mode === "dark"));
  }
  show(root.dataset.theme);
  themeButton.addEventListener("click", () => {
    const mode = root.dataset.theme === "dark" ? "light" : "dark";
    store.set(mode === system() ? null : mode);
    show(mode);
  });
  dark.addEventListener("change", () => { if (!store.get()) show(system()); });
  // Another page, or tab, may have made the choice meanwhile.
  const heed = () => show(store.get() ?? system());
  addEventListener("pageshow", ({ persisted }) => { if (persisted) heed(); });
  addEventListener("storage", heed);

  // Paper is light, and its figures do not wait until they are near. Whoever prints by
  // key waits for them; from a menu, the browser does not let us.
  let before;
  function figuresOfPaper() {
    const images = [...document.querySelectorAll("article img:not(.dark-only)")];
    for (const image of images) image.loading = "eager";
    return Promise.all(images.map((image) => image.decode().catch(() => {})));
  }
  addEventListener("beforeprint", () => {
    before = root.dataset.theme;
    show("light");
    figuresOfPaper();
  });
  addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey || event.key !== "p") return;
    event.preventDefault();
    figuresOfPaper().then(() => window.print());
  });
  addEventListener("afterprint", () => show(before));

  // The list of chapters on a narrow screen.
  const menu = document.querySelector("a.menu");
  const nav = document.getElementById("book-nav");
  function toggle(open) {
    nav.classList.toggle("open", open);
    menu.setAttribute("aria-expanded", String(open));
    if (open) nav.querySelector("a").focus();
  }
  menu.setAttribute("role", "button");
  menu.setAttribute("aria-controls", "book-nav");
  toggle(false);
  menu.addEventListener("click", (event) => {
    event.preventDefault();
    toggle(!nav.classList.contains("open"));
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key === " ") { event.preventDefault(); menu.click(); }
  });
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && nav.classList.contains("open")) {
      toggle(false);
      menu.focus();
    }
  });
  document.addEventListener("click", (event) => {
    if (nav.classList.contains("open") && !nav.contains(event.target) && !menu.contains(event.target)) toggle(false);
  });
  nav.querySelector("a.current")?.setAttribute("aria-current", "page");
  afterPaint(() => {
    const current = nav.querySelector("a.current");
    if (current && nav.scrollHeight > nav.clientHeight) nav.scrollTop = current.offsetTop - nav.clientHeight / 2;
  });

  // "/" goes to the search field.
  addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    document.querySelector(".find input").focus();
  });
  const asked = new URLSearchParams(location.search);
  if (asked.get("q")) document.querySelector(".find input").value = asked.get("q");

  // The words that led here from the search, in the section that was found.
  const goal = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const place = goal ?? document.querySelector("article");
  if (asked.get("words") && "highlights" in CSS) {
    const words = asked.get("words").split(" ").map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    const pattern = new RegExp(`(?<!\\p{L})(?:${words.join("|")})[\\p{L}-]*`, "giu");
    const walker = document.createTreeWalker(place, NodeFilter.SHOW_TEXT);
    const ranges = [];
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (node.parentElement.closest("script, style, svg, pre")) continue;
      for (const match of node.data.matchAll(pattern)) {
        const range = new Range();
        range.setStart(node, match.index);
        range.setEnd(node, match.index + match[0].length);
        ranges.push(range);
      }
    }
    CSS.highlights.set("found", new Highlight(...ranges));
  }

  // A button that copies a block of code.
  const say = document.createElement("p");
  say.className = "unseen";
  say.setAttribute("aria-live", "polite");
  document.body.append(say);
  if (navigator.clipboard) {
    for (const block of document.querySelectorAll("article div.highlight")) {
      if (block.closest(".cell_output")) continue;
      const copy = document.createElement("button");
      copy.type = "button";
      copy.className = "copy";
      copy.textContent = "Copy";
      copy.addEventListener("click", async () => {
        try {
          await navigator.clipboard.writeText(block.querySelector("pre").innerText);
          copy.textContent = say.textContent = "Copied";
        } catch {
          copy.textContent = say.textContent = "Copying is not allowed here";
        }
        setTimeout(() => { copy.textContent = "Copy"; say.textContent = ""; }, 2000);
      });
      block.append(copy);
    }
  }

  // What scrolls sideways can be reached and scrolled by keyboard, and fades where there
  // is more: the classes that site.css knows. Observed, and not asked at once: all boxes
  // are measured when the page is laid out anyway.
  function reach(box, hidden) {
    const wide = hidden > 1;
    if (wide === box.hasAttribute("tabindex")) return;
    if (wide) {
      box.tabIndex = 0;
      box.setAttribute("role", "region");
      box.setAttribute("aria-label", box.matches("pre") ? "Code, scrolls sideways" : "Scrolls sideways");
    } else {
      for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
    }
  }
  const fades = "article pre, .table-box, .math-box, .figure-box, .ex-scroll";
  function fade(box, hidden, left) {
    if (!box.matches(fades)) return;
    box.classList.toggle("scrolls", hidden > 1);
    box.classList.toggle("begun", left > 4);
    box.classList.toggle("over", left > hidden - 4);
  }
  const measure = (box) => [box, box.scrollWidth - box.clientWidth, box.scrollLeft];
  const sideways = new ResizeObserver((entries) => {
    const seen = entries.map(({ target }) => measure(target)); // first read, then write
    for (const box of seen) { reach(...box); fade(...box); }
  });
  const boxes = `${fades}, .text_html`;
  const look = (within) => { for (const box of within.querySelectorAll(boxes)) sideways.observe(box); };
  look(document);
  document.addEventListener("live", ({ target }) => look(target));
  document.addEventListener("contentvisibilityautostatechange", ({ target, skipped }) => {
    const box = target.closest(boxes);
    if (!box || skipped) return; // far away, it has no width of its own, and keeps what it is
    sideways.unobserve(box);
    sideways.observe(box); // it is measured again
  });
  document.addEventListener("scroll", ({ target }) => {
    if (target.classList?.contains("scrolls")) fade(...measure(target));
  }, { capture: true, passive: true });

  // Large signs of formulas that are far below: they will be printed, too.
  if (document.querySelector(".katex-display")) {
    const sizes = () => { for (const size of [1, 2, 3, 4]) document.fonts?.load(`1em KaTeX_Size${size}`); };
    addEventListener("load", () => (window.requestIdleCallback ?? setTimeout)(sizes));
  }

  // A place that was asked for stays at the top while what stands above it grows, until
  // the reader moves.
  let held = null;
  const still = () => { if (held?.isConnected) held.scrollIntoView({ block: "start" }); };
  function hold(hash) {
    held = hash.length > 1 ? document.getElementById(decodeURIComponent(hash.slice(1))) : null;
    const fold = held?.closest("details:not([open])");
    if (fold) fold.open = true;
    still();
  }
  for (const name of ["wheel", "touchmove", "keydown", "pointerdown"]) {
    addEventListener(name, () => { held = null; }, { capture: true, passive: true });
  }
  new ResizeObserver(still).observe(document.querySelector("article"));
  document.addEventListener("click", (event) => {
    const to = event.target.closest?.("a[href^='#']");
    if (to && !to.matches(".menu, .skip")) requestAnimationFrame(() => hold(to.hash));
  });
  if (performance.getEntriesByType("navigation")[0]?.type === "navigate") hold(location.hash);

  // An error is reported with the section that is being read.
  const report = document.querySelector("a.report");
  report?.addEventListener("click", () => {
    const above = [...document.querySelectorAll("article h2[id], article section[id] > h2")]
      .filter((heading) => heading.getBoundingClientRect().top < innerHeight / 2).pop();
    const url = new URL(report.href);
    const words = above?.firstChild?.textContent.trim();
    if (words) url.searchParams.set("body", `In section “${words}”: `);
    report.href = url;
  });

  // Which section is being read.
  const links = new Map();
  for (const link of document.querySelectorAll(".here a[href^='#']")) {
    const section = document.getElementById(decodeURIComponent(link.hash.slice(1)));
    if (section) links.set(section, link);
  }
  if (links.size && "IntersectionObserver" in window) {
    const seen = new Set();
    const mark = () => {
      const last = [...links.keys()].filter((section) => seen.has(section)).pop();
      for (const [section, link] of links) {
        if (section === last) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      }
    };
    const observer = new IntersectionObserver((entries) => {
      for (const entry of entries) seen[entry.isIntersecting ? "add" : "delete"](entry.target);
      mark();
    }, { rootMargin: "-10% 0px -75% 0px" });
    links.forEach((_, section) => observer.observe(section));
  }
})();
