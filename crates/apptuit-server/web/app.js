// The page's state and how its parts work together. What can be shared (query, range, refresh) is in the URL hash.

import { RequestFailure, runQuery, suggestMetrics, token } from "/api.js";
import { OutputView } from "/chart.js";
import { queryCompletion } from "/completion.js";
import { metricPicker } from "/picker.js";

const RANGES = [["5m", 300], ["15m", 900], ["1h", 3600], ["6h", 21600], ["24h", 86400], ["7d", 604800]];
const RANGE_TITLES = { "5m": "Last 5 minutes", "15m": "Last 15 minutes", "1h": "Last hour", "6h": "Last 6 hours", "24h": "Last 24 hours", "7d": "Last 7 days" };
const STEPS = [["5s", 5], ["10s", 10], ["15s", 15], ["30s", 30], ["1m", 60], ["2m", 120], ["5m", 300], ["10m", 600], ["15m", 900], ["30m", 1800], ["1h", 3600], ["2h", 7200], ["6h", 21600], ["1d", 86400]];
/** Points a line that is written for the reader should have: about one for each four pixels. */
const WANTED_POINTS = 240;
/** A faster answer needs no sign that it is awaited. */
const PATIENCE_MS = 150;

const byId = (id) => document.getElementById(id);
const page = Object.fromEntries(
  ["access", "announce", "custom", "error", "from", "hints", "progress", "query", "ranges", "refresh", "results", "run", "summary", "to", "token"].map((id) => [id, byId(id)]),
);

const state = {
  range: { last: "1h" }, // or {from, to} in epoch seconds
  rangeProblem: "", // why the custom range as typed cannot be taken
  beforeZoom: null,
  written: null, // the metric and text of the last query this page wrote itself
  views: [],
  running: null,
  asksForToken: false, // whether the page itself opened the token form
  timer: 0,
};

// ---- time range

function seconds(name) {
  return RANGES.find(([known]) => known === name)[1];
}

function bounds(range) {
  if (!range.last) return range;
  const to = Math.ceil(Date.now() / 1000);
  return { from: to - seconds(range.last), to };
}

function localInput(epochSeconds) {
  const at = new Date(epochSeconds * 1000);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60000).toISOString().slice(0, 19);
}

function showRangeProblem(problem) {
  state.rangeProblem = problem;
  byId("custom-error").textContent = problem;
}

function setRange(range) {
  state.range = range;
  for (const radio of page.ranges.querySelectorAll("input")) radio.checked = radio.value === (range.last ?? "custom");
  page.custom.hidden = Boolean(range.last);
  showRangeProblem("");
  byId("reset-zoom").hidden = !state.beforeZoom;
  const { from, to } = bounds(range);
  page.from.value = localInput(from);
  page.to.value = localInput(to);
  if (state.written && page.query.value === state.written.text) writeQuery(state.written.metric);
}

function chooseRange(name) {
  state.beforeZoom = null;
  if (name !== "custom") {
    setRange({ last: name });
    run();
  } else {
    setRange(bounds(state.range));
    page.from.focus();
  }
}

function customRange() {
  const [from, to] = [page.from, page.to].map(({ value }) => Math.floor(new Date(value).getTime() / 1000));
  const problem = Number.isNaN(from) || Number.isNaN(to) ? "Give both a date and a time." : from >= to ? "“From” must be before “To”." : "";
  showRangeProblem(problem);
  if (problem) return;
  state.beforeZoom = null;
  setRange({ from, to });
  run();
}

function zoom(from, to) {
  state.beforeZoom ??= state.range;
  setRange({ from, to });
  run();
}

// ---- query text

function quoted(text) {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}

/** Writes the usual query of a metric, with windows that suit the range. */
function writeQuery(metric) {
  const { from, to } = bounds(state.range);
  const [step] = STEPS.find(([, length]) => length >= (to - from) / WANTED_POINTS) ?? STEPS.at(-1);
  const text = `fetch(${quoted(metric)}).downsample('${step}', 'avg')`;
  page.query.value = text;
  state.written = { metric, text };
  fitQuery();
}

function fitQuery() {
  page.query.rows = Math.min(Math.max(page.query.value.split("\n").length, 2), 16);
}

// ---- errors

/** The character position in `line` of a byte column. */
function characterColumn(line, byteColumn) {
  const bytes = new TextEncoder().encode(line).slice(0, byteColumn);
  return new TextDecoder().decode(bytes).length;
}

function clearError() {
  withdrawTokenForm();
  page.error.hidden = true;
  page.error.replaceChildren();
  page.query.removeAttribute("aria-invalid");
  page.query.setAttribute("aria-describedby", "query-hint");
}

/** Opens the token form, until an answer shows that no token is what is missing. */
function askForToken() {
  if (!page.access.open) state.asksForToken = true;
  page.access.open = true;
  page.token.focus();
}

/** Closes the token form if the page opened it and nobody is typing into it. */
function withdrawTokenForm() {
  if (!state.asksForToken || page.token.value !== "") return;
  if (page.access.contains(document.activeElement)) byId("access-summary").focus();
  page.access.open = false;
}

/** A paragraph of a message in which `backticks` mark what is code. */
function messageParagraph(className, message) {
  const made = paragraph(className, "");
  message.split(/`([^`]+)`/).forEach((part, i) => {
    if (i % 2 === 0) {
      made.append(part);
      return;
    }
    const code = document.createElement("code");
    code.textContent = part;
    made.append(code);
  });
  return made;
}

/** Shows advice on a query that gave an answer. */
function showHints(hints) {
  const made = hints.map((hint) => messageParagraph("", hint));
  const wanted = made.map((one) => one.textContent).join("");
  // A status that is set again is read out again, at every refresh.
  if (page.hints.textContent !== wanted) page.hints.replaceChildren(...made);
  page.hints.hidden = hints.length === 0;
}

/** Scrolls `code` sideways, and nothing else, until its caret is in view. */
function showCaret(code, caret) {
  const beyond = caret.getBoundingClientRect().right - code.getBoundingClientRect().right;
  if (beyond > 0) code.scrollLeft += beyond + code.clientWidth / 2;
}

function showError(failure, text) {
  if (failure.status !== 401) withdrawTokenForm();
  const parts = [messageParagraph("error-message", failure.message)];
  const lines = text.split("\n");
  const line = lines[failure.line - 1];
  let caret;
  if (line !== undefined) {
    const column = failure.column >= 0 ? characterColumn(line, failure.column) : -1;
    const code = document.createElement("pre");
    code.className = "error-code";
    code.textContent = line;
    if (column >= 0) {
      caret = document.createElement("span");
      caret.className = "caret";
      caret.setAttribute("aria-hidden", "true");
      caret.textContent = "^";
      code.append("\n", line.slice(0, column).replace(/[^\t]/g, " "), caret);
    }
    const place = document.createElement("button");
    place.type = "button";
    place.className = "link";
    place.textContent = column >= 0 ? `Line ${failure.line}, column ${column + 1}` : `Line ${failure.line}`;
    place.addEventListener("click", () => {
      const offset = lines.slice(0, failure.line - 1).reduce((sum, one) => sum + one.length + 1, 0) + Math.max(column, 0);
      page.query.focus();
      page.query.setSelectionRange(offset, offset);
    });
    parts.push(place, code);
  }
  parts.push(...failure.hints.map((hint) => messageParagraph("error-hint", hint)));
  showHints([]);
  // An alert that is set again is read out again, at every refresh.
  const wanted = parts.map((part) => part.textContent).join("\n");
  if (!page.error.hidden && page.error.dataset.shown === wanted) return;
  page.error.dataset.shown = wanted;
  page.error.replaceChildren(...parts);
  page.error.hidden = false;
  if (caret) showCaret(caret.parentElement, caret);
  if (failure.status === 400) {
    page.query.setAttribute("aria-invalid", "true");
    page.query.setAttribute("aria-describedby", "query-hint error");
  }
  if (failure.status === 401) askForToken();
}

// ---- results

function paragraph(className, text) {
  const made = document.createElement("p");
  made.className = className;
  made.textContent = text;
  return made;
}

function emptyCard(title, text, code) {
  const card = document.createElement("section");
  card.className = "card empty";
  const heading = document.createElement("h2");
  heading.textContent = title;
  card.append(heading, paragraph("", text));
  if (code) {
    const pre = document.createElement("pre");
    pre.textContent = code;
    card.append(pre);
  }
  return card;
}

function showEmpty(card) {
  for (const view of state.views) view.destroy();
  state.views = [];
  page.results.replaceChildren(card);
}

function showOutputs(outputs, range) {
  if (outputs.length === 0) {
    showEmpty(emptyCard("No output", "The query gave no output. End it with output(name), or with an expression."));
    return;
  }
  for (const view of state.views.splice(outputs.length)) view.destroy();
  while (state.views.length < outputs.length) state.views.push(new OutputView(zoom));
  const elements = state.views.map((view) => view.element);
  const same = page.results.children.length === elements.length && elements.every((one, i) => page.results.children[i] === one);
  // Replaced only when it must be: a refresh keeps focus, hover and scroll position.
  if (!same) page.results.replaceChildren(...elements);
  outputs.forEach((output, i) => state.views[i].update(output, range));
}

async function showWelcome() {
  let names;
  try {
    names = await suggestMetrics("", 1);
  } catch (failure) {
    showError(failure, "");
    names = null;
  }
  if (page.query.value.trim() !== "" || state.running) return;
  if (names?.length === 0) {
    const now = Math.floor(Date.now() / 1000);
    const bearer = token.get() ? ' \\\n  -H "Authorization: Bearer $TOKEN"' : "";
    const example = `curl ${location.origin}/api/put?details${bearer} \\\n  -H 'Content-Type: application/json' \\\n  -d '[{"metric":"room.temperature","timestamp":${now},"value":21.5,"tags":{"room":"kitchen"}}]'`;
    showEmpty(emptyCard("No metrics yet", "Send a first point, then reload this page:", example));
  } else if (!names) {
    showEmpty(emptyCard("Nothing to show yet", "The server gave no list of metrics. The reason is shown above."));
  } else {
    showEmpty(emptyCard("Nothing to show yet", "Pick a metric above, or write a query and run it."));
  }
}

// ---- running

function busy(on, quietly) {
  page.run.textContent = on && !quietly ? "Running…" : "Run";
  page.progress.hidden = !on || quietly;
  page.results.setAttribute("aria-busy", String(on));
}

/** Runs the query; `quietly` for a refresh that nobody asked for just now. */
async function run(quietly = false) {
  if (state.rangeProblem) return;
  if (!quietly) closeCompletions();
  clearTimeout(state.timer);
  state.running?.abort();
  const text = page.query.value;
  saveHash();
  if (text.trim() === "") {
    state.running = null;
    busy(false, false);
    clearError();
    showHints([]);
    page.summary.textContent = "";
    showWelcome();
    return;
  }
  const mine = new AbortController();
  state.running = mine;
  const patience = setTimeout(() => busy(true, quietly), PATIENCE_MS);
  const range = bounds(state.range);
  try {
    const answer = await runQuery({ text, start: range.from, end: range.to }, mine.signal);
    if (mine.signal.aborted) return;
    clearError();
    showHints(answer.hints);
    showOutputs(answer.outputs, range);
    report(answer, quietly);
  } catch (failure) {
    if (mine.signal.aborted) return;
    if (!(failure instanceof RequestFailure)) throw failure;
    page.summary.textContent = "";
    showError(failure, text);
    if (!quietly) showEmpty(emptyCard("No result", "The query failed. The reason is shown under its text."));
  } finally {
    clearTimeout(patience);
    if (state.running === mine) {
      state.running = null;
      busy(false, quietly);
      schedule();
    }
  }
}

function report(answer, quietly) {
  const series = answer.outputs.reduce((sum, output) => sum + output.result.length, 0);
  const points = answer.outputs.reduce((sum, { result }) => result.reduce((inner, { dps }) => inner + dps.length, sum), 0);
  const counted = (n, one, many) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
  const found = `${counted(series, "series", "series")}, ${counted(points, "point", "points")}`;
  const took = answer.elapsedMillis === undefined ? "" : ` in ${answer.elapsedMillis} ms`;
  page.summary.textContent = `${found}${took}, ${new Date().toLocaleTimeString("en-GB")}`;
  if (!quietly) page.announce.textContent = `Query done: ${found}.`;
}

function schedule() {
  clearTimeout(state.timer);
  const every = Number(page.refresh.value);
  if (every === 0 || page.query.value.trim() === "") return;
  state.timer = setTimeout(() => {
    // A page that nobody sees asks for nothing; half-typed text is left alone.
    if (document.hidden || page.query.value !== new URLSearchParams(location.hash.slice(1)).get("q")) schedule();
    else run(true);
  }, every * 1000);
}

// ---- the link

function saveHash() {
  const fields = new URLSearchParams();
  if (page.query.value.trim() !== "") fields.set("q", page.query.value);
  if (state.range.last) fields.set("range", state.range.last);
  else {
    fields.set("from", String(state.range.from));
    fields.set("to", String(state.range.to));
  }
  if (page.refresh.value !== "0") fields.set("refresh", page.refresh.value);
  history.replaceState(null, "", `#${fields}`);
}

function loadHash() {
  const fields = new URLSearchParams(location.hash.slice(1));
  const [from, to] = [Number(fields.get("from")), Number(fields.get("to"))];
  const isRange = Number.isFinite(from) && Number.isFinite(to) && from > 0 && from < to && to < 1e11;
  const last = RANGES.some(([name]) => name === fields.get("range")) ? fields.get("range") : "1h";
  page.query.value = fields.get("q") ?? "";
  state.written = null;
  state.beforeZoom = null;
  page.refresh.value = fields.get("refresh") ?? "0";
  if (page.refresh.selectedIndex < 0) page.refresh.value = "0";
  setRange(isRange ? { from: Math.floor(from), to: Math.ceil(to) } : { last });
  fitQuery();
  run();
}

// ---- start

function buildRanges() {
  for (const name of [...RANGES.map(([known]) => known), "custom"]) {
    const label = document.createElement("label");
    const radio = document.createElement("input");
    radio.type = "radio";
    radio.name = "range";
    radio.value = name;
    radio.setAttribute("aria-label", RANGE_TITLES[name] ?? "Custom range");
    radio.addEventListener("change", () => chooseRange(name));
    const text = document.createElement("span");
    text.textContent = name === "custom" ? "Custom" : name;
    label.append(radio, text);
    page.ranges.append(label);
  }
}

function listen() {
  byId("query-form").addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  page.query.addEventListener("input", fitQuery);
  page.query.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    run();
  });
  page.from.addEventListener("change", customRange);
  page.to.addEventListener("change", customRange);
  page.refresh.addEventListener("change", () => {
    saveHash();
    schedule();
  });
  byId("reset-zoom").addEventListener("click", () => {
    const range = state.beforeZoom;
    state.beforeZoom = null;
    setRange(range);
    run();
  });
  byId("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    saveToken(page.token.value.trim());
  });
  byId("token-forget").addEventListener("click", () => saveToken(""));
  page.access.addEventListener("toggle", () => {
    if (!page.access.open) state.asksForToken = false;
  });
  page.access.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    page.access.open = false;
    byId("access-summary").focus();
  });
  addEventListener("hashchange", loadHash);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const view of state.views) view.restyle();
  });
}

function saveToken(value) {
  token.set(value);
  page.token.value = "";
  page.access.open = false;
  showTokenState();
  run();
}

function showTokenState() {
  byId("access-summary").textContent = token.get() ? "Access token set" : "Access token";
}

const closeCompletions = queryCompletion();
buildRanges();
listen();
showTokenState();
byId("zone").textContent = `Times in ${Intl.DateTimeFormat().resolvedOptions().timeZone}`;
metricPicker((metric) => {
  writeQuery(metric);
  run();
});
loadHash();
