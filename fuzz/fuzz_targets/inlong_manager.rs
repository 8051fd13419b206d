//! The Manager's answers: no panic, and what is taken names nodes that can be connected to.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trackwire::http::{Call, Response};
use trackwire::inlong::{NodeListCall, Options};

fuzz_target!(|body: &[u8]| {
    let call = NodeListCall::new(&Options::default(), "group");
    if let Ok(list) = call.parse(&Response::new(200).body(body.to_vec())) {
        assert!(!list.nodes.is_empty());
        for node in &list.nodes {
            assert_eq!(node.address.to_string().parse(), Ok(node.address.clone()));
        }
    }
});
