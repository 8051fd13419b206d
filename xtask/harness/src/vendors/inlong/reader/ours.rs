//! What our own client sends: its frames for the reader, and whether they hold what it was given.

use std::time::Duration;

use trackwire::inlong::{Client, Message, Options};

use super::Kept;
use crate::collector::Collector;
use crate::inlong::frame::Frame;

use super::super::super::{Case, Cases};

const PATIENCE: Duration = Duration::from_secs(20);

/// A message and its attributes.
type Given = (Vec<u8>, &'static [(&'static str, &'static str)]);

/// A case: its name, what differs from the defaults, and the messages.
type Sending = (&'static str, fn(&mut Options), Vec<Given>);

fn sendings() -> Vec<Sending> {
    let plain = |texts: &[&str]| texts.iter().map(|text| (text.as_bytes().to_vec(), &[][..])).collect();
    let attributes: &'static [_] = &[("k1", "v1"), ("zone", "eu 1")];
    vec![
        ("single", |_| {}, plain(&["hello"])),
        ("several, with unicode", |_| {}, plain(&["plain", "中文 héllo — ñ", "🚀 \"q\" \\ \t|", "a=b&c"])),
        ("lines and bytes", |_| {}, vec![(b"a\n\nb\n".to_vec(), &[]), ((0..=255).collect(), &[])]),
        ("snappy", |_| {}, plain(&[&"The quick brown fox. ".repeat(60), "short"])),
        (
            "attributes",
            |options| options.attributes = vec![("k0".into(), "v0".into())],
            vec![(b"with".to_vec(), attributes)],
        ),
        (
            "attributes of each message",
            |options| options.extend_field = 1,
            vec![(b"one".to_vec(), attributes), (b"two".to_vec(), &[("k2", "v2")]), (b"three".to_vec(), &[])],
        ),
        ("trace", |options| options.extend_field = 2, plain(&["traced"])),
        ("many packs", |options| options.pack_size = Some(4_096), many(5_000)),
    ]
}

fn many(count: usize) -> Vec<Given> {
    (0..count).map(|at| (format!("message {at}, {}", at * at).into_bytes(), &[][..])).collect()
}

/// Sends every case and adds the frames that came of it; the cases' own judgement is whether these hold the messages.
pub(super) fn send_all(collector: &Collector, kept: &mut Vec<Kept>, cases: &mut Cases) -> Result<(), String> {
    for (name, change, messages) in sendings() {
        collector.reset()?;
        let case = format!("ours, {name}");
        let mut options = Options::default();
        options.nodes = vec![collector.node()?.parse().map_err(|error| format!("{error}"))?];
        options.pack_timeout = 50;
        change(&mut options);
        let client = Client::builder(options).build().map_err(|error| error.to_string())?;
        for (data, attributes) in &messages {
            let message = Message::new("reader_group", "s1", &data[..]);
            let message =
                attributes.iter().fold(message, |message, (key, value)| message.attribute(*key, *value));
            client.send_message(&message).map_err(|error| format!("{case}: {error}"))?;
        }
        client.close_blocking(PATIENCE).map_err(|error| error.to_string())?;
        let (mut wrong, stats) = (Vec::new(), client.stats());
        if stats.delivered != messages.len() as u64 {
            wrong.push(format!("{stats:?}"));
        }
        let mut held = Vec::new();
        for frame in collector.frames()? {
            held.extend(Frame::decode(&frame)?.messages()?.into_iter().map(|message| message.data));
            kept.push(Kept { case: case.clone(), sent: frame.clone(), kept: frame });
        }
        held.sort();
        let mut sent: Vec<Vec<u8>> = messages.into_iter().map(|(data, _)| data).collect();
        sent.sort();
        if held != sent {
            wrong.push(format!(
                "{} messages were sent, the frames hold {} or others",
                sent.len(),
                held.len()
            ));
        }
        cases.insert(format!("reader: {case}"), Case { expected: 0, wrong });
    }
    Ok(())
}
