//! What an application wants done with its events before they are recorded: default attributes, a hook, sampling.

use std::borrow::Cow;
use std::fmt;

use crate::engine::Unrecorded;
use crate::sampling::is_sampled;
use crate::{Event, Value};

/// Looks at every event before it is recorded; may change it, and drops it by returning `false`.
pub type BeforeSend = Box<dyn for<'a> Fn(&mut Event<'a>) -> bool + Send + Sync>;

/// Whether a tracker records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Enabled {
    /// It records and delivers.
    #[default]
    Yes,
    /// It does nothing; events are counted as ignored.
    No,
    /// It records and holds back: events wait, with their time, until the application has its user's consent
    /// (`enable`) or has not (`disable`).
    Buffer,
}

/// The application's wishes. Applied outside any lock.
#[derive(Default)]
pub(crate) struct Policy {
    /// Attributes that every track event gets unless it has its own.
    pub(crate) defaults: Vec<(String, Value<'static>)>,
    pub(crate) before_send: Option<BeforeSend>,
    /// The share of users whose events are recorded, 0 to 1.
    pub(crate) sample_rate: Option<f64>,
}

impl Policy {
    /// Whether every event is recorded as it is.
    pub(crate) fn is_empty(&self) -> bool {
        self.defaults.is_empty() && self.before_send.is_none() && self.sample_rate.is_none()
    }

    /// Makes the event what is to be recorded, or says why it is not.
    pub(crate) fn admit<'a>(&'a self, event: &mut Event<'a>) -> Result<(), Unrecorded> {
        if let Some(rate) = self.sample_rate
            && user_of(event).is_some_and(|user| !is_sampled(user, rate))
        {
            return Err(Unrecorded::SampledOut);
        }
        if let Event::Track(track) = event {
            for (key, value) in &self.defaults {
                if !track.attributes.iter().any(|(own, _)| own == key) {
                    track.attributes.push((Cow::Borrowed(key), value.borrowed()));
                }
            }
        }
        match &self.before_send {
            Some(hook) if !hook(event) => Err(Unrecorded::Filtered),
            _ => Ok(()),
        }
    }
}

/// Whom an event is about: the login user, else the device.
fn user_of<'e>(event: &'e Event<'_>) -> Option<&'e str> {
    let (user, anonymous) = match event {
        Event::Track(event) => (&event.user, &event.anonymous),
        Event::User(event) => (&event.user, &event.anonymous),
        Event::Item(_) | Event::Mapping(_) => return None,
    };
    let given = |id: &'e Option<Cow<'_, str>>| id.as_deref().filter(|id| !id.is_empty());
    given(user).or_else(|| given(anonymous))
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("defaults", &self.defaults)
            .field("before_send", &self.before_send.is_some())
            .field("sample_rate", &self.sample_rate)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Item, Track};

    #[test]
    fn defaults_yield_to_the_events_own_and_the_hook_has_the_last_word() {
        let policy = Policy {
            defaults: vec![("app".into(), "shop".into()), ("price".into(), 1.into())],
            before_send: Some(Box::new(|event| match event {
                Event::Track(track) => {
                    track.attributes.push(("seen".into(), true.into()));
                    track.name != "secret"
                }
                _ => true,
            })),
            sample_rate: None,
        };
        let mut event = Track::new("buy").attribute("price", 9).into();
        assert_eq!(policy.admit(&mut event), Ok(()));
        let expected =
            Track::new("buy").attribute("price", 9).attribute("app", "shop").attribute("seen", true);
        assert_eq!(event, expected.into());
        assert_eq!(policy.admit(&mut Track::new("secret").into()), Err(Unrecorded::Filtered));
        let mut item = Item::new("i", "k").into();
        assert_eq!(policy.admit(&mut item), Ok(()));
        assert_eq!(item, Item::new("i", "k").into());
    }
}
