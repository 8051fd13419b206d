// Events as messages, as `src/inlong/mapping.rs` does it for Rust: which stream each kind goes to, and in which form.

import type { TrackwireError } from "../errors.js";
import type { NeutralEvent } from "../events.js";
import { toText } from "../values.js";
import { refused } from "./settings.js";

/** Where events go, kind by kind. A kind without a route is refused. */
export interface Mapping {
  /** Where `track` sends. */
  track?: Route;
  /** Where `user` sends. */
  user?: Route;
  /** Where `item` sends. */
  item?: Route;
}

/** A stream and what its messages look like. */
export interface Route {
  groupId: string;
  streamId: string;
  /** Default `"json"`: the neutral form, one JSON object. */
  format?: "json" | Delimited;
}

/** The values of these fields with a delimiter between them. */
export interface Delimited {
  /** Stands between values: one character, not LF. */
  delimiter: string;
  /** Stands before a delimiter, an LF or an escape character within a value. Set the same for the stream in InLong. Without
   * one, a value that holds the delimiter or LF is refused. */
  escape?: string;
  /** The fields, in order. Of `track`: `event` (its name), `user`, `user_key`, `anonymous`, `time`, `attributes.KEY`,
   * `resource_item.id`, `resource_item.key`, `resource_item.attributes.KEY`, and context fields as `fields.NAME`; of `user`:
   * `user`, `user_key`, `anonymous`, `time`, `attributes.KEY`; of `item`: `item` (its id), `key`, `attributes.KEY`. A value
   * that is missing or null is empty, a time is in ms since the Unix epoch, text stands as it is, and the rest as in JSON. */
  fields: readonly string[];
}

/** @internal */
export type Kind = keyof Mapping;

const WHO = "user|user_key|anonymous|time|";
/** The fields of a kind. */
const FIELDS = {
  track: WHO + "event|resource_item\\.(id|key)|((resource_item\\.)?attributes|fields)\\..+",
  user: WHO + "attributes\\..+",
  item: "item|key|attributes\\..+",
};

/** Checks a mapping; `bad` throws. @internal */
export function checkMapping(mapping: Mapping, bad: (field: string, hint: string) => never) {
  for (const [kind, route] of Object.entries(mapping) as [Kind, Route][]) {
    const known = FIELDS[kind];
    if (!known) bad("mapping." + kind, "there are track, user, item");
    const { format = "json", groupId, streamId } = route ?? {};
    for (const id of [groupId, streamId]) {
      if (!id || !/^(?! )[ -%'-<>-~]+(?<! )$/.test(id)) bad("mapping." + kind, "give groupId and streamId, printable ASCII");
    }
    if (format == "json") continue;
    const { delimiter, escape, fields } = format;
    const isChar = (text: unknown) => typeof text == "string" && /^[^\n]$/u.test(text);
    if (!isChar(delimiter) || (escape !== undefined && (!isChar(escape) || escape == delimiter)) || !fields?.length) {
      bad("mapping." + kind, 'give "json", or a delimiter, another character as escape, and fields');
    }
    for (const field of fields) {
      if (!RegExp(`^(${known})$`, "s").test(field)) bad("mapping." + kind, `there is no field ${field}`);
    }
  }
}

/** The message of an event. Throws a `TrackwireError` where it has none. @internal */
export function toMessage(event: NeutralEvent, { format = "json" }: Route): string {
  try {
    if (format == "json") return toText(event);
    const { delimiter, escape, fields } = format;
    return fields
      .map((field) => {
        const [, of, key] = /^(attributes|fields|resource_item(?:\.attributes)?)\.(.+)/s.exec(field) ?? [];
        const { resource_item: item } = event;
        const from = !of ? event : of == "attributes" ? event.attributes : of == "fields" ? event : key == field.slice(14) ? item : item?.attributes;
        const value = (from as Record<string, unknown>)?.[of ? key! : field == "event" ? "track" : field];
        let text = value == null ? "" : typeof value == "string" ? value : toText({ v: value }).slice(5, -1);
        // Dates become text, for one.
        if (typeof value == "object" && text[0] == '"') text = JSON.parse(text);
        return Array.from(text, (char) => {
          if (char != delimiter && char != "\n" && char != escape) return char;
          if (escape) return escape + char;
          throw refused(7, "bad_character", field, "holds the delimiter or LF: give the route an escape character");
        }).join("");
      })
      .join(delimiter);
  } catch (error) {
    throw Object.assign(error as TrackwireError, { sdkCode: 7 });
  }
}
