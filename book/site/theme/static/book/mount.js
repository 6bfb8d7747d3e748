// Brings the explorers of a page alive without a kernel: takes each one's ES module and
// saved state out of the page and runs it, with a small model in the place of Jupyter's.
// The still picture stays until the explorer is there, and for good if it fails.
(() => {
  "use strict";

  // The part of an anywidget's model that makes sense without a kernel.
  class Model {
    constructor(state) {
      this.state = state;
      this.listeners = new Map();
    }
    get(name) { return this.state[name]; }
    set(name, value) {
      const changes = typeof name === "object" ? name : { [name]: value };
      for (const [key, now] of Object.entries(changes)) {
        if (this.state[key] === now) continue;
        this.state[key] = now;
        this.emit(`change:${key}`, this, now);
        this.emit("change", this);
      }
    }
    on(names, listener) {
      for (const name of names.split(/\s+/)) {
        if (!this.listeners.has(name)) this.listeners.set(name, new Set());
        this.listeners.get(name).add(listener);
      }
    }
    off(names, listener) {
      if (!names) { this.listeners.clear(); return; }
      for (const name of names.split(/\s+/)) {
        if (listener) this.listeners.get(name)?.delete(listener);
        else this.listeners.delete(name);
      }
    }
    emit(name, ...values) {
      for (const listener of [...(this.listeners.get(name) ?? [])]) listener(...values);
    }
    save_changes() {} // there is no kernel to tell
    send() {}
  }

  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const modules = new Map();
  function load(id) {
    if (!modules.has(id)) {
      const url = URL.createObjectURL(new Blob([read(id)], { type: "text/javascript" }));
      modules.set(id, import(url).then((m) => m.default).then((w) => (typeof w === "function" ? w() : w)));
    }
    return modules.get(id);
  }

  function dress(id) {
    if (!id || document.querySelector(`style[data-for="${id}"]`)) return;
    const style = document.createElement("style");
    style.dataset.for = id;
    style.textContent = read(id);
    document.head.append(style);
  }

  async function mount(place) {
    const still = place.querySelector(".explorer-still");
    const live = place.querySelector(".explorer-live");
    try {
      const saved = JSON.parse(place.querySelector(".explorer-model").textContent);
      const widget = await load(saved.esm);
      const model = new Model(saved.state);
      dress(saved.css);
      place.style.minHeight = `${place.offsetHeight}px`; // the page does not jump
      live.hidden = false;
      still.hidden = true;
      await widget.initialize?.({ model });
      await widget.render({ model, el: live });
      place.dataset.state = "live";
      place.dispatchEvent(new Event("live", { bubbles: true }));
    } catch (error) {
      live.replaceChildren();
      live.hidden = true;
      still.hidden = false;
      const note = document.createElement("p");
      note.className = "explorer-sentence";
      note.textContent = "The interactive version could not start in this browser; this is a still picture of it.";
      still.append(note);
      place.dataset.state = "failed";
      console.warn("explorer:", error);
    } finally {
      place.style.minHeight = "";
    }
  }

  const places = document.querySelectorAll(".explorer");
  if (!("IntersectionObserver" in window)) {
    places.forEach(mount);
    return;
  }
  const observer = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      observer.unobserve(target);
      mount(target);
    }
  }, { rootMargin: "800px 0px" });
  places.forEach((place) => observer.observe(place));
})();
