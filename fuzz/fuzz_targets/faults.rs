//! Plans of faults: no panic, and what is taken is shown in a form that is taken again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trackwire::collector::Faults;

fuzz_target!(|plan: &str| {
    let faults = Faults::default();
    if faults.replace(plan).is_ok() {
        let shown = faults.left();
        faults.replace(&shown).expect(&shown);
    }
});
