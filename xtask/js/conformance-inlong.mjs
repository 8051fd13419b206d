// The npm package makes the calls to a client for InLong that it is told, a line each.
//
//   node conformance-inlong.mjs PROJECT      (a project that has the package installed)

import { logger, serve } from "./lines.mjs";
import { enter } from "./project.mjs";

const { InLongClient } = await enter(process.argv[2], "inlong");
let client;

await serve({
  async make(options) {
    // Of a case that failed there may be one left.
    await client?.close({ timeout: 0 });
    client = new InLongClient({ ...options, logger });
  },
  /** How each message ended. */
  async send({ groupId, streamId, attributes, messages, timeout }) {
    const ends = messages.map(({ text, base64, time }) =>
      client.deliver(groupId, streamId, text ?? Buffer.from(base64, "base64"), { time, attributes }),
    );
    const all = Promise.all(ends);
    // Of those it is said below.
    all.catch(() => {});
    const { pending } = await client.flush({ timeout });
    if (pending) throw new Error(`${pending} messages have not ended`);
    const late = new Promise((_, fail) => {
      setTimeout(fail, timeout, new Error("the end of a message was not told")).unref();
    });
    late.catch(() => {});
    return (await Promise.race([all, late])).map(({ outcome }) => outcome);
  },
  offer: ([groupId, streamId, message]) => client.send(groupId, streamId, message),
  flush: (timeout) => client.flush({ timeout }),
  close: (timeout) => client.close({ timeout }),
});
