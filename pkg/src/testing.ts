import type { Options } from "./options.js";

/** A request that a sink took. */
export interface Taken {
  /** Where it went. */
  url: string;
  /** Its headers, by lower-case name. */
  headers: Record<string, string>;
  /** Its body. */
  body: Uint8Array;
}

/** Takes a tracker's requests instead of a collector. */
export interface Sink {
  /** For the tracker's option of this name. */
  fetch: NonNullable<Options["fetch"]>;
  /** What was taken. */
  requests: Taken[];
  /** The events in them, where the format is JSON without compression. */
  events(): Record<string, unknown>[];
  /** What to answer: a status, or a function that makes the answer. Default 204. */
  answer: number | ((request: Taken) => Response | Promise<Response>);
}

/** Makes a sink. */
export function createSink(): Sink {
  const sink: Sink = {
    requests: [],
    answer: 204,
    async fetch(input, init) {
      const headers = Object.fromEntries(new Headers(init?.headers));
      const body = new Uint8Array(await new Response(init?.body ?? null).arrayBuffer());
      const taken = { url: String(input), headers, body };
      sink.requests.push(taken);
      return typeof sink.answer == "number" ? new Response(null, { status: sink.answer }) : sink.answer(taken);
    },
    events: () =>
      sink.requests.flatMap(({ body }) => JSON.parse(new TextDecoder().decode(body)) as Record<string, unknown>[]),
  };
  return sink;
}
