// Drives the web page of a running server in a real browser, and fails at the first thing that is not as it should be.
//
// Arguments: the server's base URL, and the file for a screenshot. The server must hold, over the last ten minutes, a
// point each ten seconds of `web.requests`: host=alpha with the values 20 to 24 in turn, 24 last, and a host whose name
// is the HTML below, at 10 throughout.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const HOSTILE = "<img src=x onerror=window.hacked=1>";
const ALPHA_NAME = "web.requests{host:alpha}";
const HOSTILE_NAME = `web.requests{host:${HOSTILE}}`;
const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

const [base, screenshot] = process.argv.slice(2);
if (!base || !screenshot) {
  console.error("usage: node browser.mjs BASE_URL SCREENSHOT");
  process.exit(2);
}
const origin = new URL(base).origin;
const deadline = setTimeout(() => {
  console.error("the page test took longer than 90 s");
  process.exit(1);
}, 90_000);

const profile = await mkdtemp(join(tmpdir(), "page-test-"));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  args: FLAGS,
  viewport: { width: 1280, height: 800 },
  colorScheme: "light",
  timezoneId: "UTC",
  locale: "en-GB",
});
try {
  await check(context.pages()[0] ?? (await context.newPage()));
} finally {
  clearTimeout(deadline);
  await context.close();
  await rm(profile, { recursive: true, force: true });
}

async function check(page) {
  page.setDefaultTimeout(15_000);
  const foreign = [];
  const complaints = [];
  const refused = [];
  context.on("request", (request) => {
    if (new URL(request.url()).origin !== origin) foreign.push(request.url());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() !== "error") return;
    // The browser itself reports the refusal of the mistyped queries.
    if (message.text().includes("status of 400") && message.location().url === `${origin}/api/query`) refused.push(message.text());
    else complaints.push(`${message.text()} ${message.location().url}`);
  });

  await page.goto(base);
  await page.getByRole("heading", { name: "Nothing to show yet" }).waitFor();

  await step("a metric that is picked is fetched and drawn", async () => {
    const metric = page.getByRole("combobox", { name: "Metric" });
    await metric.click();
    await metric.pressSequentially("web.r");
    await page.getByRole("option", { name: "web.requests" }).waitFor();
    await metric.press("Enter");
    assert.match(await page.getByLabel("Query", { exact: true }).last().inputValue(), /^fetch\('web\.requests'\)\.downsample\('15s', 'avg'\)$/);
    await page.locator(".legend tbody tr").nth(1).waitFor();
  });

  await step("a typed query draws its series in the colours of the legend", async () => {
    await page.getByRole("radio", { name: "Last 15 minutes" }).check({ force: true });
    await run(page, "fetch('web.requests')");
    await page.locator("#summary", { hasText: /^2 series, 120 points/ }).waitFor();
    assert.deepEqual(await legend(page), [HOSTILE_NAME, ALPHA_NAME].sort());
    const alpha = await summary(page, ALPHA_NAME);
    assert.deepEqual(alpha, { latest: "24", min: "20", avg: "22", max: "24" });
    for (const name of [ALPHA_NAME, HOSTILE_NAME]) {
      // Ten of fifteen minutes hold data: two thirds of the width, less the axis.
      const columns = await drawnColumns(page, name);
      assert.ok(columns > 0.45, `the line of ${name} covers only ${columns} of the chart`);
    }
    await page.screenshot({ path: screenshot });
  });

  await step("a series that is switched off leaves the chart", async () => {
    const button = page.getByRole("button", { name: ALPHA_NAME });
    await button.click();
    await page.mouse.move(5, 5);
    await page.waitForTimeout(200);
    const columns = await drawnColumns(page, ALPHA_NAME);
    assert.ok(columns < 0.02, `${columns} of the chart still has its colour`);
    await button.click();
  });

  await step("the cursor shows the values under it", async () => {
    const box = await page.locator(".u-over").boundingBox();
    await page.mouse.move(box.x + box.width * 0.7, box.y + box.height / 2);
    const cell = page.locator(".legend tbody tr", { hasText: HOSTILE }).locator("td.cursor");
    await assertText(cell, "10");
  });

  await step("a tag value that looks like HTML is text", async () => {
    assert.equal(await page.locator("#results img").count(), 0);
    assert.equal(await page.evaluate(() => window.hacked), undefined);
  });

  await step("a drag zooms and the reset takes it back", async () => {
    const box = await page.locator(".u-over").boundingBox();
    await page.mouse.move(box.x + box.width * 0.5, box.y + 50);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.7, box.y + 60, { steps: 5 });
    await page.mouse.up();
    const reset = page.getByRole("button", { name: "Reset zoom" });
    await reset.waitFor();
    const fields = new URLSearchParams(new URL(page.url()).hash.slice(1));
    const length = Number(fields.get("to")) - Number(fields.get("from"));
    assert.ok(Math.abs(length - 180) < 10, `a fifth of 900 s was taken as ${length} s`);
    await reset.click();
    await page.waitForFunction(() => location.hash.includes("range=15m"));
  });

  await step("a link restores query and range", async () => {
    const link = page.url();
    await page.goto("about:blank");
    await page.goto(link);
    await page.locator("#summary", { hasText: /^2 series, 120 points/ }).waitFor();
    assert.equal(await page.getByLabel("Query", { exact: true }).last().inputValue(), "fetch('web.requests')");
    assert.ok(await page.getByRole("radio", { name: "Last 15 minutes" }).isChecked());
  });

  await step("a custom range that ends before it begins runs nothing", async () => {
    const queries = [];
    const note = (request) => {
      if (request.url() === `${origin}/api/query`) queries.push(request);
    };
    await page.getByRole("radio", { name: "Custom range" }).check({ force: true });
    const [from, to] = [page.getByLabel("From", { exact: true }), page.getByLabel("To", { exact: true })];
    const [begin, end] = [await from.inputValue(), await to.inputValue()];
    page.on("request", note);
    await from.fill(new Date(Date.parse(`${end}Z`) + 60_000).toISOString().slice(0, 19));
    const problem = page.locator("#custom-error", { hasText: "must be before" });
    await problem.waitFor();
    await page.getByRole("button", { name: "Run" }).click();
    await page.waitForTimeout(300);
    page.off("request", note);
    assert.equal(queries.length, 0);
    assert.ok(await problem.isVisible());
    const asked = page.waitForRequest(`${origin}/api/query`);
    await from.fill(begin);
    await asked;
    assert.equal(await page.locator("#custom-error").textContent(), "");
    await page.getByRole("radio", { name: "Last 15 minutes" }).check({ force: true });
  });

  await step("a query is completed with the keyboard and with the mouse", async () => {
    const query = page.locator("#query");
    const options = page.locator("#completions").getByRole("option");
    await query.fill("");
    await query.press("Control+ ");
    await options.filter({ hasText: "fetch" }).waitFor();
    assert.equal(await query.getAttribute("aria-activedescendant"), "completion-0");
    await page.locator("#completion-note", { hasText: "2 completions" }).waitFor({ state: "attached" });
    await query.press("Enter");
    assert.equal(await query.inputValue(), "fetch(");
    await query.pressSequentially("'web.r");
    await options.filter({ hasText: "web.requests" }).waitFor();
    await query.press("Tab");
    assert.equal(await query.inputValue(), "fetch('web.requests");
    assert.ok(await query.evaluate((field) => field === document.activeElement));
    await query.pressSequentially("').tag_filter('host==");
    await options.filter({ hasText: "any value" }).waitFor();
    assert.deepEqual(await page.locator("#completions .completion-text").allTextContents(), ["*", HOSTILE, "alpha"]);
    await query.press("ArrowUp");
    assert.equal(await page.locator("#completions [aria-selected=true] .completion-text").innerText(), "alpha");
    await query.press("Enter");
    await query.pressSequentially("').dow");
    await options.filter({ hasText: "one value a bucket" }).click();
    await query.pressSequentially("'1m', 'p9");
    await options.filter({ hasText: "the 99th percentile" }).click();
    await query.pressSequentially("')");
    assert.equal(await query.inputValue(), "fetch('web.requests').tag_filter('host==alpha').downsample('1m', 'p99')");
    await query.press("Control+Enter");
    await page.locator("#summary", { hasText: /^1 series/ }).waitFor();
    assert.equal(await page.locator("#completions").isVisible(), false);
  });

  await step("a completion can be dismissed, and undone", async () => {
    const query = page.locator("#query");
    const list = page.locator("#completions");
    await query.fill("");
    await query.pressSequentially("fe");
    await list.waitFor();
    await query.press("Escape");
    await list.waitFor({ state: "hidden" });
    await query.press("Enter");
    assert.equal(await query.inputValue(), "fe\n");
    await query.press("Backspace");
    await query.pressSequentially("t");
    await list.waitFor();
    await query.press("Enter");
    assert.equal(await query.inputValue(), "fetch(");
    await query.press("Control+z");
    assert.equal(await query.inputValue(), "fet");
    await query.press("Escape");
    await query.fill("# fetch('web");
    await query.press("Control+ ");
    await page.waitForTimeout(300);
    assert.equal(await list.isVisible(), false);
  });

  await step("a metric and a tag that are not there are advised on", async () => {
    await run(page, "fetch('web_requests')");
    await assertText(page.locator("#error .error-hint"), "did you mean web\\.requests\\?");
    await run(page, "fetch('web.requests').tag_filter('hots==alpha')");
    await page.locator("#hints", { hasText: "no series of web.requests has the tag hots, did you mean host?" }).waitFor();
    assert.equal(await page.locator("#error").isVisible(), false);
    await run(page, "fetch('web.requests')");
    await page.locator("#hints").waitFor({ state: "hidden" });
  });

  await step("a mistyped query shows its place with a caret", async () => {
    // `é` is two bytes: a caret placed by bytes would be one too far right.
    const line = "hits.tag_filter('host!=é').downsmaple('1m', 'avg')";
    await run(page, `hits = fetch('web.requests');\n${line}`);
    const alert = page.locator("#error");
    await alert.waitFor();
    assert.doesNotMatch(await alert.locator(".error-message").innerText(), /`/);
    assert.equal(await alert.locator(".error-message code").first().innerText(), "downsmaple");
    const [shown, caret] = (await alert.locator(".error-code").textContent()).split("\n");
    assert.equal(shown, line);
    assert.equal(caret.indexOf("^"), line.indexOf("downsmaple"));
    assert.equal(await alert.getAttribute("role"), "alert");
    await alert.getByRole("button").click();
    assert.equal(await page.evaluate(() => document.activeElement.selectionStart), 30 + line.indexOf("downsmaple"));
  });

  await step("on a narrow screen the caret of a long line is in view", async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    const line = `fetch('web.requests').tag_filter('host!=${"long-".repeat(20)}').downsmaple('1m', 'avg')`;
    await run(page, line);
    const code = page.locator("#error .error-code", { hasText: "long-" });
    await code.waitFor();
    const box = await code.boundingBox();
    const caret = await code.locator(".caret").boundingBox();
    assert.ok(box.x >= 0 && box.x + box.width <= 360, `the line lies at ${JSON.stringify(box)}`);
    const inside = caret.x >= box.x && caret.x + caret.width <= box.x + box.width;
    assert.ok(inside, `the caret at ${JSON.stringify(caret)} is outside ${JSON.stringify(box)}`);
    assert.equal(await page.evaluate(() => scrollX), 0);
  });

  await step("on a narrow screen completions are in view", async () => {
    const query = page.locator("#query");
    await query.fill("");
    await query.pressSequentially("fetch('web.requests').tag_filter('host==alpha').");
    const list = page.locator("#completions");
    await list.waitFor();
    const box = await list.boundingBox();
    assert.ok(box.x >= 0 && box.x + box.width <= 360, `the list lies at ${JSON.stringify(box)}`);
    assert.equal(await page.evaluate(() => scrollX), 0);
    await query.press("Escape");
  });

  await step("nothing left the origin, and nothing complained", async () => {
    assert.deepEqual(foreign.filter((url) => url !== "about:blank"), []);
    assert.deepEqual(complaints, []);
    assert.equal(refused.length, 3);
  });
}

async function step(name, body) {
  try {
    await body();
    console.log(`ok    ${name}`);
  } catch (cause) {
    console.error(`FAIL  ${name}`);
    throw cause;
  }
}

async function run(page, text) {
  const query = page.locator("#query");
  await query.fill("");
  await query.pressSequentially(text);
  await query.press("Control+Enter");
}

async function assertText(locator, wanted) {
  await locator.filter({ hasText: new RegExp(`^${wanted}$`) }).waitFor();
}

async function legend(page) {
  const names = await page.locator(".legend tbody .label").allTextContents();
  return names.sort();
}

async function summary(page, name) {
  const row = page.locator(".legend tbody tr", { hasText: name });
  const text = (column) => row.locator(`td.${column}`).innerText();
  return { latest: await text("latest"), min: await text("min"), avg: await text("avg"), max: await text("max") };
}

/** The share of the canvas' columns that hold a pixel of the colour which the legend gives to a series. */
async function drawnColumns(page, name) {
  return page.locator(".legend tbody tr", { hasText: name }).evaluate((row) => {
    const wanted = getComputedStyle(row.querySelector(".swatch")).borderTopColor.match(/\d+/g).map(Number);
    const canvas = row.closest(".output").querySelector("canvas");
    const { data, width } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const columns = new Set();
    for (let i = 0; i < data.length; i += 4) {
      const near = wanted.every((channel, k) => Math.abs(data[i + k] - channel) <= 6);
      if (near && data[i + 3] > 240) columns.add((i / 4) % width);
    }
    return columns.size / width;
  });
}
