// InLong from Node, over TCP: the package as a server uses it.

import { enter } from "../project.mjs";
import { logger } from "../lines.mjs";
import { PATIENCE } from "./common.mjs";
import { options, record } from "./inlong.mjs";

export async function send({ project, url, lines, told, halfway }) {
  const { InLongClient } = await enter(project, "inlong");
  const client = new InLongClient({ ...options(url, "tcp"), logger });
  const telling = setInterval(() => told(client.stats()), 500);
  const start = performance.now();
  const half = Math.floor(lines.length / 2);
  for (const [place, line] of lines.entries()) {
    if (place == half) await halfway();
    while (!record(client, line)) await client.flush({ timeout: 1000 });
    // An application has other things to do too.
    if (place % 500 == 499) await new Promise((done) => setTimeout(done));
  }
  await client.flush({ timeout: PATIENCE });
  const seconds = (performance.now() - start) / 1000;
  clearInterval(telling);
  const stats = client.stats();
  await client.close();
  return { stats, seconds };
}
