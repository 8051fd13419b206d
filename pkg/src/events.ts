import type { Value } from "./values.js";

/** Attributes by name. */
export type Attributes = { readonly [key: string]: Value };

/** Whom an event is about, and when it happened. */
export interface Who {
  /** The login user's id. */
  loginUserId?: string;
  /** What kind of id that is, e.g. `email`. */
  loginUserKey?: string;
  /** The anonymous (device) id. Default: the tracker's. */
  anonymousId?: string;
  /** When it happened: ms since the Unix epoch, or a date. Default: now. */
  eventTime?: number | Date;
  /** Comes back with the outcome: text, or an integral number of 0 or more. */
  tag?: number | string;
}

/** What is known about a custom event besides its name. */
export interface CustomEvent<A = Attributes> extends Who {
  /** What else is known about it. */
  attributes?: A;
  /** The item it is about. */
  resourceItem?: { id: string; key: string; attributes?: Attributes };
  /** Context fields by their snake_case name, e.g. `app_version`. */
  fields?: Attributes;
}

/** What is known about a user. */
export interface UserAttributes extends Who {
  /** The attributes. */
  attributes: Attributes;
}

/** A row of a dimension table. */
export interface Item {
  /** The item's id. */
  itemId: string;
  /** Which table it is a row of. */
  itemKey: string;
  /** The item's attributes. */
  attributes?: Attributes;
  /** Comes back with the outcome. */
  tag?: number | string;
}

/** Ids that belong to one person. */
export interface UserMapping {
  /** Kind of id (`email`, `phone`, …) and id. */
  identities: { readonly [kind: string]: string };
  /** When it became known: ms since the Unix epoch, or a date. */
  eventTime?: number | Date;
  /** Comes back with the outcome. */
  tag?: number | string;
}

/** An event in the neutral form, as `trackJson` takes it: of `track`, `item` and `mapping` at most one; with none of
 * them it holds user attributes. */
export interface NeutralEvent {
  /** The name of a custom event. */
  track?: string;
  /** The id of an item. */
  item?: string;
  /** The table of an item. */
  key?: string;
  /** Kinds of id and ids of one person. */
  mapping?: { readonly [kind: string]: string };
  /** The login user's id. */
  user?: string;
  /** What kind of id that is. */
  user_key?: string;
  /** The anonymous id. */
  anonymous?: string;
  /** Ms since the Unix epoch. */
  time?: number;
  /** Attributes. */
  attributes?: Record<string, Value>;
  /** The item that a custom event is about. */
  resource_item?: { id: string; key: string; attributes?: Attributes };
  /** Context fields of a custom event. */
  [field: string]: unknown;
}
