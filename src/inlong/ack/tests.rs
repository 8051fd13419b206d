use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// What is read, up to the first garbage.
type Seen = (Vec<Answer>, Option<Garbage>);

/// Reads a stream in pieces of these lengths, over and over. What is held stays within the longest answer.
fn read_in(bytes: &[u8], pieces: &[usize]) -> Seen {
    let (mut reader, mut seen) = (Reader::default(), Vec::new());
    let (mut rest, mut lengths) = (bytes, pieces.iter().cycle());
    while !rest.is_empty() {
        let length = lengths.next().copied().unwrap_or(rest.len()).clamp(1, rest.len());
        let (piece, behind) = rest.split_at(length);
        rest = behind;
        reader.push(piece);
        loop {
            match reader.next() {
                Ok(Some(answer)) => seen.push(answer),
                Ok(None) => break,
                Err(garbage) => return (seen, Some(garbage)),
            }
        }
        let held = reader.held.len() - reader.at;
        assert!(held < 4 + MAX_ANSWER, "{held} bytes are held");
        assert!(reader.held.capacity() <= 4 * (MAX_ANSWER + piece.len()), "{}", reader.held.capacity());
    }
    (seen, None)
}

fn answer_of_7(uniq: u32, attributes: &str) -> Vec<u8> {
    let length = attributes.len();
    let mut out = (9 + length as u32).to_be_bytes().to_vec();
    out.push(7);
    out.extend(uniq.to_be_bytes());
    out.extend((length as u16).to_be_bytes());
    out.extend(attributes.bytes());
    out.extend([0xee, 1]);
    out
}

fn text_answer(msg_type: u8, body: &[u8], attributes: &str) -> Vec<u8> {
    let mut out = (9 + body.len() as u32 + attributes.len() as u32).to_be_bytes().to_vec();
    out.push(msg_type);
    out.extend((body.len() as u32).to_be_bytes());
    out.extend(body);
    out.extend((attributes.len() as u32).to_be_bytes());
    out.extend(attributes.bytes());
    out
}

fn heartbeat_answer(load: u16) -> Vec<u8> {
    let mut out = vec![0, 0, 0, 16, 8, 1, 2, 3, 4, 1, 0, 0, 0, 2];
    out.extend(load.to_be_bytes());
    out.extend([0, 0, 0xee, 1]);
    out
}

/// An answer and what it is.
fn answers() -> impl Strategy<Value = (Vec<u8>, Answer)> {
    let code = prop_oneof![Just(0), 1..200u32, any::<i32>().prop_map(|code| code.unsigned_abs())];
    // Free text, which may look like attributes.
    let message = "([ -~äö]|&|=|&errCode=7|&mid=7|&groupId=x){0,12}";
    let ack = (prop_oneof![Just(7), 2..=6u8], any::<u32>(), code, message, vec(any::<u8>(), 0..9));
    let ack = ack.prop_map(|(msg_type, key, code, message, body)| {
        let said = if code > 0 { format!("&errCode={code}&errMsg={message}") } else { String::new() };
        let attributes = format!("dpIp=10.0.0.1{said}&groupId=g&streamId=s&mid={key}&cnt=1");
        let bytes = match msg_type {
            7 => answer_of_7(key, &attributes),
            _ => text_answer(msg_type, &body, &attributes),
        };
        let message = if code > 0 { message } else { String::new() };
        (bytes, Answer::Ack(Ack { key: Some(key.into()), msg_type, code, message }))
    });
    let beat = any::<u16>().prop_map(|load| {
        let known = Some(load).filter(|&load| load != u16::MAX);
        (heartbeat_answer(load), Answer::Heartbeat { load: known })
    });
    let text_beat = Just((vec![0, 0, 0, 1, 1], Answer::Heartbeat { load: None }));
    prop_oneof![6 => ack, 2 => beat, 1 => text_beat]
}

#[test]
fn what_says_little_is_read_as_far_as_it_goes() {
    let of = |bytes: &[u8]| read_in(bytes, &[]).0;
    let ack = |key, msg_type, code, message: &str| {
        Answer::Ack(Ack { key, msg_type, code, message: message.into() })
    };
    assert_eq!(of(&answer_of_7(9, "")), [ack(Some(9), 7, 0, "")]);
    assert_eq!(of(&text_answer(5, b"2", "")), [ack(None, 5, 0, "")]);
    assert_eq!(of(&text_answer(3, b"2", "errCode=104")), [ack(None, 3, 104, "")]);
    // Without a length of attributes.
    assert_eq!(of(&[0, 0, 0, 6, 5, 0, 0, 0, 1, 0x32]), [ack(None, 5, 0, "")]);
    // A code that is none is not taken for success.
    for code in ["x", "", "-1", "4294967296"] {
        let bytes = answer_of_7(1, &format!("errCode={code}"));
        assert_eq!(of(&bytes), [ack(Some(1), 7, i32::MAX as u32, "")], "{code}");
    }
    // The first code holds, and a group of the request that is quoted is not the end of the text.
    let bytes =
        answer_of_7(1, "dpIp=1&errCode=109&errMsg=bad a=b&groupId=x, y&errCode=0&groupId=g&streamId=s");
    assert_eq!(of(&bytes), [ack(Some(1), 7, 109, "bad a=b&groupId=x, y&errCode=0")]);
    let long = "x".repeat(2_000);
    let bytes = answer_of_7(1, &format!("errCode=1&errMsg={long}"));
    assert_eq!(of(&bytes), [ack(Some(1), 7, 1, &long[..MAX_MESSAGE])]);
}

#[test]
fn what_is_no_answer_is_garbage_at_once() {
    let garbage = |bytes: &[u8]| read_in(bytes, &[1]).1.is_some();
    assert!(garbage(&[0; 4]));
    assert!(garbage(&[0xff; 4]));
    assert!(garbage(&(MAX_ANSWER as u32 + 1).to_be_bytes()));
    assert!(!garbage(&(MAX_ANSWER as u32).to_be_bytes()));
    assert!(garbage(b"HTTP/1.1 400"));
    for type_byte in [0, 9, 31] {
        assert!(garbage(&[0, 0, 0, 1, type_byte]), "{type_byte}");
    }
    // Lengths within that lead beyond.
    let mut bytes = answer_of_7(1, "a=b");
    bytes[10] = 200;
    assert!(garbage(&bytes));
    let mut bytes = text_answer(3, b"2", "a=b");
    bytes[5] = 0xff;
    assert!(garbage(&bytes));
    let mut bytes = heartbeat_answer(1);
    bytes[12] = 1;
    assert!(garbage(&bytes));
    assert!(garbage(&[0, 0, 0, 3, 8, 0, 0]));
}

proptest! {
    #[test]
    fn answers_are_read_from_any_pieces(known in vec(answers(), 0..9), pieces in vec(1usize..40, 1..9)) {
        let bytes: Vec<u8> = known.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
        let expected: Vec<Answer> = known.into_iter().map(|(_, answer)| answer).collect();
        for pieces in [&pieces[..], &[1], &[]] {
            let (seen, garbage) = read_in(&bytes, pieces);
            prop_assert_eq!(&seen, &expected);
            prop_assert_eq!(garbage, None);
        }
    }

    #[test]
    fn any_bytes_are_read_alike_in_any_pieces(bytes in vec(any::<u8>(), 0..600), pieces in vec(1usize..40, 1..9)) {
        prop_assert_eq!(read_in(&bytes, &pieces), read_in(&bytes, &[]));
        prop_assert_eq!(read_in(&bytes, &[1]), read_in(&bytes, &[]));
    }

    #[test]
    fn changed_answers_are_read_alike_in_any_pieces(
        known in vec(answers(), 1..6),
        changes in vec((any::<Index>(), any::<u8>()), 1..6),
        cut in any::<Index>(),
        pieces in vec(1usize..40, 1..9),
    ) {
        let mut bytes: Vec<u8> = known.into_iter().flat_map(|(bytes, _)| bytes).collect();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.drain(..cut.index(bytes.len().min(4)));
        prop_assert_eq!(read_in(&bytes, &pieces), read_in(&bytes, &[]));
    }

    /// A body of any kind behind a length that fits.
    #[test]
    fn any_answer_of_any_length(type_byte in any::<u8>(), rest in vec(any::<u8>(), 0..300), pieces in vec(1usize..40, 1..9)) {
        let mut bytes = (rest.len() as u32 + 1).to_be_bytes().to_vec();
        bytes.push(type_byte);
        bytes.extend(rest);
        prop_assert_eq!(read_in(&bytes, &pieces), read_in(&bytes, &[]));
    }
}
