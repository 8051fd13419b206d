/** What `withTracker` needs of a tracker. */
export interface Flushing {
  /** Sends what waits. */
  flush(): Promise<unknown>;
}

/** A Worker's handlers. */
export type Handlers = { [name: string]: unknown };

/** What `waitUntil` belongs to. */
interface Context {
  waitUntil(promise: Promise<unknown>): void;
}

/** A Worker's handlers (`fetch`, `scheduled`, `queue`, …) with a flush after each call, which the answer does not wait
 * for. The tracker may be made from the environment, at the first call. */
export function withTracker<H extends object, Env = never>(
  tracker: Flushing | ((env: Env) => Flushing),
  handlers: H,
): H {
  const wrapped: Handlers = { ...(handlers as Handlers) };
  for (const [name, handler] of Object.entries(handlers) as [string, unknown][]) {
    if (typeof handler != "function") continue;
    wrapped[name] = (event: unknown, env: Env, context: Context) => {
      if (typeof tracker == "function") tracker = tracker(env);
      const made = tracker;
      const after = () => made.flush();
      let result: unknown;
      try {
        result = handler.call(handlers, event, env, context);
      } finally {
        context.waitUntil(Promise.resolve(result).then(after, after));
      }
      return result;
    };
  }
  return wrapped as H;
}
