// Chromium, what its pages load, and a page with a tracker.

import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { after, before, beforeEach } from "node:test";
import { chromium } from "playwright-core";
import { collector, project } from "../node/setup.mjs";

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };

/** Starts Chromium. */
export function launch(args = [], more = {}) {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-background-networking", ...args], ...more });
}

/** What a page complains of: errors on its console, uncaught exceptions, requests that found nothing. */
export function complaints(page) {
  const heard = [];
  page.on("console", (message) => message.type() == "error" && heard.push(message.text()));
  page.on("pageerror", (error) => heard.push(String(error)));
  page.on("response", (response) => response.status() == 404 && heard.push(`404: ${response.url()}`));
  return heard;
}

/** Serves a page and files. `folder` holds the files, `headers` go with each; `answer` may answer a request itself, and
 * says so by `true`. */
export async function serve({ folder, headers, answer = () => false }) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://pages.example");
    if (await answer(request, response)) return;
    const file = join(folder, normalize(pathname == "/" ? "/index.html" : pathname));
    if (!statSync(file, { throwIfNoEntry: false })?.isFile()) return response.writeHead(pathname == "/favicon.ico" ? 204 : 404).end();
    response.writeHead(200, { ...headers, "content-type": TYPES[extname(file)] ?? "text/plain" }).end(readFileSync(file));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    // Not the collector's host: what goes there crosses an origin.
    origin: `http://localhost:${server.address().port}`,
    port: server.address().port,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** For the tests of a file: a collector, pages that load the package by script tag, Chromium, and a fresh page in
 * a fresh context before each test. `answer` is as for `serve`; the rest is for `launch`. */
export function stage({ answer = () => false, args, more } = {}) {
  const on = {};
  before(async () => {
    const { dir, remove } = project();
    on.remove = remove;
    on.server = await collector();
    const script = readFileSync(join(dir, "node_modules/trackwire/dist/growingio.iife.js"));
    on.pages = await serve({ answer: async (request, response) => (await answer(request, response)) || page(request, response, script) });
    on.browser = await launch(args, more);
  });
  after(async () => {
    await on.browser?.close();
    on.server?.stop();
    on.pages?.stop();
    on.remove?.();
  });
  beforeEach(async () => {
    await on.context?.close();
    await on.server.reset();
    on.context = await on.browser.newContext();
    on.page = await on.context.newPage();
    on.heard = complaints(on.page);
  });

  return Object.assign(on, {
    /** Opens a page with a tracker, whose books of its last moment are kept for the page that follows. */
    async open(options = {}, path = "/", page = on.page) {
      await page.goto(on.pages.origin + path);
      await page.evaluate(begin, { serverHost: on.server.url, ...options });
    },
    stats: (page = on.page) => page.evaluate(() => tracker.stats()),
    /** The books at the end of the last page's `pagehide`. */
    books: async () => JSON.parse(await on.page.evaluate(() => sessionStorage.books)),
    /** What the collector holds, as soon as it is `count` records, and that it is not more than `most`. */
    async arrived(count, most = count) {
      let seen;
      for (let tries = 0; tries < 400; tries++) {
        seen = await on.server.records();
        if (seen.length >= count) break;
        await new Promise((done) => setTimeout(done, 25));
      }
      assert.ok(seen.length >= count && seen.length <= most, `${seen.length}, not ${count} to ${most}`);
      return seen;
    },
    /** Hides the page from itself, or shows it: in a headless browser no tab ever is hidden. The books right after. */
    show: (visibility) =>
      on.page.evaluate((visibility) => {
        Object.defineProperty(document, "visibilityState", { value: visibility, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
        return tracker.stats();
      }, visibility),
  });
}

/** The script tag's page; `?csp=` is its policy. */
function page(request, response, script) {
  const url = new URL(request.url, "http://pages.example");
  if (url.pathname == "/trackwire.js") return response.end(script);
  const headers = { "content-type": "text/html" };
  const csp = url.searchParams.get("csp");
  if (csp) headers["content-security-policy"] = csp;
  const icon = '<link rel="icon" href="data:,">';
  return response.writeHead(200, headers).end(`<!doctype html><title>page</title>${icon}<script src="/trackwire.js"></script>`);
}

/** Runs in the page. */
function begin(options) {
  window.outcomes = [];
  window.warnings = [];
  window.tracker = new trackwire.GrowingTracker({
    productId: "p",
    dataSourceId: "d",
    retryBackoffFactor: 0.02,
    logger: { warn: (...said) => warnings.push(said.join(" ")), log() {} },
    onOutcome: (outcome) => outcomes.push(outcome),
    ...options,
  });
  window.buy = (count, attributes, from = 0) => {
    for (let n = from; n < from + count; n++) tracker.trackCustomEvent("buy", { loginUserId: "u" + n, attributes });
  };
  addEventListener("pagehide", ({ persisted }) => {
    sessionStorage.books = JSON.stringify({ persisted, ...tracker.stats() });
  });
}
