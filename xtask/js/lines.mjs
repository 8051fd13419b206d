// Lines of JSON: in by standard input, out by standard output. Everything else that is printed goes to standard error.

import { createInterface } from "node:readline";

/** Writes a line. */
export const say = (value) => process.stdout.write(JSON.stringify(value) + "\n");

/** What comes in, line by line, to the end of the input. */
export async function* hear() {
  for await (const line of createInterface({ input: process.stdin })) yield JSON.parse(line);
}

/** Does what each line says, `[what, with]`, and answers it by `{"gave"}` or `{"raised", "code", "field", "sdkCode"}`. */
export async function serve(acts) {
  for await (const [what, given] of hear()) {
    try {
      say({ gave: await acts[what](given) });
    } catch (error) {
      say({ raised: error.message, code: error.code, field: error.field, sdkCode: error.sdkCode });
    }
  }
}

/** For trackers: what they print must not get among the lines. */
export const logger = { log: console.error, warn: console.error };
