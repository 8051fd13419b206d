// Node: the package as a server uses it.

import { enter } from "../project.mjs";
import { logger } from "../lines.mjs";
import { options, sendAll } from "./common.mjs";

export async function send({ project, url, lines, told }) {
  const { GrowingTracker } = await enter(project);
  const tracker = new GrowingTracker({ ...options(url), format: "snappy", logger });
  const telling = setInterval(() => told(tracker.stats()), 500);
  const sent = await sendAll(tracker, lines);
  clearInterval(telling);
  await tracker.close();
  return sent;
}
