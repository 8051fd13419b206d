//! The guide's example: in a page. A test compares them.

use std::cell::OnceCell;

use trackwire::Track;
use trackwire::growingio::wasm::Tracker;
use trackwire::growingio::{Consumer, OptionError};
use wasm_bindgen::prelude::*;

/// One for the page, made at first use.
fn tracker(collector: &str) -> Result<Tracker, OptionError> {
    thread_local! {
        static TRACKER: OnceCell<Tracker> = const { OnceCell::new() };
    }
    TRACKER.with(|kept| {
        if let Some(tracker) = kept.get() {
            return Ok(tracker.clone());
        }
        let tracker = Tracker::builder("project-id", "data-source-id", collector)
            .consumer(Consumer::async_())
            .default_attribute("app", "shop")
            .build()?;
        Ok(kept.get_or_init(|| tracker).clone())
    })
}

/// Called by the page's own code.
#[wasm_bindgen]
pub fn buy(collector: &str, price: f64) -> Result<(), JsError> {
    tracker(collector)?.track(Track::new("buy").user("u1").attribute("price", price))?;
    Ok(())
}
