//! Identities, one type each, so that none is taken for another.

use std::fmt;

use serde::{Deserialize, Serialize};

fn hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|b| write!(f, "{b:02x}"))
}

fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let text = text.as_bytes();
    if text.len() != 2 * N {
        return None;
    }
    let digit = |b: u8| (b as char).to_digit(16);
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
    }
    Some(bytes)
}

macro_rules! identity {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Reads lower- or upper-case hexadecimal.
            pub fn from_hex(text: &str) -> Option<$name> {
                from_hex(text).map($name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                hex(f, &self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    };
}

identity!(
    /// One session; drawn by the relay at random for each claim.
    SessionId, 16
);
identity!(
    /// An Ed25519 public key (RFC 8032).
    PublicKey, 32
);
identity!(
    /// A SHA-256 digest.
    Digest, 32
);
identity!(
    /// An X25519 public key (RFC 7748), to which session keys are wrapped for an auditor.
    WrapKey, 32
);

impl Digest {
    /// SHA-256 over the concatenation of `parts`.
    pub fn of(parts: &[&[u8]]) -> Digest {
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        parts.iter().for_each(|part| context.update(part));
        let mut bytes = [0; 32];
        bytes.copy_from_slice(context.finish().as_ref());
        Digest(bytes)
    }
}

impl PublicKey {
    /// The key in groups, short enough to compare by voice: the first 10 bytes of its SHA-256.
    pub fn fingerprint(&self) -> String {
        let digest = Digest::of(&[b"sightline fingerprint v1", &self.0]);
        let groups: Vec<String> = digest.0[..10]
            .chunks(2)
            .map(|pair| format!("{:02x}{:02x}", pair[0], pair[1]))
            .collect();
        groups.join(" ")
    }
}

/// The public part of a session code: five digits, the first not zero. The relay finds the agent by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Nameplate(u32);

impl Nameplate {
    pub const MIN: u32 = 10_000;
    pub const MAX: u32 = 99_999;

    pub fn new(number: u32) -> Option<Nameplate> {
        (Nameplate::MIN..=Nameplate::MAX)
            .contains(&number)
            .then_some(Nameplate(number))
    }

    pub fn number(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Nameplate {
    type Error = &'static str;
    fn try_from(number: u32) -> Result<Self, Self::Error> {
        Nameplate::new(number).ok_or("a nameplate has five digits")
    }
}

impl From<Nameplate> for u32 {
    fn from(nameplate: Nameplate) -> u32 {
        nameplate.0
    }
}

impl fmt::Display for Nameplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:05}", self.0)
    }
}

/// Who wrote a record: 0 is the agent, technicians count from 1 in the order in which they joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Author(pub u8);

impl Author {
    pub const AGENT: Author = Author(0);
    /// The technician with whom the session began.
    pub const FIRST_TECHNICIAN: Author = Author(1);
}

/// One ordered stream of records of one author and class; its records count from 0 without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Lane(pub u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_leads_back() {
        let id = SessionId(*b"0123456789abcdef");
        assert_eq!(SessionId::from_hex(&id.to_string()), Some(id));
        assert_eq!(SessionId::from_hex("00"), None);
        assert_eq!(SessionId::from_hex(&"zz".repeat(16)), None);
    }

    #[test]
    fn nameplates_have_five_digits() {
        assert!(Nameplate::new(9_999).is_none());
        assert!(Nameplate::new(100_000).is_none());
        assert_eq!(Nameplate::new(48_213).unwrap().to_string(), "48213");
    }
}
