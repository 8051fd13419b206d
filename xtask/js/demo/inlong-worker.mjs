// InLong from a Worker in workerd, over cloudflare:sockets: requests bring some lines each; the Worker sends them and flushes once it
// has answered.

import { inWorker } from "./worker.mjs";

const program = (protocol) => `
import { InLongClient } from "./inlong.workerd.js";
import { options, record } from "./inlong.mjs";
let client;
export default {
  async fetch(request, env, ctx) {
    client ??= new InLongClient(options(env.COLLECTOR, "${protocol}"));
    const { pathname } = new URL(request.url);
    if (pathname == "/flush") await client.flush({ timeout: 2000 });
    if (pathname != "/track") return Response.json(client.stats());
    const lines = (await request.text()).split("\\n");
    let taken = 0;
    while (taken < lines.length && record(client, lines[taken])) taken++;
    ctx.waitUntil(client.flush());
    return Response.json(taken);
  },
};`;

/** Sends in a Worker by this protocol. */
export const sendBy = (protocol) => (demo) => inWorker(program(protocol), "inlong", "inlong.mjs", demo);

export const send = sendBy("tcp");
