// Chromium and what its pages load.

import { readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { chromium } from "playwright-core";

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

/** Serves a page and files. `folder` holds the files; `answer` may answer a request itself, and says so by `true`. */
export async function serve({ folder, answer = () => false }) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://pages.example");
    if (await answer(request, response)) return;
    const file = join(folder, normalize(pathname == "/" ? "/index.html" : pathname));
    if (!statSync(file, { throwIfNoEntry: false })?.isFile()) return response.writeHead(pathname == "/favicon.ico" ? 204 : 404).end();
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "text/plain" }).end(readFileSync(file));
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
