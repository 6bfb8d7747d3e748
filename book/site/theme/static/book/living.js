// Lets the perceptron's playground on the start page learn by itself: it takes a step
// now and then, until the reader pauses it or has asked for less motion.
(() => {
  "use strict";
  const STEP = 900;
  const REST = 3; // steps to wait when it has converged, before it starts again
  const place = document.querySelector(".living");
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const called = (name) => [...place.querySelectorAll("button")].find((button) => button.textContent === name);
  let playing = false;
  let near = true;
  let rest = 0;

  function begin(root) {
    const words = root.querySelector(".ex-text");
    const toggle = document.createElement("button");
    toggle.type = "button";
    toggle.className = "play";
    const over = () => root.explorer.state().converged;

    function play(on) {
      playing = on;
      toggle.textContent = on ? "Pause" : "Play";
      // What changes by itself would be read aloud without an end.
      words.setAttribute("aria-live", on ? "off" : "polite");
    }
    function step() {
      if (!playing || !near || document.hidden) return;
      if (!over()) called("Step").click();
      else if ((rest += 1) >= REST) {
        rest = 0;
        called("Start again").click();
      }
    }
    toggle.addEventListener("click", () => play(!playing));
    words.before(toggle);
    play(!calm.matches);
    if (calm.matches) for (let k = 0; k < 20 && !over(); k += 1) called("Run a pass").click();
    else step();
    setInterval(step, STEP);
    new IntersectionObserver(([entry]) => { near = entry.isIntersecting; }).observe(place);
  }

  // mount.js brings the explorer; here we wait for it.
  const explorer = place.querySelector(".explorer");
  new MutationObserver((_, observer) => {
    if (explorer.dataset.state !== "live") return;
    observer.disconnect();
    begin(explorer.querySelector(".explorer-root"));
  }).observe(explorer, { attributeFilter: ["data-state"] });
})();
