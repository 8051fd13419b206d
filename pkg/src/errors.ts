/** What is wrong, for matching on. */
export type ErrorCode =
  /** A value that must be given is absent. */
  | "missing"
  /** A value that must not be empty is empty. */
  | "empty"
  /** A number is NaN or infinite, or a date is invalid. */
  | "not_finite"
  /** The event is larger than a request may be. */
  | "too_large"
  /** A number lies outside what the field can carry. */
  | "out_of_range"
  /** The value has another type than the field. */
  | "wrong_type"
  /** GrowingIO has no such field. */
  | "unknown_field"
  /** The text holds a character that is not allowed there. */
  | "bad_character"
  /** The text is not valid JSON, or not of the neutral form; or objects nest more than 64 levels deep. */
  | "malformed"
  /** An object contains itself. */
  | "cycle"
  /** What was given for the event is none, or a getter or `toJSON` of it threw. */
  | "unreadable"
  /** An option of the tracker cannot be used; `field` is its name. */
  | "option"
  /** InLong: the queue is full. */
  | "full"
  /** InLong: the client is closed. */
  | "closed";

/** An event or an option that cannot be used: what is wrong, and with which field. */
export class TrackwireError extends Error {
  /** What is wrong, for matching on. */
  readonly code: ErrorCode;
  /** The field or option at fault, e.g. `attributes.price` or `serverHost`. */
  readonly field: string;
  /** InLong: the vendor's number of the error. */
  declare readonly sdkCode?: number;

  constructor(code: ErrorCode, field: string, hint = "") {
    super(field + ": " + (hint || code));
    this.name = "TrackwireError";
    this.code = code;
    this.field = field;
  }
}
