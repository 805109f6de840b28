// The searchable list of metrics: a text field with suggestions (the ARIA combobox pattern).

import { suggestMetrics } from "/api.js";

const SHOWN = 50;
const TYPING_PAUSE_MS = 120;

/** Turns the elements `#metric` and `#metric-list` into a picker that calls `onPick(name)`. */
export function metricPicker(onPick) {
  const input = document.getElementById("metric");
  const list = document.getElementById("metric-list");
  const note = document.getElementById("metric-note");
  let active = -1;
  let pending = null;
  let timer = 0;

  function close() {
    clearTimeout(timer);
    pending?.abort();
    list.hidden = true;
    note.hidden = true;
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function choose(name) {
    input.value = name;
    close();
    onPick(name);
  }

  function move(to) {
    const options = list.children;
    if (options.length === 0) return;
    options[active]?.setAttribute("aria-selected", "false");
    active = (to + options.length) % options.length;
    const option = options[active];
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", option.id);
  }

  function say(text) {
    note.textContent = text;
    note.hidden = text === "";
  }

  function show(names, prefix) {
    list.replaceChildren(
      ...names.map((name, index) => {
        const option = document.createElement("li");
        option.id = `metric-option-${index}`;
        option.setAttribute("role", "option");
        option.setAttribute("aria-selected", "false");
        option.dataset.name = name;
        const typed = document.createElement("b");
        typed.textContent = name.slice(0, prefix.length);
        option.append(typed, name.slice(prefix.length));
        return option;
      }),
    );
    active = -1;
    input.removeAttribute("aria-activedescendant");
    list.hidden = names.length === 0;
    input.setAttribute("aria-expanded", String(names.length > 0));
    if (names.length === 0) say(prefix ? `No metric starts with “${prefix}”.` : "No metrics are stored yet.");
    else if (names.length === SHOWN) say(`The first ${SHOWN} are listed. Type to narrow them down.`);
    else say("");
  }

  async function search() {
    pending?.abort();
    const mine = new AbortController();
    pending = mine;
    const prefix = input.value.trim();
    try {
      const names = await suggestMetrics(prefix, SHOWN, mine.signal);
      if (!mine.signal.aborted && document.activeElement === input) show(names, prefix);
    } catch (cause) {
      if (mine.signal.aborted) return;
      show([], prefix);
      say(cause.message);
    }
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, TYPING_PAUSE_MS);
  });
  input.addEventListener("click", () => {
    if (list.hidden) search();
  });
  input.addEventListener("focus", () => input.select());
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) search();
      else move(active + (event.key === "ArrowDown" ? 1 : active < 0 ? 0 : -1));
    } else if (event.key === "Enter") {
      // Never submits the form: a half-typed name is not a query.
      event.preventDefault();
      const option = list.hidden ? null : list.children[active] ?? list.children[0];
      if (option) choose(option.dataset.name);
    } else if (event.key === "Escape") {
      close();
    }
  });
  // On press, before the field loses the focus and the list closes.
  list.addEventListener("mousedown", (event) => {
    event.preventDefault();
    const option = event.target.closest("[role=option]");
    if (option) choose(option.dataset.name);
  });
}
