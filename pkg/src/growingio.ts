// First, so that the module and the script are not mixed: in brotli that is less.
import "./load/inline.js";
export { TrackwireError, type ErrorCode } from "./errors.js";
export type * from "./events.js";
export type { Consumer, Format, Options } from "./options.js";
export type { Outcome, Report, Stats } from "./stats.js";
export { GrowingTracker, type Patience } from "./tracker.js";
export { double, type Double, type Value } from "./values.js";
export { withTracker, type Handlers, type Flushing } from "./worker.js";
