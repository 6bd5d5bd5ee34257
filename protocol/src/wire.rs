//! Messages on the wire (PROTOCOL.md §2): `u16` type, `u32` length, body; little-endian.
//!
//! The only module that names bincode. A body is at most the cap of its type, every byte of it is used, and
//! decoding allocates at most a small multiple of its length.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use serde::{Serialize, de::DeserializeOwned};

/// Bytes of type and length before a body.
pub const FRAME_HEAD: usize = 6;

/// What was wrong with received bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    #[error("unknown message type {0}")]
    UnknownType(u16),
    #[error("message type {kind} of {length} bytes is over its cap of {cap}")]
    TooLong { kind: u16, length: u32, cap: u32 },
    #[error("malformed body: {0}")]
    Malformed(String),
    #[error("{0} unused bytes after the body")]
    Trailing(usize),
}

const fn fixed<const N: usize>() -> Configuration<LittleEndian, Fixint, Limit<N>> {
    bincode::config::standard()
        .with_fixed_int_encoding()
        .with_little_endian()
        .with_limit::<N>()
}

/// Encodes one value. Our own types always encode.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let config = bincode::config::standard()
        .with_fixed_int_encoding()
        .with_little_endian();
    bincode::serde::encode_to_vec(value, config).expect("our own types always encode")
}

/// Decodes one value that fills `bytes` exactly.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, WireError> {
    // The limit is what a length prefix inside the body may claim: chosen near the body's own length, so
    // that a short message cannot make us allocate much.
    let decoded = match bytes.len() {
        0..=1_024 => bincode::serde::decode_from_slice(bytes, fixed::<1_024>()),
        1_025..=16_384 => bincode::serde::decode_from_slice(bytes, fixed::<16_384>()),
        16_385..=262_144 => bincode::serde::decode_from_slice(bytes, fixed::<262_144>()),
        _ => bincode::serde::decode_from_slice(bytes, fixed::<4_194_304>()),
    };
    let (value, used) = decoded.map_err(|e| WireError::Malformed(e.to_string()))?;
    if used != bytes.len() {
        return Err(WireError::Trailing(bytes.len() - used));
    }
    Ok(value)
}

/// A closed set of messages that travel on one stream; made by [`messages!`].
pub trait Messages: Sized {
    /// The cap of a type's body in bytes; `None` for a type that is not of this set.
    fn cap(kind: u16) -> Option<u32>;
    fn decode(kind: u16, body: &[u8]) -> Result<Self, WireError>;
    /// Head and body.
    fn encode(&self) -> Vec<u8>;
}

/// Frames a body.
pub fn frame(kind: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(FRAME_HEAD + body.len());
    bytes.extend_from_slice(&kind.to_le_bytes());
    bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// Reads a frame's head: its type and its body's length, refused if over the cap.
pub fn frame_head<M: Messages>(head: [u8; FRAME_HEAD]) -> Result<(u16, usize), WireError> {
    let kind = u16::from_le_bytes([head[0], head[1]]);
    let length = u32::from_le_bytes([head[2], head[3], head[4], head[5]]);
    let cap = M::cap(kind).ok_or(WireError::UnknownType(kind))?;
    if length > cap {
        return Err(WireError::TooLong { kind, length, cap });
    }
    Ok((kind, length as usize))
}

/// Cuts a byte stream into messages. Holds at most one message's cap and what was pushed last.
#[derive(Debug, Default)]
pub struct Reader {
    buffer: Vec<u8>,
}

impl Reader {
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message, if it is there. After an error the stream is of no more use.
    pub fn next_message<M: Messages>(&mut self) -> Result<Option<M>, WireError> {
        let Some(head) = self.buffer.first_chunk::<FRAME_HEAD>() else {
            return Ok(None);
        };
        let (kind, length) = frame_head::<M>(*head)?;
        if self.buffer.len() < FRAME_HEAD + length {
            return Ok(None);
        }
        let message = M::decode(kind, &self.buffer[FRAME_HEAD..FRAME_HEAD + length])?;
        self.buffer.drain(..FRAME_HEAD + length);
        Ok(Some(message))
    }
}

/// Declares a set of messages: `Name(Body) = type, cap in bytes;`.
#[macro_export]
macro_rules! messages {
    ($(#[$doc:meta])* $vis:vis enum $set:ident { $($(#[$vdoc:meta])* $name:ident($body:ty) = $kind:literal, $cap:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        $vis enum $set { $($(#[$vdoc])* $name($body),)* }

        impl $crate::wire::Messages for $set {
            fn cap(kind: u16) -> Option<u32> {
                match kind { $($kind => Some($cap),)* _ => None }
            }
            fn decode(kind: u16, body: &[u8]) -> Result<Self, $crate::wire::WireError> {
                match kind {
                    $($kind => $crate::wire::decode(body).map($set::$name),)*
                    _ => Err($crate::wire::WireError::UnknownType(kind)),
                }
            }
            fn encode(&self) -> Vec<u8> {
                match self { $($set::$name(body) => $crate::wire::frame($kind, &$crate::wire::encode(body)),)* }
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    messages! {
        enum Sample {
            Word(String) = 1, 64;
            Pair((u32, Vec<u8>)) = 2, 1024;
        }
    }

    #[test]
    fn a_stream_is_cut_into_its_messages_whatever_the_pieces() {
        let sent = [
            Sample::Word("over".into()),
            Sample::Pair((7, vec![1, 2, 3])),
            Sample::Word(String::new()),
        ];
        let bytes: Vec<u8> = sent.iter().flat_map(Messages::encode).collect();
        for size in 1..bytes.len() {
            let mut reader = Reader::default();
            let mut got = Vec::new();
            for piece in bytes.chunks(size) {
                reader.push(piece);
                while let Some(message) = reader.next_message::<Sample>().unwrap() {
                    got.push(message);
                }
            }
            assert_eq!(got, sent);
        }
    }

    #[test]
    fn too_long_is_refused_by_its_head_alone() {
        let mut reader = Reader::default();
        reader.push(&[1, 0, 65, 0, 0, 0]);
        assert_eq!(
            reader.next_message::<Sample>(),
            Err(WireError::TooLong {
                kind: 1,
                length: 65,
                cap: 64
            })
        );
    }

    #[test]
    fn a_lying_length_inside_a_body_is_refused() {
        let mut body = encode(&(7_u32, vec![1_u8, 2, 3]));
        body[4..12].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(decode::<(u32, Vec<u8>)>(&body).is_err());
    }

    #[test]
    fn trailing_bytes_are_refused() {
        let mut body = encode(&7_u32);
        body.push(0);
        assert_eq!(decode::<u32>(&body), Err(WireError::Trailing(1)));
    }
}
