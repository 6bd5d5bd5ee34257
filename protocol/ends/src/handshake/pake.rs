//! Proving the code: SPAKE2 (RFC 9382's ancestor, crate `spake2`) bound to this very TLS connection, with explicit
//! confirmation. A relay that terminates TLS on both legs has two different connections, so the proof fails.

use ring::hmac;
use sightline_protocol::id::{Digest, Nameplate, PublicKey, SessionId};
use spake2::{Ed25519Group, Identity, Password, Spake2};

use crate::code::Secret;
use crate::keys::{Key, derive};
use crate::rng::{ForSpake, Randomness};
use crate::tunnel::Tunnel;

/// The channel binding of RFC 9266 §2.
const CHANNEL_BINDING: &[u8] = b"EXPORTER-Channel-Binding";
/// Our own exporter, from which the session secret comes.
const SESSION_EXPORTER: &[u8] = b"EXPORTER-sightline-session-v1";

/// Who proves what to whom; both ends must see the same.
pub(super) struct Binding {
    pub session: SessionId,
    pub nameplate: Nameplate,
    pub agent: PublicKey,
    pub technician: PublicKey,
}

impl Binding {
    fn digest(&self, tunnel: &Tunnel) -> Digest {
        Digest::of(&[
            b"sightline pake v1",
            &tunnel.export(CHANNEL_BINDING)[..],
            &self.agent.0,
            &self.technician.0,
            &self.nameplate.number().to_le_bytes(),
            &self.session.0,
        ])
    }

    fn identities(&self, tunnel: &Tunnel) -> (Identity, Identity) {
        let digest = self.digest(tunnel);
        let identity = |role: &[u8]| Identity::new(&[role, &digest.0[..]].concat());
        (identity(b"technician"), identity(b"agent"))
    }
}

/// Our half of the exchange, waiting for the other's.
pub(super) struct Exchange(Spake2<Ed25519Group>);

impl Exchange {
    pub fn technician(
        secret: &Secret,
        binding: &Binding,
        tunnel: &Tunnel,
        rng: &mut dyn Randomness,
    ) -> (Exchange, Vec<u8>) {
        let (a, b) = binding.identities(tunnel);
        let password = Password::new(secret.digits());
        let (state, message) = Spake2::start_a_with_rng(&password, &a, &b, ForSpake(rng));
        (Exchange(state), message)
    }

    pub fn agent(
        secret: &Secret,
        binding: &Binding,
        tunnel: &Tunnel,
        rng: &mut dyn Randomness,
    ) -> (Exchange, Vec<u8>) {
        let (a, b) = binding.identities(tunnel);
        let password = Password::new(secret.digits());
        let (state, message) = Spake2::start_b_with_rng(&password, &a, &b, ForSpake(rng));
        (Exchange(state), message)
    }

    /// `None` if the other's half is malformed. A wrong code shows only in the confirmation.
    pub fn finish(self, theirs: &[u8], binding: &Binding, tunnel: &Tunnel) -> Option<Proven> {
        let shared = zeroize::Zeroizing::new(self.0.finish(theirs).ok()?);
        let transcript = binding.digest(tunnel);
        let confirm = |role: &[u8]| derive(&transcript.0, &shared, &[b"confirm", role]);
        let exporter = tunnel.export(SESSION_EXPORTER);
        Some(Proven {
            transcript,
            technician: confirm(b"technician"),
            agent: confirm(b"agent"),
            session_secret: derive(&exporter[..], &shared, &[b"sightline session v1"]),
        })
    }
}

/// What follows from both halves: equal on both ends only if the codes were equal.
pub(super) struct Proven {
    transcript: Digest,
    technician: Key,
    agent: Key,
    pub session_secret: Key,
}

impl Proven {
    pub fn technician_confirms(&self) -> [u8; 32] {
        tag(&self.technician, &self.transcript)
    }

    pub fn agent_confirms(&self) -> [u8; 32] {
        tag(&self.agent, &self.transcript)
    }

    /// In constant time.
    pub fn is_technician(&self, theirs: &[u8; 32]) -> bool {
        verify(&self.technician, &self.transcript, theirs)
    }

    /// In constant time.
    pub fn is_agent(&self, theirs: &[u8; 32]) -> bool {
        verify(&self.agent, &self.transcript, theirs)
    }
}

fn tag(key: &Key, transcript: &Digest) -> [u8; 32] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key[..]);
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hmac::sign(&key, &transcript.0).as_ref());
    bytes
}

fn verify(key: &Key, transcript: &Digest, theirs: &[u8; 32]) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key[..]);
    hmac::verify(&key, &transcript.0, theirs).is_ok()
}
