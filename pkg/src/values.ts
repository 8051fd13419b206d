// From an event object to the text that crosses into wasm: one walk that checks, one `JSON.stringify`.

import { TrackwireError, type ErrorCode } from "./errors.js";

/** A number that is sent as a double, see {@link double}. */
export interface Double {
  /** The number. */
  readonly double: number;
}

/** What an attribute can hold. `undefined` means absent. Dates become ISO 8601 text. */
export type Value =
  | string
  | number
  | bigint
  | boolean
  | null
  | undefined
  | Date
  | Double
  | readonly Value[]
  | { readonly [key: string]: Value };

/** @internal */
class DoubleValue implements Double {
  constructor(readonly double: number) {}
}

/** Says that a number is a double, also where it is integral: `double(9)` is sent as `9.0`, `9` as an integer. */
export function double(value: number): Double {
  return new DoubleValue(value);
}

/** Stands in front of numbers that `JSON.stringify` would spell otherwise. Not to be guessed by whoever writes strings. */
let mark: string | undefined;
let marked: boolean;

/** The event as JSON. Throws a `TrackwireError` that names the field. @internal */
export function toText(event: object): string {
  marked = false;
  const text = JSON.stringify(check(event, "", []));
  return marked ? text.replace(new RegExp(`"${mark}([^"]+)"`, "g"), "$1") : text;
}

function fail(code: ErrorCode, field: string): never {
  throw new TrackwireError(code, field || "event");
}

/** The value as it is, or a copy where something in it has to be spelled for JSON. */
function check(value: unknown, field: string, above: object[]): unknown {
  const double = value instanceof DoubleValue;
  const number = double ? value.double : value instanceof Date ? +value : value;
  if (typeof number == "number" && !Number.isFinite(number)) fail("not_finite", field);
  if (double || typeof value == "bigint") {
    marked = true;
    const spelling = Object.is(number, -0) ? "-0" : String(number);
    return (mark ??= "=" + Math.random()) + spelling + (double && !/[.e]/.test(spelling) ? ".0" : "");
  }
  if (typeof value == "function" || typeof value == "symbol") fail("wrong_type", field);
  if (!value || typeof value != "object") return value;
  try {
    const { toJSON } = value as { toJSON?: unknown };
    if (typeof toJSON == "function") return check(toJSON.call(value, ""), field, above);
    if (above.includes(value)) fail("cycle", field);
    if (above.length > 64) fail("malformed", field);
    above.push(value);
    let copy: Record<string, unknown> | undefined;
    for (const key in value) {
      if (!Object.hasOwn(value, key)) continue;
      const part = (value as Record<string, unknown>)[key];
      // Most values need no closer look. (Of numbers only the finite ones are 0 less themselves.)
      if (part == null || typeof part == "string" || typeof part == "boolean") continue;
      if (typeof part == "number" && part - part === 0) continue;
      const checked = check(part, field ? field + "." + key : key, above);
      if (checked !== part) {
        copy ??= (Array.isArray(value) ? [...value] : { ...value }) as Record<string, unknown>;
        copy[key] = checked;
      }
    }
    above.pop();
    return copy ?? value;
  } catch (error) {
    throw error instanceof TrackwireError ? error : new TrackwireError("unreadable", field || "event");
  }
}
