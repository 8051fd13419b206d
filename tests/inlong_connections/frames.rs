//! Frames of any messages, as a reader understands them that shares no code with the writer.

use std::collections::HashMap;

use proptest::collection::vec;
use proptest::prelude::*;
use trackwire::destination::Now;
use trackwire::engine::{Engine, Limits, Output as Wanted, Transmit};
use trackwire::inlong::{
    Connections, InLong, LocalTime, Message, NodeAddress, NodeList, Options, Output, Place, Request,
};

use crate::desk::START;
use crate::frame::{self, Pack, value};

/// A message as it was given.
#[derive(Debug, Clone)]
struct Given {
    group: u8,
    stream: u8,
    body: Vec<u8>,
    time: Option<u64>,
    attributes: Vec<(String, String)>,
}

impl Given {
    /// What its attributes say of a key.
    fn says(&self, key: &str) -> Option<&str> {
        self.attributes.iter().find(|(other, _)| other == key).map(|(_, value)| &**value)
    }

    fn message(&self) -> Message<'static> {
        let names = (format!("group {}", self.group), format!("s/{}", self.stream));
        let mut message = Message::new(names.0, names.1, self.body.clone());
        message = self.time.into_iter().fold(message, Message::time);
        self.attributes
            .iter()
            .fold(message, |message, (key, value)| message.attribute(key.clone(), value.clone()))
    }
}

fn given() -> impl Strategy<Value = Given> {
    let body = prop_oneof![
        4 => vec(any::<u8>(), 0..40),
        4 => "[a-zä\n&= ]{0,40}".prop_map(String::into_bytes),
        1 => (1usize..3_000).prop_map(|length| vec![b'x'; length]),
    ];
    let time = proptest::option::of(prop_oneof![Just(1_699_999_999_999), 0..4_000_000_000_000u64]);
    let attribute = ("[a-c]", "[!-%\'-<>-~]([ -%\'-<>-~]{0,6}[!-%\'-<>-~])?");
    (0..2u8, 0..3u8, body, time, vec(attribute, 0..3)).prop_map(
        |(group, stream, body, time, mut attributes)| {
            attributes.dedup_by(|one, other| one.0 == other.0);
            Given { group, stream, body, time, attributes }
        },
    )
}

fn options() -> impl Strategy<Value = Options> {
    let kind = (prop_oneof![Just(7u8), Just(2), Just(3), Just(5), Just(6)], 0..8u16, any::<bool>());
    let size = (any::<bool>(), 0..200usize, proptest::option::of(1..5_000usize), any::<bool>());
    (kind, size, vec(("[d-f]", "[a-z]{1,9}"), 0..2)).prop_map(|(kind, size, attributes)| {
        let mut options = Options::default();
        options.msg_type = kind.0;
        // 0x1 attributes of each, 0x2 trace, 0x20 joined by LF.
        options.extend_field = kind.1 & 3 | if kind.1 & 5 == 4 { 0x20 } else { 0 };
        options.is_ack = kind.2;
        (options.enable_zip, options.min_zip_len, options.pack_size, options.enable_pack) = size;
        options.attributes = attributes;
        options
    })
}

/// The packs that these messages make, with the bytes of their frames, and which messages were taken.
fn packs(options: &Options, messages: &[Given]) -> (Vec<(Pack, usize)>, Vec<Given>) {
    let destination = InLong::new(options.clone(), 7, LocalTime::utc()).expect("sound options");
    let mut limits = Limits::default();
    limits.max_in_flight = 100_000;
    let mut engine = Engine::new(destination, limits, 7);
    let mut connections = Connections::new(options, 7);
    connections.want(true, START);
    connections.set_nodes(0, &NodeList::fixed(&[NodeAddress::new("10.0.0.0", 1)]), START);
    connections.connected(1, START);
    connections.received(1, &frame::beat(1), START);
    let taken: Vec<Given> = messages
        .iter()
        .filter(|given| engine.record(&given.message(), None, START).is_ok())
        .cloned()
        .collect();
    engine.flush();
    for group in 0..2 {
        engine.open(&Place::Group(group), vec![Place::Node(0)]);
    }
    let now = Now { wall: START.wall + 2_000, ..START };
    while let Wanted::Transmit(Transmit { id, request, deadline, alone, .. }) = engine.poll(now) {
        let Request::Frame(frame) = request else { panic!("no frame") };
        connections.send(id, frame, deadline, alone, now);
    }
    let mut packs = Vec::new();
    while let Some(output) = connections.poll() {
        if let Output::Write { bytes, .. } = output {
            match frame::read(&bytes).unwrap_or_else(|problem| panic!("{bytes:02x?}: {problem}")) {
                frame::Request::Heartbeat => {}
                frame::Request::Pack(pack) => packs.push((pack, bytes.len())),
            }
        }
    }
    (packs, taken)
}

/// Why a message is not taken, as far as it has to be so.
fn is_refused(given: &Given, options: &Options) -> bool {
    given.body.is_empty()
        || (matches!(options.msg_type, 2 | 3) && given.body.ends_with(b"\n"))
        || given.attributes.iter().any(|(key, _)| options.attributes.iter().any(|(other, _)| other == key))
}

fn check(options: &Options, messages: &[Given]) -> Result<(), TestCaseError> {
    let (packs, taken) = packs(options, messages);
    prop_assert_eq!(taken.len(), messages.iter().filter(|given| !is_refused(given, options)).count());
    let has_own = options.msg_type == 6 || (options.msg_type == 7 && options.extend_field & 1 != 0);
    let mut left: HashMap<(String, String), Vec<&Given>> = HashMap::new();
    for given in taken.iter().rev() {
        let names = (format!("group {}", given.group), format!("s/{}", given.stream));
        left.entry(names).or_default().push(given);
    }
    let mut keys = Vec::new();
    for (pack, length) in &packs {
        prop_assert_eq!(pack.msg_type, options.msg_type);
        prop_assert_eq!(pack.is_acked, options.is_ack);
        prop_assert!(!pack.is_packed || options.enable_zip);
        let bits = usize::from(options.extend_field) & if pack.msg_type == 7 { 3 } else { 0 };
        prop_assert_eq!(pack.ext & 3, bits);
        prop_assert!(*length <= options.max_frame(None), "{length} bytes");
        prop_assert!(options.enable_pack || pack.messages.len() == 1);
        keys.push(pack.key);
        let names =
            (value(&pack.attributes, "groupId").unwrap(), value(&pack.attributes, "streamId").unwrap());
        let of = left.get_mut(&(names.0.into(), names.1.into())).expect("a stream that was sent to");
        for (place, message) in pack.messages.iter().enumerate() {
            // Of those that could be this one, the first.
            let text = if has_own { &pack.own[place] } else { &pack.attributes };
            let at = of.iter().rposition(|given| {
                let is_time = match given.time {
                    _ if has_own => true,
                    Some(time) if pack.msg_type == 7 => pack.time == time / 1_000 * 1_000,
                    Some(time) => pack.time == time,
                    None => pack.time / 1_000 == START.wall / 1_000 + 2,
                };
                given.body == *message
                    && is_time
                    && ["a", "b", "c"].iter().all(|key| value(text, key) == given.says(key))
            });
            prop_assert!(at.is_some(), "{message:?} of {pack:?} was not sent");
            of.remove(at.unwrap());
        }
        for (key, text) in &options.attributes {
            prop_assert_eq!(value(&pack.attributes, key), Some(&**text));
        }
    }
    prop_assert!(left.values().all(|left| left.is_empty()), "left: {left:?}");
    keys.sort_unstable();
    keys.dedup();
    prop_assert_eq!(keys.len(), packs.len());
    Ok(())
}

#[test]
fn lines_have_no_attributes_of_their_own() {
    let mut options = Options::default();
    options.extend_field = 0x21;
    let error = options.check().expect_err("a frame that nobody could read");
    assert_eq!(error.option, "extend_field");
}

proptest! {
    #[test]
    fn what_is_sent_is_what_was_given(options in options(), messages in vec(given(), 0..40)) {
        check(&options, &messages)?;
    }
}
