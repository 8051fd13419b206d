// First, so that the module and the script are not mixed: in brotli that is less.
import "./load/inline.js";
export { TrackwireError, type ErrorCode } from "./errors.js";
export { InLongClient, type About, type Delivery, type Message, type Patience } from "./inlong/client.js";
export type { Attributes, CustomEvent, Item, UserAttributes, Who } from "./events.js";
export type { Delimited, Mapping, Route } from "./inlong/mapping.js";
export type { Options } from "./inlong/options.js";
export type { Outcome, Report, Stats } from "./stats.js";
export { double, type Double, type Value } from "./values.js";
export { withTracker as withClient, type Flushing, type Handlers } from "./worker.js";
