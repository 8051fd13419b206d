// A fresh Chromium for one measurement: `node chromium.mjs DIR CLIENT EVENTS`, DIR being the project that holds
// trackwire. Prints ms of the main thread from the script's first statement to the first `track` done (parsing included,
// transfer not), µs of a later `track`, and where the first milliseconds went: until the client was made; decoding,
// compiling and instantiating the module of wasm (0 where there is none). A last word names the browser.

import { createServer } from "node:http";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { purchases } from "./sample.mjs";
import { bundle, here } from "./weigh.mjs";

const [dir, name, amount] = process.argv.slice(2);

/** Each client as an application uses it; what it sends goes to the page's own server. */
const APPS = {
  trackwire: `
    import { GrowingTracker } from "trackwire/growingio";
    const tracker = new GrowingTracker({
      productId: "p", dataSourceId: "d", serverHost: location.origin, consumer: "buffered",
    });
    app.made();
    app.track = (purchase) =>
      tracker.trackCustomEvent("purchase", { loginUserId: purchase.user, attributes: attributes(purchase) });`,
  "posthog-js": `
    import posthog from "posthog-js";
    posthog.init("key", { api_host: location.origin });
    app.made();
    app.track = (purchase) => posthog.capture("purchase", attributes(purchase));`,
  "@snowplow/browser-tracker": `
    import { newTracker, trackSelfDescribingEvent } from "@snowplow/browser-tracker";
    newTracker("sp", location.origin, { appId: "app", bufferSize: 500 });
    app.made();
    const schema = "iglu:com.example/purchase/jsonschema/1-0-0";
    app.track = (purchase) => trackSelfDescribingEvent({ event: { schema, data: attributes(purchase) } });`,
  "@amplitude/analytics-browser": `
    import { init, track } from "@amplitude/analytics-browser";
    init("key", { serverUrl: location.origin });
    app.made();
    app.track = (purchase) => track("purchase", attributes(purchase));`,
};

const contents = `import { attributes } from ${JSON.stringify(join(here, "sample.mjs"))};${APPS[name]}`;
const stdin = { contents, resolveDir: name == "trackwire" ? dir : here };
const script = (await bundle({ stdin, format: "iife" })).toString();

const server = createServer((request, response) => {
  request.resume();
  // An isolated page has the finer clock.
  response.setHeader("cross-origin-opener-policy", "same-origin");
  response.setHeader("cross-origin-embedder-policy", "require-corp");
  if (request.url != "/") return response.writeHead(204).end();
  response.setHeader("content-type", "text/html");
  response.end("<!doctype html><title>page</title>");
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-background-networking"] });
try {
  const page = await browser.newPage();
  await page.goto(`http://localhost:${server.address().port}/`);
  const measured = await page.evaluate(measure, { script, sample: purchases(), events: Number(amount) });
  console.log(...measured, `Chromium ${browser.version()}`);
} finally {
  await browser.close();
  server.close();
  server.closeAllConnections();
}

/** Runs in the page. */
function measure({ script, sample, events }) {
  const spans = [];
  const watch = (name) => {
    const Plain = WebAssembly[name];
    WebAssembly[name] = class extends Plain {
      constructor(...given) {
        const start = performance.now();
        super(...given);
        spans.push([name, start, performance.now()]);
      }
    };
  };
  watch("Module");
  watch("Instance");
  let made;
  window.app = { made: () => (made = performance.now()) };
  const element = document.createElement("script");
  element.textContent = script;
  const start = performance.now();
  // A classic script without a source runs at once.
  document.head.append(element);
  if (!app.track) throw new Error("the application did not start");
  app.track(sample[0]);
  const first = performance.now();

  for (let at = 1; at <= 100; at++) app.track(sample[at]);
  const from = performance.now();
  for (let at = 0; at < events; at++) app.track(sample[at % sample.length]);
  const each = ((performance.now() - from) * 1e3) / events;

  // The last module and instance are the client's; before them it was decoded.
  const took = (span) => (span ? span[2] - span[1] : 0);
  const module = spans.filter(([name]) => name == "Module").at(-1);
  const instance = spans.filter(([name]) => name == "Instance").at(-1);
  const decode = module ? module[1] - spans[0][1] : 0;
  return [first - start, each, made - start, decode, took(module), took(instance)];
}
