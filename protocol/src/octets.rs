//! Bytes as one piece rather than one by one: the same on the wire, and many times as fast. For `#[serde(with)]`.

use std::fmt;

use serde::de::{Deserializer, Error, Visitor};
use serde::ser::Serializer;

pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    struct Bytes;
    impl Visitor<'_> for Bytes {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("bytes")
        }

        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }

        fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
            Ok(bytes)
        }
    }
    deserializer.deserialize_byte_buf(Bytes)
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use crate::wire;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Piece(#[serde(with = "super")] Vec<u8>);

    #[test]
    fn they_are_on_the_wire_as_a_list_of_bytes() {
        for bytes in [vec![], vec![7], vec![0, 255, 10]] {
            let encoded = wire::encode(&Piece(bytes.clone()));
            assert_eq!(encoded, wire::encode(&bytes));
            assert_eq!(wire::decode::<Piece>(&encoded), Ok(Piece(bytes)));
        }
        let mut lying = wire::encode(&vec![1_u8, 2, 3]);
        lying[..8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(wire::decode::<Piece>(&lying).is_err());
    }
}
