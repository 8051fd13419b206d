//! An application that is wasm itself. It does what its tests tell it.

pub mod guide;

use std::cell::{Cell, RefCell};
use std::str::FromStr;
use std::time::Duration;

use trackwire::Track;
use trackwire::engine::{Fate, Report};
use trackwire::growingio::{Consumer, Format, wasm::Tracker};
use wasm_bindgen::prelude::*;

thread_local! {
    static TRACKER: RefCell<Option<Tracker>> = const { RefCell::new(None) };
    /// Events by what became of them: delivered, anything else.
    static TOLD: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Makes the tracker, unless there is one. Times in ms.
#[wasm_bindgen]
pub fn start(host: &str, consumer: &str, format: &str, request_timeout: u32) -> Result<(), JsError> {
    if TRACKER.with_borrow(Option::is_some) {
        return Ok(());
    }
    TOLD.set((0, 0));
    let mut builder = Tracker::builder("p", "d", host)
        .consumer(Consumer::from_str(consumer)?)
        .request_timeout(Duration::from_millis(request_timeout.into()))
        .retry_backoff_factor(0.02)
        .default_attribute("app", "wasm")
        .before_send(|event| !matches!(event, trackwire::Event::Track(track) if track.name == "secret"))
        .debug_printer(|line| LAST.set(line.to_owned()))
        .on_outcome(|outcome| {
            let (delivered, other) = TOLD.get();
            TOLD.set(match &outcome.fate {
                Fate::Delivered => (delivered + outcome.count, other),
                fate => {
                    LAST.set(format!("{fate:?}, possibly delivered: {}", outcome.possibly_delivered));
                    (delivered, other + outcome.count)
                }
            });
        });
    if !format.is_empty() {
        builder = builder.format(Format::from_str(format)?);
    }
    TRACKER.set(Some(builder.build()?));
    Ok(())
}

/// Records `count` track events of this name.
#[wasm_bindgen]
pub fn track(name: &str, user: &str, count: u32) -> Result<(), JsError> {
    let tracker = tracker()?;
    for _ in 0..count {
        tracker.track(Track::new(name).user(user).attribute("price", 9.5))?;
    }
    Ok(())
}

/// Records an event in the neutral form.
#[wasm_bindgen]
pub fn track_json(text: &str) -> Result<(), JsError> {
    Ok(tracker()?.track_json(text)?)
}

/// Records an event that fills the queue's limits by its size, in bytes.
#[wasm_bindgen]
pub fn track_large(bytes: usize) -> Result<(), JsError> {
    Ok(tracker()?.track(Track::new("large").user("u").attribute("pad", "x".repeat(bytes)))?)
}

/// Waits until there is room.
#[wasm_bindgen]
pub async fn ready() -> Result<(), JsError> {
    tracker()?.ready().await;
    Ok(())
}

/// Flushes; its report as JSON.
#[wasm_bindgen]
pub async fn flush(timeout: u32) -> Result<String, JsError> {
    Ok(report(tracker()?.flush(Duration::from_millis(timeout.into())).await))
}

/// Closes; its report as JSON.
#[wasm_bindgen]
pub async fn close(timeout: u32) -> Result<String, JsError> {
    Ok(report(tracker()?.close(Duration::from_millis(timeout.into())).await))
}

/// Consents, or takes it back.
#[wasm_bindgen]
pub fn enable(enabled: bool) -> Result<(), JsError> {
    let tracker = tracker()?;
    if enabled {
        tracker.enable()
    } else {
        tracker.disable()
    }
    Ok(())
}

/// Forgets the tracker.
#[wasm_bindgen]
pub fn forget() {
    drop(TRACKER.take());
}

/// The books, what was told and the mode, as JSON.
#[wasm_bindgen]
pub fn stats() -> Result<String, JsError> {
    let tracker = tracker()?;
    let stats = tracker.stats();
    let numbers = [
        ("accepted", stats.accepted),
        ("delivered", stats.delivered),
        ("rejected", stats.rejected),
        ("expired", stats.expired),
        ("dropped", stats.dropped),
        ("pending", stats.pending),
        ("filtered", stats.filtered),
        ("invalid", stats.invalid),
        ("ignored", stats.ignored),
        ("requests", stats.requests),
        ("sent_bytes", stats.sent_bytes),
        ("maybe_duplicated", stats.maybe_duplicated),
        ("told_delivered", TOLD.get().0),
        ("told_other", TOLD.get().1),
    ];
    let numbers = numbers.map(|(name, number)| format!("\"{name}\":{number}")).join(",");
    Ok(format!(
        "{{\"mode\":\"{:?}\",\"last\":{:?},{numbers}}}",
        tracker.mode(),
        LAST.with_borrow(String::clone)
    ))
}

fn tracker() -> Result<Tracker, JsError> {
    TRACKER.with_borrow(Option::clone).ok_or_else(|| JsError::new("there is no tracker"))
}

fn report(report: Report) -> String {
    let Report { delivered, rejected, expired, dropped, pending, .. } = report;
    format!(
        "{{\"delivered\":{delivered},\"rejected\":{rejected},\"expired\":{expired},\"dropped\":{dropped},\"pending\":{pending}}}"
    )
}
