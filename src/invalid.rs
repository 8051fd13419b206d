//! Why an event was refused at the door.

use std::borrow::Cow;
use std::fmt;

/// An event that cannot be recorded: the field, what is wrong with it and the way out.
///
/// An `Invalid` is returned before anything was queued, so it never affects other events.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Invalid {
    /// The field or option at fault, e.g. `event_name` or `attributes.price`.
    pub field: Cow<'static, str>,
    /// What is wrong, for matching on.
    pub kind: InvalidKind,
    /// What to do about it.
    pub hint: Cow<'static, str>,
}

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidKind {
    /// A value that must be given is absent.
    Missing,
    /// A value that must not be empty is empty.
    Empty,
    /// A number is NaN or infinite.
    NotFinite,
    /// The event is larger than a request may be.
    TooLarge,
    /// A number lies outside what the field can carry.
    OutOfRange,
    /// The value has another type than the field.
    WrongType,
    /// The system has no such field.
    UnknownField,
    /// The text holds a character that is not allowed there.
    BadCharacter,
    /// The text is not valid JSON, or not of the neutral form.
    Malformed,
}

impl Invalid {
    /// An error for `field`, with the way out in `hint`.
    pub fn new(
        field: impl Into<Cow<'static, str>>,
        kind: InvalidKind,
        hint: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { field: field.into(), kind, hint: hint.into() }
    }

    /// A stable lower-case code for logs and other languages, e.g. `not_finite`.
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }
}

impl InvalidKind {
    /// A stable lower-case code for logs and other languages, e.g. `not_finite`.
    pub fn code(self) -> &'static str {
        match self {
            InvalidKind::Missing => "missing",
            InvalidKind::Empty => "empty",
            InvalidKind::NotFinite => "not_finite",
            InvalidKind::TooLarge => "too_large",
            InvalidKind::OutOfRange => "out_of_range",
            InvalidKind::WrongType => "wrong_type",
            InvalidKind::UnknownField => "unknown_field",
            InvalidKind::BadCharacter => "bad_character",
            InvalidKind::Malformed => "malformed",
        }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problem = match self.kind {
            InvalidKind::Missing => "is missing",
            InvalidKind::Empty => "is empty",
            InvalidKind::NotFinite => "is not a finite number",
            InvalidKind::TooLarge => "is too large",
            InvalidKind::OutOfRange => "is out of range",
            InvalidKind::WrongType => "has the wrong type",
            InvalidKind::UnknownField => "is not a known field",
            InvalidKind::BadCharacter => "holds a character that is not allowed",
            InvalidKind::Malformed => "cannot be read",
        };
        write!(f, "`{}` {problem}: {}", self.field, self.hint)
    }
}

impl std::error::Error for Invalid {}
