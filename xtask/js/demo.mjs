// Sends the demo's events through the npm package in one runtime.
//
//   node demo.mjs PROJECT RUNTIME     (a project that has the package installed, and a module of `demo/`)
//
// One line comes in: `{"url", "events", "chromium"}`, the collector, a file with an event in the neutral form or a message on
// each line, the browser. When half is sent, `{"halfway"}` goes out and another line is waited for. Out go `{"delivered"}` as it
// proceeds and at the end `{"stats", "seconds", "resent"}` or `{"failed": why}`; `resent` is what the browser sent again by itself:
// `{"requests", "events"}`.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { say } from "./lines.mjs";

const [project, runtime] = process.argv.slice(2);

const input = createInterface({ input: process.stdin });
const halfway = () => {
  say({ halfway: true });
  return new Promise((done) => input.once("line", done));
};

input
  .once("line", async (line) => {
    const { url, events, chromium } = JSON.parse(line);
    const lines = readFileSync(events, "utf8").trimEnd().split("\n");
    const told = (stats) => say({ delivered: stats.delivered });
    try {
      const { send } = await import(`./demo/${runtime}.mjs`);
      say(await send({ project, url, lines, chromium, told, halfway }));
    } catch (error) {
      say({ failed: error.stack });
    }
  })
  // Whoever started this has what it wanted, or is gone.
  .on("close", () => process.exit());
