//! A page: what it sends in its last moments.

use std::cell::Cell;
use std::rc::Rc;

use js_sys::Reflect;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::EventTarget;

/// A page may have 64 KiB of keepalive bodies under way, all its scripts together.
const QUOTA: usize = 64_000;

/// A request that fails sooner than this, ms, was refused rather than lost.
const AT_ONCE: u64 = 20;

/// What is known of the page, if there is one.
#[derive(Default)]
pub(crate) struct Page {
    hidden: Cell<bool>,
    /// A keepalive request was refused while the page was hidden: others have the quota.
    refused: Cell<bool>,
    /// Whether there was ever an answer.
    answered: Cell<bool>,
    /// Bytes of the keepalive requests under way.
    flying: Rc<Cell<usize>>,
    /// Whether the next request is to outlive the page.
    keepalive: Rc<Cell<bool>>,
    listeners: Cell<Vec<Listener>>,
}

/// The place that a keepalive request takes of the quota.
pub(crate) struct Place {
    flying: Rc<Cell<usize>>,
    bytes: usize,
}

impl Page {
    /// For a driver whose transport reads whether a request is to outlive the page.
    pub(crate) fn new(keepalive: Rc<Cell<bool>>) -> Self {
        Self { keepalive, ..Self::default() }
    }

    /// Begins to watch the page, if there is one: `changed` is called with whether it is hidden now.
    pub(crate) fn watch(&self, changed: impl Fn(bool) + Clone + 'static) {
        let global: JsValue = js_sys::global().into();
        let document = Reflect::get(&global, &"document".into()).unwrap_or_default();
        if !document.is_object() {
            return;
        }
        let visibility = {
            let (document, changed) = (document.clone(), changed.clone());
            move || {
                let state = Reflect::get(&document, &"visibilityState".into()).unwrap_or_default();
                changed(state.as_string().as_deref() == Some("hidden"));
            }
        };
        let (leave, back) = (changed.clone(), changed);
        self.listeners.set(vec![
            Listener::new(&document, "visibilitychange", visibility),
            Listener::new(&global, "pagehide", move || leave(true)),
            Listener::new(&global, "pageshow", move || back(false)),
        ]);
    }

    /// The page was hidden, or shown again.
    pub(crate) fn set_hidden(&self, hidden: bool) {
        self.hidden.set(hidden);
        self.refused.set(false);
    }

    /// The largest body that may leave now.
    pub(crate) fn most(&self) -> usize {
        match (self.hidden.get(), self.refused.get()) {
            (false, _) => usize::MAX,
            (true, false) => QUOTA.saturating_sub(self.flying.get()),
            (true, true) => 0,
        }
    }

    /// Says for the next request whether it is to outlive the page: a first attempt, and in a hidden page any, as far as
    /// the quota goes. When one fails, others may have the quota, so the retry of a visible page goes without.
    pub(crate) fn prepare(&self, bytes: usize, attempt: u32) -> Option<Place> {
        let keepalive = (self.hidden.get() || attempt == 1) && self.flying.get() + bytes <= QUOTA;
        self.keepalive.set(keepalive);
        keepalive.then(|| {
            self.flying.set(self.flying.get() + bytes);
            Place { flying: self.flying.clone(), bytes }
        })
    }

    /// Takes note of how a request ended after so many ms; whether it was refused, and never left.
    pub(crate) fn was_refused(&self, answered: bool, took: u64) -> bool {
        if answered {
            self.answered.set(true);
            self.refused.set(false);
            return false;
        }
        let refused = self.hidden.get() && self.answered.get() && took < AT_ONCE;
        if refused {
            self.refused.set(true);
        }
        refused
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.flying.set(self.flying.get().saturating_sub(self.bytes));
    }
}

/// Hears an event until it is dropped.
struct Listener {
    target: EventTarget,
    event: &'static str,
    act: Closure<dyn Fn()>,
}

impl Listener {
    fn new(target: &JsValue, event: &'static str, act: impl Fn() + 'static) -> Self {
        let target: EventTarget = target.clone().unchecked_into();
        let act = Closure::<dyn Fn()>::new(act);
        // A host without events has none to tell.
        let _ = target.add_event_listener_with_callback(event, act.as_ref().unchecked_ref());
        Self { target, event, act }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let act = self.act.as_ref().unchecked_ref();
        let _ = self.target.remove_event_listener_with_callback(self.event, act);
    }
}
