//! Events in the neutral form, as the command line reads them: no panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trackwire::Event;

fuzz_target!(|line: &str| {
    let _ = Event::from_json(line);
});
