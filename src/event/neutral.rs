//! The neutral form: one event as one JSON object.
