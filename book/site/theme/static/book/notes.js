// Terms and citations open where the reader is: a card with the glossary's row or the
// reference, by hover, focus or tap. Escape closes it; the link itself works as ever.
(() => {
  "use strict";
  const source = document.currentScript.dataset.notes;
  const LINKS = "a[href*='glossary.html#term-'], a[href*='references.html#']";
  const article = document.querySelector("article");
  const card = document.createElement("div");
  card.className = card.id = "note";
  card.setAttribute("role", "note");
  let owner = null; // the link whose card is open
  let wanted; // a timer: what the mouse rests on opens, what it leaves closes
  let touched = false;
  let silent = false; // while the focus goes back to a link whose card was closed
  let notes;

  const load = () => notes ??= new Promise((done) => {
    const script = document.createElement("script");
    script.src = source;
    script.onload = () => done(window.NOTES);
    script.onerror = () => done({});
    document.head.append(script);
  });
  const linkOf = (node) => node.closest?.(LINKS);
  const within = (node) => node && (card.contains(node) || owner?.contains(node));

  function place() {
    if (!owner) return;
    const box = owner.getClientRects()[0];
    if (!box || box.bottom < 0 || box.top > innerHeight) { close(); return; }
    const width = document.documentElement.clientWidth;
    card.style.left = `${Math.max(12, Math.min(box.left, width - card.offsetWidth - 12))}px`;
    const below = box.bottom + 6;
    const above = box.top - 6 - card.offsetHeight;
    card.style.top = `${below + card.offsetHeight > innerHeight && above > 60 ? above : below}px`;
  }

  async function open(link) {
    clearTimeout(wanted);
    if (owner === link) return;
    close();
    owner = link;
    const text = (await load())[decodeURIComponent(link.hash.slice(1))];
    if (owner !== link) return;
    if (!text) { // the notes have not come; a tap follows the link then
      owner = null;
      if (touched) location.assign(link.href);
      return;
    }
    card.innerHTML = text;
    const more = document.createElement("a");
    more.href = link.href;
    more.textContent = link.href.includes("glossary.html") ? "In the glossary" : "In the references";
    const line = document.createElement("p");
    // Where a term comes from, unless that is here.
    for (const page of card.querySelectorAll("a[data-to]")) {
      page.href = document.documentElement.dataset.content_root + page.dataset.to;
      page.parentElement.remove();
      if (page.pathname !== location.pathname) line.append(page, " · ");
    }
    line.append(more);
    card.append(line);
    link.after(card);
    link.setAttribute("aria-describedby", "note");
    place();
  }

  function close() {
    clearTimeout(wanted);
    owner?.removeAttribute("aria-describedby");
    owner = null;
    card.remove();
  }

  function soon(what, milliseconds) {
    clearTimeout(wanted);
    wanted = setTimeout(what, milliseconds);
  }

  document.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "mouse") return;
    const link = linkOf(event.target);
    if (link && !card.contains(link)) soon(() => open(link), 200);
    else if (within(event.target)) clearTimeout(wanted);
    else soon(close, 300);
  });
  document.addEventListener("pointerdown", (event) => {
    touched = event.pointerType === "touch";
    if (owner && !within(event.target)) close();
  });
  article.addEventListener("focusin", (event) => {
    const link = linkOf(event.target);
    if (link && !silent && !card.contains(link) && link.matches(":focus-visible")) open(link);
  });
  article.addEventListener("focusout", (event) => {
    if (owner && !touched && !within(event.relatedTarget) && within(event.target)) soon(close, 100);
  });
  article.addEventListener("click", (event) => {
    const link = linkOf(event.target);
    // A first tap opens the card, a second one follows the link.
    if (!touched || !link || card.contains(link) || link === owner) return;
    event.preventDefault();
    open(link);
  });
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !owner) return;
    const link = owner;
    const inside = card.contains(document.activeElement);
    close();
    silent = true;
    if (inside) link.focus();
    silent = false;
  });
  addEventListener("scroll", place, { passive: true });
  addEventListener("resize", place);
})();
