//! What the platform would not be able to use is refused at the call. Can be switched off.

use crate::{Event, Invalid, InvalidKind, Item, Mapping, Track, UserAttributes};

/// The user key that lifts the rule that a custom event needs an id.
const NO_USER: &str = "$notuser";

pub(super) fn validate(event: &Event<'_>) -> Result<(), Invalid> {
    match event {
        Event::Track(event) => track(event),
        Event::User(event) => user(event),
        Event::Item(event) => item(event),
        Event::Mapping(event) => mapping(event),
    }
}

fn track(event: &Track<'_>) -> Result<(), Invalid> {
    if event.name.is_empty() {
        return empty("event_name", "give the event a name");
    }
    if is_blank(&event.user) && is_blank(&event.anonymous) && event.user_key.as_deref() != Some(NO_USER) {
        return missing("login_user_id", "give a login user id or an anonymous id");
    }
    Ok(())
}

fn user(event: &UserAttributes<'_>) -> Result<(), Invalid> {
    if is_blank(&event.user) && is_blank(&event.anonymous) {
        return missing("login_user_id", "give a login user id or an anonymous id");
    }
    if event.attributes.is_empty() {
        return empty("attributes", "give at least one attribute");
    }
    Ok(())
}

fn item(event: &Item<'_>) -> Result<(), Invalid> {
    if event.id.is_empty() {
        return empty("item_id", "give the item's id");
    }
    if event.key.is_empty() {
        return empty("item_key", "give the key of the item's table");
    }
    Ok(())
}

fn mapping(event: &Mapping<'_>) -> Result<(), Invalid> {
    if event.identities.is_empty() {
        return empty("identities", "give at least one kind of id and its id");
    }
    Ok(())
}

fn is_blank(id: &Option<std::borrow::Cow<'_, str>>) -> bool {
    id.as_deref().is_none_or(str::is_empty)
}

fn empty(field: &'static str, hint: &'static str) -> Result<(), Invalid> {
    Err(Invalid::new(field, InvalidKind::Empty, hint))
}

fn missing(field: &'static str, hint: &'static str) -> Result<(), Invalid> {
    Err(Invalid::new(field, InvalidKind::Missing, hint))
}
