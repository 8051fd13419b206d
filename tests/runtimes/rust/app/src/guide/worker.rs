//! The guide's example: in a Worker. A test compares them.

use std::cell::OnceCell;
use std::time::Duration;

use trackwire::Track;
use trackwire::growingio::OptionError;
use trackwire::growingio::wasm::Tracker;
use wasm_bindgen::prelude::*;

/// One for the isolate, shared by its requests.
fn tracker(collector: &str) -> Result<Tracker, OptionError> {
    thread_local! {
        static TRACKER: OnceCell<Tracker> = const { OnceCell::new() };
    }
    TRACKER.with(|kept| {
        if let Some(tracker) = kept.get() {
            return Ok(tracker.clone());
        }
        let tracker = Tracker::builder("project-id", "data-source-id", collector).build()?;
        Ok(kept.get_or_init(|| tracker).clone())
    })
}

/// Answers a request, and records it: no I/O.
#[wasm_bindgen]
pub fn answer(collector: &str, path: &str) -> Result<String, JsError> {
    tracker(collector)?.track(Track::new("visit").user("u1").attribute("path", path))?;
    Ok(format!("this is {path}"))
}

/// Sends what waits, within the request that calls it.
#[wasm_bindgen]
pub async fn deliver(collector: String) -> Result<(), JsError> {
    // What is pending after that stays, and goes out with a later flush of this isolate.
    tracker(&collector)?.flush(Duration::from_secs(10)).await;
    Ok(())
}
