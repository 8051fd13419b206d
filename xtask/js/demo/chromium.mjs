// A page in Chromium, with the package as a module.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium as browsers } from "playwright-core";
import { dist } from "../project.mjs";

const PAGE = `<!doctype html><title>shop</title>
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
  const browser = await browsers.launch({
    executablePath: chromium,
    args: ["--no-sandbox", "--disable-background-networking"],
  });
  try {
    const page = await browser.newPage();
    page.on("console", (message) => console.error("page:", message.text()));
    page.on("pageerror", (error) => console.error("page:", error));
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    await page.waitForFunction(() => window.send);
    const ask = () => page.evaluate(() => window.tracker?.stats()).then((stats) => stats && told(stats), () => {});
    const telling = setInterval(ask, 500);
    try {
      return await page.evaluate((url) => send(url), url);
    } finally {
      clearInterval(telling);
    }
  } finally {
    await browser.close();
    server.close();
  }
}
