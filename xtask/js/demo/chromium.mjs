// A page in Chromium, with the package as a module.
//
// When a connection that it has used before breaks without an answer, Chromium itself sends the request again, a POST
// too, and tells nobody but its network log. The page's tracker cannot count those, so they are counted from that log.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium as browsers } from "playwright-core";
import { dist } from "../project.mjs";

const ICON = "<link rel=icon href=data:,>";

const PAGE = `<!doctype html><title>shop</title>${ICON}
<script type="module">
  import { GrowingTracker } from "/trackwire.js";
  import { options, sendAll } from "/common.mjs";
  window.send = async (url) => {
    const lines = (await (await fetch("/lines")).text()).split("\\n");
    window.tracker = new GrowingTracker(options(url));
    return sendAll(tracker, lines);
  };
</script>`;

export async function send({ project, url, lines, chromium, told }) {
  const common = join(dirname(fileURLToPath(import.meta.url)), "common.mjs");
  const files = {
    "/": ["text/html", PAGE],
    "/trackwire.js": ["text/javascript", readFileSync(join(dist(project), "growingio.js"))],
    "/common.mjs": ["text/javascript", readFileSync(common)],
    "/lines": ["text/plain", lines.join("\n")],
  };
  const server = createServer((request, response) => {
    const [type, body] = files[request.url] ?? [];
    response.writeHead(type ? 200 : 404, { "content-type": `${type ?? "text/plain"}; charset=utf-8` }).end(body);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const temporary = mkdtempSync(join(tmpdir(), "trackwire-demo-"));
  const log = join(temporary, "network.json");
  try {
    const { sizes, ...sent } = await browse(chromium, log, server, url, told);
    return { ...sent, ...sentAgain(log, sizes) };
  } finally {
    server.close();
    rmSync(temporary, { recursive: true });
  }
}

/** Has the page send; ends with the browser closed. */
async function browse(executablePath, log, server, url, told) {
  const args = ["--no-sandbox", "--disable-background-networking", `--log-net-log=${log}`];
  const browser = await browsers.launch({ executablePath, args });
  /** How many events a request of a size had. */
  const sizes = new Map();
  try {
    const page = await browser.newPage();
    page.on("pageerror", (error) => console.error("page:", error));
    page.on("request", (request) => {
      const body = request.postData();
      if (body) sizes.set(Buffer.byteLength(body), JSON.parse(body).length);
    });
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    await page.waitForFunction(() => window.send);
    const ask = () => page.evaluate(() => window.tracker?.stats()).then((stats) => stats && told(stats), () => {});
    const telling = setInterval(ask, 500);
    try {
      return { ...(await page.evaluate((url) => send(url), url)), sizes };
    } finally {
      clearInterval(telling);
    }
  } finally {
    await browser.close();
  }
}

/** What the browser sent again by itself, by its network log: requests, and events in them. */
function sentAgain(log, sizes) {
  const { constants, events } = JSON.parse(readFileSync(log, "utf8"));
  const { HTTP_TRANSACTION_RESTART_AFTER_ERROR: again, UPLOAD_DATA_STREAM_INIT: upload } = constants.logEventTypes;
  const size = new Map();
  const resent = { requests: 0, events: 0 };
  for (const { type, source, params } of events) {
    if (type == upload && params?.total_size) size.set(source.id, params.total_size);
    if (type != again || !size.has(source.id)) continue;
    resent.requests++;
    resent.events += sizes.get(size.get(source.id)) ?? 0;
  }
  return { resent };
}
