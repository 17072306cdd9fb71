"use strict";
// Filters and keys of the list of clips. Texts stay where the page has them; only attributes are changed here.
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  document.getElementById("theme").addEventListener("click", () => {
    const chosen = getComputedStyle(root).colorScheme;
    const dark = chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
    root.style.colorScheme = dark ? "light" : "dark";
  });

  const form = document.getElementById("filters");
  if (!form) return;
  const clips = JSON.parse(document.getElementById("data").textContent).clips;
  const cards = [...document.querySelectorAll(".card")];
  const field = (name) => document.getElementById(name);
  const texts = new Array(cards.length);
  const textOf = (i) => (texts[i] ??= cards[i].textContent.toLowerCase());

  const kinds = {
    wrong: (said, truth) => said !== truth,
    right: (said, truth) => said === truth,
    unparsed: (said) => said === null,
  };

  function chosen(i, words, which, by, truth, label) {
    const clip = clips[i];
    const said = by === "" ? clip.said : [clip.said[Number(by)]];
    if (truth !== "" && clip.truth !== Number(truth)) return false;
    if (label !== "" && !said.includes(Number(label))) return false;
    if (which === "disagree" && clip.said.every((one) => one === clip.said[0])) return false;
    if (kinds[which] && !said.some((one) => kinds[which](one, clip.truth))) return false;
    return words.every((word) => textOf(i).includes(word));
  }

  function filter() {
    const words = field("find").value.toLowerCase().split(/\s+/).filter(Boolean);
    const values = ["which", "by", "truth", "said"].map((name) => field(name)?.value ?? "");
    let count = 0;
    cards.forEach((card, i) => {
      card.hidden = !chosen(i, words, ...values);
      count += card.hidden ? 0 : 1;
    });
    field("count").value = `${count} of ${cards.length} clips`;
    field("empty").hidden = count > 0;
  }

  let waiting = 0;
  form.addEventListener("input", () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(filter);
  });
  form.addEventListener("reset", () => setTimeout(filter));
  form.addEventListener("submit", (event) => event.preventDefault());
  filter();

  let current = null;
  function choose(card) {
    current?.removeAttribute("aria-current");
    current = card;
    card.setAttribute("aria-current", "true");
    card.focus({ preventScroll: true });
    card.scrollIntoView({ block: "start", behavior: "instant" });
  }

  function move(step) {
    const seen = cards.filter((card) => !card.hidden);
    if (!seen.length) return;
    const at = current ? cards.indexOf(current) : -1;
    const next = step > 0 ? seen.find((card) => cards.indexOf(card) > at) : seen.findLast((card) => cards.indexOf(card) < at);
    choose(next ?? (current && !current.hidden ? current : seen[0]));
  }

  const keys = field("keys");
  field("help").addEventListener("click", () => keys.showModal());
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || keys.open) return;
    const typing = event.target.closest("input, select, textarea");
    if (typing) {
      if (event.key === "Escape") typing.blur();
      return;
    }
    const inList = document.activeElement?.closest("#list");
    const actions = {
      j: () => move(1),
      k: () => move(-1),
      ArrowDown: inList && (() => move(1)),
      ArrowUp: inList && (() => move(-1)),
      "/": () => field("find").focus(),
      "?": () => keys.showModal(),
    };
    const action = Object.hasOwn(actions, event.key) && actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
  document.getElementById("list").addEventListener("click", (event) => {
    const card = event.target.closest(".card");
    if (card && card !== current) {
      current?.removeAttribute("aria-current");
      current = card;
      card.setAttribute("aria-current", "true");
    }
  });
})();
