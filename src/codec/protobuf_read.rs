//! Reads the protobuf wire format, one field at a time. It borrows from the input and allocates nothing.

use std::fmt;

/// The fields of one message, in the order of the wire.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    len: usize,
}

/// A field's value by its wire type. Groups, long out of use, are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Bytes(&'a [u8]),
    Fixed32([u8; 4]),
}

/// What is wrong with a message, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) offset: usize,
    pub(crate) problem: &'static str,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(message: &'a [u8]) -> Self {
        Self { rest: message, len: message.len() }
    }

    /// The next field's number and value; `None` at the end.
    pub(crate) fn field(&mut self) -> Result<Option<(u32, Wire<'a>)>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = u32::try_from(self.varint()?).map_err(|_| self.malformed("a tag is above 32 bits"))?;
        let number = tag >> 3;
        if number == 0 {
            return Err(self.malformed("field number 0"));
        }
        let value = match tag & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed64(self.array()?),
            2 => {
                let len = self.varint()?;
                Wire::Bytes(self.take(usize::try_from(len).unwrap_or(usize::MAX))?)
            }
            5 => Wire::Fixed32(self.array()?),
            _ => return Err(self.malformed("an unknown wire type")),
        };
        Ok(Some((number, value)))
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for (index, &byte) in self.rest.iter().take(10).enumerate() {
            if index == 9 && byte > 1 {
                return Err(self.malformed("a varint is above 64 bits"));
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        Err(self.malformed("a varint does not end"))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (head, rest) =
            self.rest.split_first_chunk().ok_or_else(|| self.malformed("a fixed-size value is cut off"))?;
        self.rest = rest;
        Ok(*head)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (head, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or_else(|| self.malformed("a length goes beyond the end of the message"))?;
        self.rest = rest;
        Ok(head)
    }

    fn malformed(&self, problem: &'static str) -> Malformed {
        Malformed { offset: self.len - self.rest.len(), problem }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.problem, self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(message: &[u8]) -> Result<Vec<(u32, Wire<'_>)>, &'static str> {
        let mut reader = Reader::new(message);
        let mut fields = Vec::new();
        while let Some(field) = reader.field().map_err(|error| error.problem)? {
            fields.push(field);
        }
        Ok(fields)
    }

    #[test]
    fn every_wire_type_is_read() {
        let message = b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x12\x02hi\x1d\x01\x00\x00\x00\xe1\x02\x00\x00\x00\x00\x00\x00\xf0\x3f";
        let fields = read(message).unwrap();
        assert_eq!(fields[0], (1, Wire::Varint(u64::MAX)));
        assert_eq!(fields[1], (2, Wire::Bytes(b"hi")));
        assert_eq!(fields[2], (3, Wire::Fixed32([1, 0, 0, 0])));
        assert_eq!(fields[3], (44, Wire::Fixed64(1.0f64.to_le_bytes())));
    }

    #[test]
    fn malformed_messages_are_errors() {
        assert_eq!(read(b"\x80").unwrap_err(), "a varint does not end");
        assert_eq!(read(&[0xff; 11]).unwrap_err(), "a varint is above 64 bits");
        assert_eq!(read(b"\x00\x01").unwrap_err(), "field number 0");
        assert_eq!(read(b"\x0b").unwrap_err(), "an unknown wire type");
        assert_eq!(read(b"\x0d\x01").unwrap_err(), "a fixed-size value is cut off");
        assert_eq!(read(b"\x0a\x05abc").unwrap_err(), "a length goes beyond the end of the message");
        assert_eq!(
            read(b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01").unwrap_err(),
            "a length goes beyond the end of the message"
        );
        assert_eq!(read(b"\xf8\xff\xff\xff\xff\x01\x00").unwrap_err(), "a tag is above 32 bits");
    }
}
