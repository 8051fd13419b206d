// Sends the demo's events through the npm package in one runtime.
//
//   node demo.mjs PROJECT RUNTIME     (a project that has the package installed; node, worker or chromium)
//
// One line comes in: `{"url", "events", "chromium"}`, the collector, a file with an event in the neutral form on each
// line, the browser. Out go `{"delivered"}` as it proceeds and at the end `{"stats", "seconds", "resent"}` or `{"failed": why}`;
// `resent` is what the browser sent again by itself: `{"requests", "events"}`.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { say } from "./lines.mjs";

const [project, runtime] = process.argv.slice(2);

createInterface({ input: process.stdin })
  .once("line", async (line) => {
    const { url, events, chromium } = JSON.parse(line);
    const lines = readFileSync(events, "utf8").trimEnd().split("\n");
    const told = (stats) => say({ delivered: stats.delivered });
    try {
      const { send } = await import(`./demo/${runtime}.mjs`);
      say(await send({ project, url, lines, chromium, told }));
    } catch (error) {
      say({ failed: error.stack });
    }
  })
  // Whoever started this has what it wanted, or is gone.
  .on("close", () => process.exit());
