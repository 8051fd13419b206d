//! InLong DataProxy as the harness knows it: frames taken apart with none of the library's code, which they judge.

pub(crate) mod answer;
pub(crate) mod frame;

use std::io::{self, Read};

use frame::Cursor;

/// The longest frame that is read.
const MAX_FRAME: usize = 64 << 20;

/// Ends each frame of types 7 and 8.
const MAGIC: u16 = 0xee01;

/// Reads the next frame with its length field; `None` when the other side closed the connection before it.
pub(crate) fn read(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut frame = vec![0; 4];
    match from.read(&mut frame[..1])? {
        0 => return Ok(None),
        _ => from.read_exact(&mut frame[1..])?,
    }
    let length = frame.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    if length > MAX_FRAME {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a frame of {length} bytes")));
    }
    frame.resize(4 + length, 0);
    from.read_exact(&mut frame[4..])?;
    Ok(Some(frame))
}

/// The items of an attribute text, each split at its first `=`; what has none has an empty value.
pub(crate) fn attributes(text: &str) -> Vec<(String, String)> {
    let item = |item: &str| {
        let (key, value) = item.split_once('=').unwrap_or((item, ""));
        (key.trim().to_owned(), value.trim().to_owned())
    };
    text.split('&').filter(|part| !part.trim().is_empty()).map(item).collect()
}

/// The first value of a key.
pub(crate) fn attribute<'a>(attributes: &'a [(String, String)], key: &str) -> Option<&'a str> {
    attributes.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
}

/// The text of attributes, whose bytes must be UTF-8.
fn text(bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| "attributes that are not UTF-8".to_owned())
}

/// The body and the attributes of the text layout, with which the frame must end.
fn text_layout(cursor: &mut Cursor<'_>) -> Result<(Vec<u8>, String), String> {
    let length = cursor.length32()?;
    let body = cursor.take(length)?.to_vec();
    let length = cursor.length32()?;
    let attributes = text(cursor.take(length)?)?;
    cursor.end()?;
    Ok((body, attributes))
}

/// Two bytes of length, the attributes and the magic number, with which the frame must end.
fn binary_end(cursor: &mut Cursor<'_>) -> Result<String, String> {
    let length = usize::from(cursor.u16()?);
    let attributes = text(cursor.take(length)?)?;
    match cursor.u16()? {
        MAGIC => cursor.end().map(|()| attributes),
        other => Err(format!("the magic number is {other:#06x}, not {MAGIC:#06x}")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;

    use super::answer::Answer;
    use super::frame::Frame;
    use crate::json::Json;

    fn bytes(base64: &str) -> Vec<u8> {
        BASE64_STANDARD.decode(base64).unwrap_or_else(|error| panic!("{base64}: {error}"))
    }

    /// Every frame of the vectors with what they say is in it: of requests or of answers.
    fn captured(exchange: [&str; 2], list: &str) -> Vec<(Vec<u8>, Json)> {
        let mut frames = Vec::new();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/inlong");
        for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{error}")) {
            let path = entry.unwrap_or_else(|error| panic!("{error}")).path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{error}"));
            let file = Json::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            for (list, base64, decoded) in
                [("exchanges", exchange[0], exchange[1]), (list, "base64", "decoded")]
            {
                for json in file.get(list).map(Json::elements).unwrap_or_default() {
                    if let (Some(base64), Some(decoded)) = (json.text_of(base64), json.get(decoded)) {
                        frames.push((bytes(base64), decoded.clone()));
                    }
                }
            }
        }
        assert!(frames.len() > 50, "{}", frames.len());
        frames
    }

    fn number(decoded: &Json, key: &str) -> u32 {
        u32::try_from(decoded.count(key)).unwrap_or_else(|error| panic!("{key}: {error}"))
    }

    #[test]
    fn requests_are_read_as_the_vectors_have_them() {
        let mut read = 0;
        for (bytes, decoded) in captured(["request_base64", "request"], "requests") {
            // Some are malformed on purpose.
            let Ok(frame) = Frame::decode(&bytes) else { continue };
            read += 1;
            assert_eq!(u32::from(frame.kind), number(&decoded, "msg_type"));
            assert_eq!(frame.attribute_text, decoded.text_of("attr").unwrap_or_default());
            assert_eq!(u32::from(frame.ext), number(&decoded, "ext_field"));
            assert_eq!(frame.uniq, number(&decoded, "uniq"));
            assert_eq!(frame.dt, number(&decoded, "dt"));
            assert_eq!(u32::from(frame.version), number(&decoded, "body_version"));
            let listed = decoded.get("messages").map(Json::elements).unwrap_or_default();
            let listed: Vec<_> =
                listed.iter().map(|message| (message.text_of("base64"), message.text_of("attr"))).collect();
            if let (Ok(messages), false) = (frame.messages(), listed.is_empty()) {
                let encoded: Vec<_> =
                    messages.iter().map(|message| BASE64_STANDARD.encode(&message.data)).collect();
                let own = messages.iter().map(|message| message.attributes.as_deref());
                let messages: Vec<_> = encoded.iter().map(|base64| Some(&**base64)).zip(own).collect();
                assert_eq!(messages, listed);
            }
        }
        assert!(read > 50, "{read}");
    }

    #[test]
    fn answers_are_read_as_the_vectors_have_them_and_written_again() {
        for (frame, decoded) in captured(["response_base64", "response"], "responses") {
            let answer = Answer::decode(&frame).unwrap_or_else(|error| panic!("{frame:02x?}: {error}"));
            assert_eq!(u32::from(answer.kind), number(&decoded, "msg_type"));
            assert_eq!(answer.uniq, number(&decoded, "uniq"));
            assert_eq!(answer.encode(), frame);
            let code = decoded.get("attrs").and_then(|attrs| attrs.text_of("errCode")).unwrap_or("0");
            assert_eq!(answer.code().to_string(), code);
            if let Some(body) = decoded.text_of("body_base64") {
                assert_eq!(answer.body, bytes(body));
            }
        }
    }

    #[test]
    fn frames_that_lie_are_errors() {
        for bad in [
            &[][..],
            &[0, 0, 0, 0],
            &[0, 0, 0, 1, 9],
            &[0, 0, 0, 2, 7, 0],
            &[0, 0, 0, 9, 5, 0, 0, 0, 1, 0, 0, 0, 0],
        ] {
            assert!(Frame::decode(bad).is_err(), "{bad:?}");
            assert!(Answer::decode(bad).is_err(), "{bad:?}");
        }
    }
}
