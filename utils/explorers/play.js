// What goes on by itself: a film with play and pause. It rests while it is out of sight.
// If it `begins` by itself, it does so when it first comes into sight, unless the reader
// asks for less motion: then it is `calm`.

import { button, choice } from "./common.js";

const PACES = [[1600, "slow"], [800, "normal"], [250, "fast"]]; // milliseconds a step

// `advance(once)` takes the next step, and returns false if the film ends there; `once`
// says that it runs but once. `show(playing)` hears of play and pause.
export function film(stage, { advance, show, begins = true }) {
  let playing = false, seen = false, once = true, timer;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let waits = begins && !calm; // to begin by itself
  const name = (on) => (on ? "❚❚ Pause" : "▶\uFE0E Play");
  const pace = choice({ label: "speed", options: PACES, value: 800, onchange: () => schedule() });

  function schedule() {
    clearTimeout(timer);
    if (!playing || !seen || document.hidden) return;
    timer = setTimeout(() => {
      // What is pressed stays until it is let go: a step draws all anew.
      if (stage.matches(":active") || advance(once)) schedule();
      else turn(false);
    }, Number(pace.input.value));
  }
  function turn(on) {
    waits = false;
    const was = playing;
    playing = on;
    toggle.textContent = name(on);
    schedule();
    if (on !== was) show(on);
  }
  const toggle = button(name(false), () => { once = false; turn(!playing); }, { class: "ex-play" });

  const observer = new IntersectionObserver((entries) => {
    const { isIntersecting, intersectionRatio } = entries.at(-1);
    seen = isIntersecting;
    if (waits && intersectionRatio >= 0.5) turn(true);
    else schedule();
  }, { threshold: [0, 0.5] });
  observer.observe(stage);
  document.addEventListener("visibilitychange", schedule);
  return {
    controls: [toggle, pace],
    calm,
    playing: () => playing,
    pause: () => turn(false),
    leave: () => {
      clearTimeout(timer);
      observer.disconnect();
      document.removeEventListener("visibilitychange", schedule);
    },
  };
}
