// Completion in the query editor: what may be written at the cursor is asked of the server and listed below it.

import { completeQuery } from "/api.js";

const TYPING_PAUSE_MS = 80;
/** After these something is sure to follow; elsewhere a list opens by itself only for a word that was begun. */
const OPENERS = ".('\"=,|";
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Offers completions in `#query` by way of `#completions` and `#completion-note`; gives a function that closes the list. */
export function queryCompletion() {
  const field = document.getElementById("query");
  const list = document.getElementById("completions");
  const note = document.getElementById("completion-note");
  let shown = null; // {start, end, candidates}, places in characters
  let active = 0;
  let pending = null;
  let timer = 0;

  function close() {
    clearTimeout(timer);
    pending?.abort();
    shown = null;
    list.hidden = true;
    note.textContent = "";
    field.removeAttribute("aria-activedescendant");
  }

  function activate(index) {
    const options = list.children;
    options[active]?.setAttribute("aria-selected", "false");
    active = (index + options.length) % options.length;
    options[active].setAttribute("aria-selected", "true");
    options[active].scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", options[active].id);
  }

  function option({ text, kind, about }, index, written) {
    const made = document.createElement("li");
    made.id = `completion-${index}`;
    made.setAttribute("role", "option");
    made.setAttribute("aria-selected", "false");
    const name = document.createElement("span");
    name.className = "completion-text";
    const known = text.startsWith(written) ? written.length : 0;
    const typed = document.createElement("b");
    typed.textContent = text.slice(0, known);
    name.append(typed, text.slice(known));
    const what = document.createElement("span");
    what.className = "completion-about";
    what.textContent = about || kind;
    made.append(name, " ", what);
    return made;
  }

  function show(start, end, candidates) {
    const written = field.value.slice(start, field.selectionStart);
    const done = candidates.length === 1 && candidates[0].text === field.value.slice(start, end);
    if (candidates.length === 0 || done) {
      close();
      return;
    }
    shown = { start, end, candidates };
    list.replaceChildren(...candidates.map((candidate, index) => option(candidate, index, written)));
    list.hidden = false;
    place(start);
    activate(0);
    list.scrollTop = 0;
    note.textContent = candidates.length === 1 ? "1 completion" : `${candidates.length} completions`;
  }

  /** Puts the list under the start of the word, and inside the editor's width. */
  function place(start) {
    const { left, bottom } = placeOf(field, start);
    const room = field.offsetLeft + field.offsetWidth - list.offsetWidth;
    list.style.left = `${Math.max(field.offsetLeft, Math.min(left, room))}px`;
    list.style.top = `${Math.min(bottom, field.offsetTop + field.offsetHeight)}px`;
  }

  function choose(index) {
    const { start, end, candidates } = shown;
    close();
    field.setSelectionRange(start, end);
    // The old command, as it alone leaves the browser's undo whole.
    if (!document.execCommand("insertText", false, candidates[index].insert)) {
      field.setRangeText(candidates[index].insert, start, end, "end");
      field.dispatchEvent(new Event("input"));
    }
  }

  async function ask(isWanted) {
    pending?.abort();
    const mine = new AbortController();
    pending = mine;
    const { value, selectionStart, selectionEnd } = field;
    if (selectionStart !== selectionEnd) return close();
    const at = encoder.encode(value.slice(0, selectionStart)).length;
    let answer;
    try {
      answer = await completeQuery(value, at, mine.signal);
    } catch {
      // Help that does not come is no failure of what the reader does.
      if (pending === mine) close();
      return;
    }
    if (mine.signal.aborted || document.activeElement !== field) return;
    const bytes = encoder.encode(value);
    const [start, end] = [answer.from, answer.to].map((byte) => decoder.decode(bytes.slice(0, byte)).length);
    const begun = start < selectionStart || OPENERS.includes(value.charAt(selectionStart - 1) || " ");
    if (isWanted || begun) show(start, end, answer.candidates);
    else close();
  }

  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => ask(false), TYPING_PAUSE_MS);
  });
  field.addEventListener("blur", close);
  field.addEventListener("mousedown", close);
  field.addEventListener("scroll", close);
  field.addEventListener("keydown", (event) => {
    if (event.key === " " && event.ctrlKey) {
      event.preventDefault();
      ask(true);
    } else if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) {
      close();
    } else if (shown === null) {
      // Not yet shown, and no longer awaited: this key is for the text.
      if (event.key === "Enter" || event.key === "Tab" || event.key === "Escape") close();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      activate(active + (event.key === "ArrowDown" ? 1 : -1));
    } else if ((event.key === "Enter" || event.key === "Tab") && !event.shiftKey) {
      event.preventDefault();
      choose(active);
    } else if (["Escape", "ArrowLeft", "ArrowRight", "Home", "End", "PageUp", "PageDown", "Tab"].includes(event.key)) {
      close();
    }
  });
  // On press, before the field loses the focus and the list closes.
  list.addEventListener("mousedown", (event) => {
    event.preventDefault();
    const chosen = event.target.closest("[role=option]");
    if (chosen) choose([...list.children].indexOf(chosen));
  });
  return close;
}

/** Where a character of a text area stands, in the coordinates of its offset parent: measured in a copy laid out alike. */
function placeOf(field, index) {
  const style = getComputedStyle(field);
  const copy = document.createElement("div");
  for (const name of ["font", "letterSpacing", "tabSize", "padding", "border", "boxSizing", "lineHeight"]) {
    copy.style[name] = style[name];
  }
  Object.assign(copy.style, { position: "absolute", visibility: "hidden", whiteSpace: "pre-wrap", overflowWrap: "break-word" });
  copy.style.width = `${field.offsetWidth}px`;
  copy.style.left = `${field.offsetLeft}px`;
  copy.style.top = `${field.offsetTop}px`;
  const mark = document.createElement("span");
  mark.textContent = field.value.slice(index, index + 1).trim() || "x";
  copy.append(field.value.slice(0, index), mark);
  field.offsetParent.append(copy);
  const place = {
    left: field.offsetLeft + mark.offsetLeft,
    bottom: field.offsetTop + mark.offsetTop + mark.offsetHeight - field.scrollTop + 4,
  };
  copy.remove();
  return place;
}
