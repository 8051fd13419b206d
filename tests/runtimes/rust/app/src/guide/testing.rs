//! The guide's example: how an application tests itself. A test compares them.

use std::time::Duration;

use trackwire::Track;
use trackwire::growingio::wasm::Tracker;
use trackwire::testing::Sink;
use wasm_bindgen::prelude::*;

/// A test of the application, without a network.
#[wasm_bindgen]
pub async fn check() -> Result<(), JsError> {
    let sink = Sink::new();
    let tracker = Tracker::builder("p", "d", "https://collector.example").sink(&sink).build()?;

    // The application's code under test:
    tracker.track(Track::new("buy").user("u1").attribute("price", 9.5))?;

    assert_eq!(sink.tracks("buy").len(), 1);
    assert_eq!(tracker.flush(Duration::from_secs(1)).await.delivered, 1);
    Ok(())
}
