// One output of a query: a chart of its series, and a table that is legend and summary in one.

/* global uPlot */

/** More lines than this on one chart can neither be told apart nor drawn smoothly. */
export const MAX_DRAWN = 100;

const HEIGHT = 280;
const DASHES = [[], [8, 4], [2, 3]];
// A pause longer than this many usual steps of a series is a hole, not a line.
const HOLE_STEPS = 3;
const UNITS = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];
/** From here on a value is written with an exponent. */
const HUGE = 1e15;
// What may lie between two labels of the value axis: uPlot's own list ends at 5e31, and larger values go unlabelled.
const VALUE_STEPS = Array.from({ length: 340 }, (_, i) => i - 32).flatMap((exponent) => [1, 2, 2.5, 5].map((one) => Number(`${one}e${exponent}`)));

/** `metric{key:value, ...}` with sorted keys; the metric alone if there are no tags. */
export function seriesName({ metric, tags }) {
  const keys = Object.keys(tags ?? {}).sort();
  if (keys.length === 0) return metric;
  return `${metric}{${keys.map((key) => `${key}:${tags[key]}`).join(", ")}}`;
}

/** A value for people: six significant digits, all digits of a whole part up to 10^9, then a unit or an exponent. */
export function formatValue(value) {
  if (typeof value !== "number" || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size >= HUGE || size < 1e-6)) return value.toExponential(4);
  if (size >= 1e9) {
    const [unit, suffix] = UNITS.find(([one]) => one <= size);
    return (value / unit).toLocaleString("en", { maximumSignificantDigits: 6 }) + suffix;
  }
  return value.toLocaleString("en", size >= 1e6 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 6 });
}

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function showValue(cell, value) {
  cell.textContent = formatValue(value);
  cell.title = typeof value === "number" ? String(value) : "";
}

function style(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function look(index) {
  return { color: style(`--line-${index % 8}`), dash: DASHES[Math.floor(index / 8) % DASHES.length] };
}

/** Columns of one series, with a null inside each hole so that no line crosses it. */
export function columns(dps) {
  const steps = [];
  for (let i = 1; i < dps.length; i += 1) steps.push(dps[i][0] - dps[i - 1][0]);
  const usual = steps.toSorted((a, b) => a - b)[Math.floor(steps.length / 2)] ?? 0;
  const times = [];
  const values = [];
  dps.forEach(([time, value], i) => {
    if (i > 0 && steps[i - 1] > usual * HOLE_STEPS) {
      times.push(dps[i - 1][0] + usual);
      values.push(null);
    }
    times.push(time);
    values.push(value);
  });
  return [times, values];
}

/** Points with a hole on either side: no line reaches them, so they need a dot. */
function lonely(values) {
  const found = [];
  let previous = null;
  let run = 0;
  values.forEach((value, i) => {
    if (value === undefined) return;
    if (value === null) {
      if (run === 1) found.push(previous);
      run = 0;
    } else {
      run += 1;
      previous = i;
    }
  });
  if (run === 1) found.push(previous);
  return found;
}

function summarise(dps) {
  if (dps.length === 0) return { latest: null, min: null, avg: null, max: null };
  let [min, max, sum] = [Infinity, -Infinity, 0];
  for (const [, value] of dps) {
    if (value < min) min = value;
    if (value > max) max = value;
    sum += value;
  }
  return { latest: dps.at(-1)[1], min, avg: sum / dps.length, max };
}

function timeLabels(_chart, splits, _axis, _space, increment) {
  let day = "";
  return splits.map((seconds) => {
    const at = new Date(seconds * 1000);
    const date = at.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
    if (increment >= 86400) return date;
    const clock = at.toLocaleTimeString("en-GB", {
      hour: "2-digit",
      minute: "2-digit",
      ...(increment < 60 && { second: "2-digit" }),
    });
    const label = date === day ? clock : `${clock}\n${date}`;
    day = date;
    return label;
  });
}

/** Labels with exponents, with as many digits as it takes to be exact. */
function exponentLabels(splits, increment) {
  const exact = (label, i) => Math.abs(Number(label) - splits[i]) < increment / 100;
  for (let digits = 0; ; digits += 1) {
    const labels = splits.map((value) => (Math.abs(value) < increment / 100 ? "0" : value.toExponential(digits)));
    if (digits === 10 || labels.every(exact)) return labels;
  }
}

function valueLabels(_chart, splits, _axis, _space, increment) {
  const largest = Math.max(...splits.map(Math.abs));
  if (largest >= HUGE) return exponentLabels(splits, increment);
  let [unit, suffix] = UNITS.find(([size]) => size <= largest) ?? [1, ""];
  // All digits of nearby large numbers rather than a row of equal labels.
  if (increment / unit < 1e-3) [unit, suffix] = [1, ""];
  const step = increment / unit;
  let digits = 0;
  while (digits <= 6 && Math.abs(step * 10 ** digits - Math.round(step * 10 ** digits)) > 1e-6 * step * 10 ** digits) digits += 1;
  if (digits > 6) return exponentLabels(splits, increment);
  return splits.map((value) => (value === 0 ? "0" : (value / unit).toFixed(digits) + suffix));
}

function valueAxisWidth(chart, labels, axisIndex, cycle) {
  const axis = chart.axes[axisIndex];
  if (cycle > 1) return axis._size;
  const longest = (labels ?? []).reduce((a, b) => (b.length > a.length ? b : a), "");
  if (longest === "") return 48;
  chart.ctx.font = axis.font[0];
  return Math.ceil(chart.ctx.measureText(longest).width / devicePixelRatio) + 18;
}

// Hosts report at different instants: where a series has no value of its own at the cursor, its nearest one counts.
function nearestIndex(chart, seriesIndex, hovered, cursorTime) {
  const times = chart.data[0];
  const values = chart.data[seriesIndex];
  if (seriesIndex === 0 || typeof values[hovered] === "number") return hovered;
  let [left, right] = [hovered, hovered];
  while (left > 0 && values[left] === undefined) left -= 1;
  while (right < values.length - 1 && values[right] === undefined) right += 1;
  const usable = [left, right].filter((i) => typeof values[i] === "number");
  if (usable.length === 0) return null;
  return usable.reduce((a, b) => (cursorTime - times[a] <= times[b] - cursorTime ? a : b));
}

/** The chart and table of one output; `update` keeps them in place while the same series come again. */
export class OutputView {
  #chart = null;
  #plot = element("div", "plot");
  #watch;
  #rows = [];
  #cursorTitle = null;
  #key = "";
  #output = null;
  #range = null;
  #onZoom;

  constructor(onZoom) {
    this.#onZoom = onZoom;
    this.element = element("section", "card output");
    this.#plot.setAttribute("role", "img");
    this.#watch = new ResizeObserver(() => {
      const width = this.#plot.clientWidth;
      if (this.#chart && width > 0 && width !== this.#chart.width) this.#chart.setSize({ width, height: HEIGHT });
    });
    this.#watch.observe(this.#plot);
  }

  /** Shows `output` (`{id, result}` of the answer) over `range` (`{from, to}` in epoch seconds). */
  update(output, range) {
    const drawn = output.result.slice(0, MAX_DRAWN);
    const key = JSON.stringify([output.id, output.result.length, drawn.map(seriesName)]);
    this.#output = output;
    this.#range = range;
    if (key === this.#key && this.#chart) {
      this.#chart.setData(this.#data(drawn));
    } else {
      this.#key = key;
      this.#build(output, drawn);
    }
    drawn.forEach((series, i) => {
      const summary = summarise(series.dps);
      for (const [name, value] of Object.entries(summary)) showValue(this.#rows[i].cells[name], value);
    });
  }

  /** Draws again with the colours of the page as they are now. */
  restyle() {
    this.#key = "";
    if (this.#output) this.update(this.#output, this.#range);
  }

  destroy() {
    this.#watch.disconnect();
    this.#chart?.destroy();
    this.element.remove();
  }

  #build(output, drawn) {
    this.#chart?.destroy();
    this.#chart = null;
    const head = element("header", "output-head");
    const count = output.result.length;
    head.append(element("h2", "", output.id), element("p", "quiet", count === 1 ? "1 series" : `${count} series`));
    this.element.replaceChildren(head);
    if (count === 0) {
      this.element.append(
        element("p", "empty", "No points in this range. Take a longer range, or remove a tag_filter."),
      );
      this.#rows = [];
      return;
    }
    if (count > drawn.length) {
      const text = `Showing the first ${drawn.length} of ${count} series. Narrow the query with tag_filter, or group the series with sum(by=…).`;
      this.element.append(element("p", "notice", text));
    }
    this.#plot.setAttribute("aria-label", `Line chart of ${output.id}, ${drawn.length} series; the values are in the table below`);
    this.element.append(this.#plot, this.#table(drawn));
    this.#chart = new uPlot(this.#options(drawn), this.#data(drawn), this.#plot);
  }

  #data(drawn) {
    const EXPAND = 2; // a hole reaches over the instants of other series, up to the next value of its own
    return uPlot.join(
      drawn.map(({ dps }) => columns(dps)),
      drawn.map(() => [1, EXPAND]),
    );
  }

  #options(drawn) {
    const [text, grid] = [style("--quiet"), style("--grid")];
    const font = `12px ${style("--sans")}`;
    const axis = { stroke: text, font, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1, size: 4 } };
    return {
      width: Math.max(this.#plot.clientWidth, 200),
      height: HEIGHT,
      legend: { show: false },
      padding: [12, 18, 0, 0],
      cursor: {
        drag: { x: true, y: false, setScale: false },
        dataIdx: nearestIndex,
        focus: { prox: 24 },
        points: { size: 7 },
        // A double click would show all data, which may be less than the range asked for.
        bind: { dblclick: () => null },
      },
      focus: { alpha: 0.35 },
      scales: { x: { range: () => [this.#range.from, this.#range.to] } },
      axes: [
        { ...axis, values: timeLabels, space: 80, size: 44 },
        { ...axis, values: valueLabels, incrs: VALUE_STEPS, size: valueAxisWidth },
      ],
      series: [
        {},
        ...drawn.map((series, i) => {
          const { color, dash } = look(i);
          return {
            label: seriesName(series),
            stroke: color,
            dash,
            width: 2,
            points: {
              size: 6,
              fill: color,
              show: false,
              filter: (chart, index) => {
                const found = lonely(chart.data[index]);
                return found.length > 0 ? found : null;
              },
            },
          };
        }),
      ],
      hooks: {
        setCursor: [(chart) => this.#showCursor(chart)],
        setSelect: [(chart) => this.#zoom(chart)],
        setSeries: [(_chart, index, change) => this.#markRow(index, change)],
      },
    };
  }

  #table(drawn) {
    const table = element("table", "legend");
    const caption = element("caption", "visually-hidden", "Series with their values");
    const head = element("thead");
    const titles = element("tr");
    for (const [title, name] of [["Series", "name"], ["At cursor", ""], ["Latest", ""], ["Min", ""], ["Avg", ""], ["Max", ""]]) {
      const cell = element("th", name, title);
      cell.scope = "col";
      titles.append(cell);
    }
    this.#cursorTitle = titles.children[1];
    head.append(titles);
    const body = element("tbody");
    this.#rows = drawn.map((series, i) => this.#row(series, i));
    body.append(...this.#rows.map(({ row }) => row));
    table.append(caption, head, body);
    const scroller = element("div", "scroller");
    scroller.tabIndex = 0;
    scroller.setAttribute("role", "region");
    scroller.setAttribute("aria-label", "Table of series");
    scroller.append(table);
    return scroller;
  }

  #row(series, index) {
    const row = element("tr");
    const name = element("th", "name");
    name.scope = "row";
    const toggle = element("button", "series");
    toggle.type = "button";
    toggle.setAttribute("aria-pressed", "true");
    toggle.title = "Show or hide this line";
    const { color, dash } = look(index);
    const swatch = element("span", "swatch");
    swatch.style.borderTopColor = color;
    swatch.style.borderTopStyle = dash.length === 0 ? "solid" : dash[0] > 4 ? "dashed" : "dotted";
    const label = element("span", "label");
    label.append(element("b", "", series.metric), seriesName(series).slice(series.metric.length));
    toggle.append(swatch, label);
    toggle.addEventListener("click", () => {
      const shown = toggle.getAttribute("aria-pressed") !== "true";
      toggle.setAttribute("aria-pressed", String(shown));
      this.#chart.setSeries(index + 1, { show: shown });
    });
    row.addEventListener("mouseenter", () => this.#chart?.setSeries(index + 1, { focus: true }));
    row.addEventListener("mouseleave", () => this.#chart?.setSeries(null, { focus: true }));
    name.append(toggle);
    row.append(name);
    const cells = {};
    for (const column of ["cursor", "latest", "min", "avg", "max"]) {
      cells[column] = element("td", column, "–");
      row.append(cells[column]);
    }
    return { row, cells };
  }

  #showCursor(chart) {
    const inside = chart.cursor.left >= 0 && chart.cursor.idx !== null && chart.cursor.idx !== undefined;
    const at = inside ? new Date(chart.data[0][chart.cursor.idx] * 1000) : null;
    this.#cursorTitle.textContent = at ? this.#instant(at) : "At cursor";
    this.#rows.forEach(({ cells }, i) => {
      const index = inside ? chart.cursor.idxs[i + 1] : null;
      showValue(cells.cursor, index === null ? null : chart.data[i + 1][index]);
    });
  }

  #instant(at) {
    const clock = at.toLocaleTimeString("en-GB");
    if (this.#range.to - this.#range.from <= 86400) return clock;
    return `${at.toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${clock}`;
  }

  #markRow(index, change) {
    if (change.focus === undefined) return;
    this.#rows.forEach(({ row }, i) => row.classList.toggle("near", change.focus && index === i + 1));
  }

  #zoom(chart) {
    const { left, width } = chart.select;
    if (width < 4) return;
    const from = chart.posToVal(left, "x");
    const to = chart.posToVal(left + width, "x");
    chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.#onZoom(Math.floor(from), Math.max(Math.ceil(to), Math.floor(from) + 1));
  }
}
