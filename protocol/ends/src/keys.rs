//! A session's keys: from the session secret to class keys, record keys, and wraps for the auditors (PROTOCOL.md §5.2).

use std::collections::BTreeMap;

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use ring::{hkdf, hmac};
use sightline_protocol::id::{Author, Digest, SessionId, WrapKey};
use sightline_protocol::record::Class;
use sightline_protocol::statements::{Auditor, EpochKeys, Wrap};
use zeroize::Zeroizing;

/// 32 secret bytes, wiped when dropped.
pub type Key = Zeroizing<[u8; 32]>;

struct Length32;

impl hkdf::KeyType for Length32 {
    fn len(&self) -> usize {
        32
    }
}

/// HKDF-SHA-256 (RFC 5869); `info` is the concatenation of its parts.
pub(crate) fn derive(salt: &[u8], secret: &[u8], info: &[&[u8]]) -> Key {
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret);
    let mut key = Zeroizing::new([0; 32]);
    prk.expand(info, Length32)
        .and_then(|okm| okm.fill(&mut key[..]))
        .expect("32 bytes are within HKDF's limit");
    key
}

/// The class keys of one epoch that somebody has: the ends all of them, an auditor those of its classes.
#[derive(Clone)]
pub struct ClassKeys {
    pub session: SessionId,
    pub epoch: u32,
    keys: BTreeMap<Class, Key>,
    /// Whence the origin keys come. The ends alone have it: it is wrapped for nobody.
    origin: Option<Key>,
}

/// Why the wraps of a manifest are not believed or cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrapError {
    #[error("the keys wrapped for the auditors are not the session's")]
    Mismatch,
    #[error("an auditor's key in the bundle is not a valid key")]
    BadAuditorKey,
    #[error("this recording holds no key for this auditor")]
    NotForYou,
}

impl ClassKeys {
    /// All class keys of an epoch, from what both ends know.
    pub fn derive(session: SessionId, epoch: u32, secret: &Key, seed: &[u8; 32]) -> ClassKeys {
        let root = derive(
            &secret[..],
            seed,
            &[b"sightline epoch v1", &session.0, &epoch.to_le_bytes()],
        );
        let keys = Class::ALL
            .into_iter()
            .map(|class| {
                (
                    class,
                    derive(&[], &root[..], &[b"sightline class v1", &[class as u8]]),
                )
            })
            .collect();
        ClassKeys {
            session,
            epoch,
            keys,
            origin: Some(derive(
                &[],
                &secret[..],
                &[b"sightline origin v1", &session.0],
            )),
        }
    }

    /// These class keys with another session's origin.
    #[cfg(test)]
    pub(crate) fn with_origin_of(mut self, other: &ClassKeys) -> ClassKeys {
        self.origin.clone_from(&other.origin);
        self
    }

    /// The key by which the ends, and no auditor, know a record of `author` for its own (PROTOCOL.md §5.3).
    pub(crate) fn origin_key(&self, author: Author) -> Option<hmac::Key> {
        let key = derive(
            &[],
            &self.origin.as_ref()?[..],
            &[b"sightline origin author v1", &[author.0]],
        );
        Some(hmac::Key::new(hmac::HMAC_SHA256, &key[..]))
    }

    /// The key that `author` seals records of `class` with.
    pub(crate) fn record_key(&self, class: Class, author: Author) -> Option<Key> {
        let key = self.keys.get(&class)?;
        Some(derive(
            &[],
            &key[..],
            &[b"sightline record v1", &[author.0]],
        ))
    }

    pub fn classes(&self) -> impl Iterator<Item = Class> {
        self.keys.keys().copied()
    }

    /// Commitments and wraps for the manifest. Both ends compute them, each for itself, with equal result: the
    /// ephemeral keys of HPKE come from the class key too.
    pub fn publish(&self, auditors: &[Auditor]) -> Result<EpochKeys, WrapError> {
        let commitments = self
            .keys
            .iter()
            .map(|(class, key)| (*class, commitment(self.session, *class, key)))
            .collect();
        let mut wraps = Vec::new();
        for auditor in auditors {
            for class in &auditor.classes {
                if let Some(key) = self.keys.get(class) {
                    wraps.push(self.wrap(auditor.key, *class, key)?);
                }
            }
        }
        Ok(EpochKeys {
            epoch: self.epoch,
            commitments,
            wraps,
        })
    }

    fn wrap(&self, auditor: WrapKey, class: Class, key: &Key) -> Result<Wrap, WrapError> {
        let recipient = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&auditor.0)
            .map_err(|_| WrapError::BadAuditorKey)?;
        let ephemeral = derive(&[], &key[..], &[b"sightline wrap v1", &auditor.0]);
        let (encapsulated, sealed) =
            hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
                &OpModeS::Base,
                &recipient,
                &wrap_info(self.session, self.epoch, class),
                &key[..],
                &[],
                &mut Fixed(ephemeral),
            )
            .map_err(|_| WrapError::BadAuditorKey)?;
        let mut bytes = [0; 32];
        bytes.copy_from_slice(&encapsulated.to_bytes());
        Ok(Wrap {
            auditor,
            class,
            encapsulated: bytes,
            sealed,
        })
    }

    /// What an auditor can open of an epoch. Each key is checked against its commitment.
    pub fn unwrap(
        session: SessionId,
        published: &EpochKeys,
        auditor: &AuditorKey,
    ) -> Result<ClassKeys, WrapError> {
        let mut keys = BTreeMap::new();
        for wrap in published
            .wraps
            .iter()
            .filter(|wrap| wrap.auditor == auditor.public)
        {
            let key = auditor
                .open(wrap, session, published.epoch)
                .ok_or(WrapError::Mismatch)?;
            let committed = (wrap.class, commitment(session, wrap.class, &key));
            if !published.commitments.contains(&committed) {
                return Err(WrapError::Mismatch);
            }
            keys.insert(wrap.class, key);
        }
        if keys.is_empty() {
            return Err(WrapError::NotForYou);
        }
        Ok(ClassKeys {
            session,
            epoch: published.epoch,
            keys,
            origin: None,
        })
    }
}

fn commitment(session: SessionId, class: Class, key: &Key) -> Digest {
    Digest::of(&[
        b"sightline class key commitment v1",
        &session.0,
        &[class as u8],
        &key[..],
    ])
}

fn wrap_info(session: SessionId, epoch: u32, class: Class) -> Vec<u8> {
    [
        &b"sightline wrap v1"[..],
        &session.0,
        &epoch.to_le_bytes(),
        &[class as u8],
    ]
    .concat()
}

/// An auditor's private key (X25519). No `Debug`: it leaves only as [`AuditorKey::secret`].
pub struct AuditorKey {
    secret: Key,
    public: WrapKey,
}

impl AuditorKey {
    /// The key pair of this seed by RFC 9180's DeriveKeyPair.
    pub fn from_seed(seed: &[u8; 32]) -> AuditorKey {
        let (_, public) = X25519HkdfSha256::derive_keypair(seed);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(&public.to_bytes());
        AuditorKey {
            secret: Zeroizing::new(*seed),
            public: WrapKey(bytes),
        }
    }

    pub fn public(&self) -> WrapKey {
        self.public
    }

    /// Secret bytes, for a file of mode 0600; [`AuditorKey::from_seed`] reads them back.
    pub fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    fn open(&self, wrap: &Wrap, session: SessionId, epoch: u32) -> Option<Key> {
        let (private, _) = X25519HkdfSha256::derive_keypair(&self.secret[..]);
        let encapsulated =
            <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(&wrap.encapsulated).ok()?;
        let opened = Zeroizing::new(
            hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
                &OpModeR::Base,
                &private,
                &encapsulated,
                &wrap_info(session, epoch, wrap.class),
                &wrap.sealed,
                &[],
            )
            .ok()?,
        );
        let mut key = Zeroizing::new([0; 32]);
        (opened.len() == 32).then(|| key.copy_from_slice(&opened))?;
        Some(key)
    }
}

/// "Randomness" for HPKE that is the derived ephemeral key material, so that both ends wrap alike.
struct Fixed(Key);

impl TryRng for Fixed {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        unreachable!("HPKE draws its ephemeral key in one piece")
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        unreachable!("HPKE draws its ephemeral key in one piece")
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes.copy_from_slice(&self.0[..]);
        Ok(())
    }
}

impl TryCryptoRng for Fixed {}

#[cfg(test)]
mod tests {
    use super::*;

    fn auditor(seed: u8, classes: &[Class]) -> (AuditorKey, Auditor) {
        let key = AuditorKey::from_seed(&[seed; 32]);
        let entry = Auditor {
            name: "Ada".into(),
            key: key.public(),
            classes: classes.to_vec(),
        };
        (key, entry)
    }

    #[test]
    fn both_ends_publish_alike_and_each_auditor_opens_its_classes() {
        let session = SessionId([1; 16]);
        let secret = Zeroizing::new([2; 32]);
        let (ada_key, ada) = auditor(1, &[Class::Picture]);
        let (ben_key, ben) = auditor(2, &Class::ALL);
        let (eve_key, _) = auditor(3, &Class::ALL);
        let auditors = [ada, ben];
        let agent = ClassKeys::derive(session, 0, &secret, &[3; 32]);
        let published = agent.publish(&auditors).unwrap();
        let technician = ClassKeys::derive(session, 0, &secret, &[3; 32]);
        assert_eq!(technician.publish(&auditors).unwrap(), published);

        let opened = ClassKeys::unwrap(session, &published, &ada_key).unwrap();
        assert_eq!(opened.classes().collect::<Vec<_>>(), [Class::Picture]);
        let whole = ClassKeys::unwrap(session, &published, &ben_key).unwrap();
        for class in Class::ALL {
            assert_eq!(
                whole.record_key(class, Author::AGENT),
                agent.record_key(class, Author::AGENT)
            );
        }
        assert!(matches!(
            ClassKeys::unwrap(session, &published, &eve_key),
            Err(WrapError::NotForYou)
        ));
    }

    #[test]
    fn a_wrong_wrap_shows() {
        let session = SessionId([1; 16]);
        let (key, entry) = auditor(1, &[Class::Picture]);
        let keys = ClassKeys::derive(session, 0, &Zeroizing::new([2; 32]), &[3; 32]);
        let other = ClassKeys::derive(session, 0, &Zeroizing::new([9; 32]), &[3; 32]);
        let mut published = keys.publish(std::slice::from_ref(&entry)).unwrap();
        published.wraps = other.publish(&[entry]).unwrap().wraps;
        assert!(matches!(
            ClassKeys::unwrap(session, &published, &key),
            Err(WrapError::Mismatch)
        ));
    }
}
