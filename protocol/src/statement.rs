//! Signed statements (PROTOCOL.md §3): a signature covers received bytes, never a re-encoding.

use std::marker::PhantomData;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::id::{Digest, PublicKey};
use crate::wire;

/// Something that can be signed. The context keeps a signature over one kind from passing for another.
pub trait Statement: Serialize + DeserializeOwned {
    const CONTEXT: &'static str;
}

/// An Ed25519 signature, as two halves because serde stops at arrays of 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature([u8; 32], [u8; 32]);

/// A statement's bytes with a signature over them and the key that claims to have made it.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Signed<T> {
    pub body: Vec<u8>,
    pub key: PublicKey,
    pub signature: Signature,
    #[serde(skip)]
    kind: PhantomData<fn() -> T>,
}

// By hand: derives would ask `T` for what only the bytes need.
impl<T> Clone for Signed<T> {
    fn clone(&self) -> Self {
        Signed {
            body: self.body.clone(),
            key: self.key,
            signature: self.signature,
            kind: PhantomData,
        }
    }
}

impl<T> PartialEq for Signed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.body == other.body && self.key == other.key && self.signature == other.signature
    }
}

impl<T> Eq for Signed<T> {}

impl<T> std::fmt::Debug for Signed<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = std::any::type_name::<T>();
        write!(f, "Signed<{name}>(by {})", self.key)
    }
}

/// Why a statement is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    #[error("signed by {found}, expected {expected}")]
    WrongKey {
        expected: PublicKey,
        found: PublicKey,
    },
    #[error("the signature does not match")]
    BadSignature,
    #[error("the signed bytes cannot be read: {0}")]
    Malformed(#[from] wire::WireError),
}

fn signed_bytes(context: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(context.len() + 1 + body.len());
    bytes.extend_from_slice(context.as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(body);
    bytes
}

impl<T: Statement> Signed<T> {
    pub fn sign(statement: &T, key: &SigningKey) -> Signed<T> {
        let body = wire::encode(statement);
        let signature = key.sign(&signed_bytes(T::CONTEXT, &body));
        Signed {
            body,
            key: key.public(),
            signature,
            kind: PhantomData,
        }
    }

    /// The statement, if `key` signed it.
    pub fn verify(&self, key: &PublicKey) -> Result<T, StatementError> {
        if self.key != *key {
            return Err(StatementError::WrongKey {
                expected: *key,
                found: self.key,
            });
        }
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&self.signature.0);
        signature[32..].copy_from_slice(&self.signature.1);
        UnparsedPublicKey::new(&ED25519, &key.0)
            .verify(&signed_bytes(T::CONTEXT, &self.body), &signature)
            .map_err(|_| StatementError::BadSignature)?;
        Ok(wire::decode(&self.body)?)
    }

    /// What other statements point at: SHA-256 over context, body, key and signature.
    pub fn digest(&self) -> Digest {
        Digest::of(&[
            T::CONTEXT.as_bytes(),
            &[0],
            &self.body,
            &self.key.0,
            &self.signature.0,
            &self.signature.1,
        ])
    }
}

/// An Ed25519 key that can sign. Has no `Debug` and no `Serialize`: it leaves only as [`SigningKey::pkcs8`].
pub struct SigningKey {
    pair: Ed25519KeyPair,
    pkcs8: Vec<u8>,
}

/// PKCS#8 v1 of an Ed25519 key is this and the 32-byte seed (RFC 8410 §7).
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

impl SigningKey {
    /// The key of this seed (32 bytes of good randomness).
    pub fn from_seed(seed: &[u8; 32]) -> SigningKey {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("any 32 bytes are a seed");
        let mut pkcs8 = PKCS8_PREFIX.to_vec();
        pkcs8.extend_from_slice(seed);
        SigningKey { pair, pkcs8 }
    }

    /// Reads PKCS#8 DER as [`SigningKey::pkcs8`] gives it.
    pub fn from_pkcs8(der: &[u8]) -> Option<SigningKey> {
        let seed = der.strip_prefix(&PKCS8_PREFIX)?;
        Some(SigningKey::from_seed(seed.try_into().ok()?))
    }

    /// Secret bytes: for a file of mode 0600, or a TLS library.
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.pair.public_key().as_ref());
        PublicKey(bytes)
    }

    fn sign(&self, message: &[u8]) -> Signature {
        let signature = self.sign_bytes(message);
        let (mut first, mut second) = ([0; 32], [0; 32]);
        first.copy_from_slice(&signature[..32]);
        second.copy_from_slice(&signature[32..]);
        Signature(first, second)
    }

    /// The bare signature, for formats that are not ours. What they sign must not begin as a statement's context does.
    pub(crate) fn sign_bytes(&self, message: &[u8]) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes.copy_from_slice(self.pair.sign(message).as_ref());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Apple(u32);
    impl Statement for Apple {
        const CONTEXT: &'static str = "apple";
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Pear(u32);
    impl Statement for Pear {
        const CONTEXT: &'static str = "pear";
    }

    #[test]
    fn only_the_signed_bytes_by_the_named_key_are_believed() {
        let key = SigningKey::from_seed(&[7; 32]);
        let other = SigningKey::from_seed(&[8; 32]);
        let signed = Signed::sign(&Apple(1), &key);
        assert_eq!(signed.verify(&key.public()), Ok(Apple(1)));
        assert!(signed.verify(&other.public()).is_err());
        for bit in 0..signed.body.len() * 8 {
            let mut bent = signed.clone();
            bent.body[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                bent.verify(&key.public()),
                Err(StatementError::BadSignature)
            );
        }
    }

    #[test]
    fn an_apple_does_not_pass_for_a_pear() {
        let key = SigningKey::from_seed(&[7; 32]);
        let bytes = wire::encode(&Signed::sign(&Apple(1), &key));
        let pear: Signed<Pear> = wire::decode(&bytes).unwrap();
        assert_eq!(
            pear.verify(&key.public()),
            Err(StatementError::BadSignature)
        );
    }

    #[test]
    fn pkcs8_leads_back() {
        let key = SigningKey::from_seed(&[9; 32]);
        let again = SigningKey::from_pkcs8(key.pkcs8()).unwrap();
        assert_eq!(again.public(), key.public());
        assert!(SigningKey::from_pkcs8(&key.pkcs8()[1..]).is_none());
    }
}
