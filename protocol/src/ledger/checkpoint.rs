//! Signed checkpoints: C2SP tlog-checkpoint in a C2SP signed-note, Ed25519 by the relay's receipt key.
//!
//! The ledger's origin, which is also the key's name, follows from the key, so that who trusts the key needs nothing
//! else to read a checkpoint.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, UnparsedPublicKey};

use super::{LedgerError, TreeHead};
use crate::id::{Digest, PublicKey};
use crate::statement::SigningKey;

/// Longest checkpoint that is looked at: ours has below 400 bytes, and each witness may add 200.
const CAP: usize = 16 << 10;

/// Signed-note's number for Ed25519.
const ED25519_NOTE: u8 = 1;

/// A signature's line begins with this.
const DASH: &str = "\u{2014} ";

/// The ledger's name: its first line, and the key's name.
pub fn origin(key: &PublicKey) -> String {
    format!("sightline-ledger/{key}")
}

/// The key in the form in which C2SP tools take it: `origin+id+base64`.
pub fn verifier_key(key: &PublicKey) -> String {
    let id = u32::from_be_bytes(key_id(key));
    let bytes = [&[ED25519_NOTE][..], &key.0].concat();
    format!("{}+{id:08x}+{}", origin(key), STANDARD.encode(bytes))
}

fn key_id(key: &PublicKey) -> [u8; 4] {
    let hash = Digest::of(&[origin(key).as_bytes(), b"\n", &[ED25519_NOTE], &key.0]);
    [hash.0[0], hash.0[1], hash.0[2], hash.0[3]]
}

/// The signed note for this head.
pub fn sign(head: &TreeHead, key: &SigningKey) -> String {
    let public = key.public();
    let origin = origin(&public);
    let root = STANDARD.encode(head.root.0);
    let text = format!("{origin}\n{}\n{root}\n", head.size);
    let signature = [&key_id(&public)[..], &key.sign_bytes(text.as_bytes())].concat();
    format!("{text}\n{DASH}{origin} {}\n", STANDARD.encode(signature))
}

/// The head, if `key` signed it. Signatures of others (witnesses) are passed over.
///
/// # Errors
///
/// [`LedgerError::NotACheckpoint`], [`LedgerError::OtherLedger`] or [`LedgerError::BadSignature`].
pub fn open(note: &str, key: &PublicKey) -> Result<TreeHead, LedgerError> {
    let (text, signatures) = parts(note).ok_or(LedgerError::NotACheckpoint)?;
    let (found, head) = head(text).ok_or(LedgerError::NotACheckpoint)?;
    let origin = origin(key);
    if found != origin {
        return Err(LedgerError::OtherLedger(found.into()));
    }
    let ours = signatures
        .lines()
        .filter_map(|line| signature(line, &origin))
        .find(|(id, _)| *id == key_id(key));
    let (_, signature) = ours.ok_or(LedgerError::BadSignature)?;
    UnparsedPublicKey::new(&ED25519, &key.0)
        .verify(text.as_bytes(), &signature)
        .map_err(|_| LedgerError::BadSignature)?;
    Ok(head)
}

/// The text with its last line's end, and the lines of signatures.
fn parts(note: &str) -> Option<(&str, &str)> {
    let plain = |c: char| c >= ' ' || c == '\n';
    if note.len() > CAP || !note.ends_with('\n') || !note.chars().all(plain) {
        return None;
    }
    let end = note.rfind("\n\n")?;
    let signatures = &note[end + 2..];
    let shaped = signatures.lines().all(|line| line.starts_with(DASH));
    (shaped && !signatures.is_empty()).then_some((&note[..end + 1], signatures))
}

fn head(text: &str) -> Option<(&str, TreeHead)> {
    let mut lines = text.lines();
    let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
    let number: u64 = size.parse().ok()?;
    let mut digest = [0; 32];
    digest.copy_from_slice(
        STANDARD
            .decode(root)
            .ok()
            .filter(|root| root.len() == 32)?
            .as_slice(),
    );
    // One number has one spelling; what follows are extensions, which are signed and passed over.
    let exact =
        number.to_string() == size && !origin.is_empty() && lines.all(|line| !line.is_empty());
    exact.then_some((
        origin,
        TreeHead {
            size: number,
            root: Digest(digest),
        },
    ))
}

/// Key number and signature of a line by this key's name.
fn signature(line: &str, name: &str) -> Option<([u8; 4], Vec<u8>)> {
    let base64 = line
        .strip_prefix(DASH)?
        .strip_prefix(name)?
        .strip_prefix(' ')?;
    let bytes = STANDARD.decode(base64).ok()?;
    let (id, signature) = bytes.split_first_chunk::<4>()?;
    Some((*id, signature.to_vec()))
}
