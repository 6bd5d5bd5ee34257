//! What is said inside the inner TLS.

use serde::{Deserialize, Serialize};
use sightline_protocol::capability::Capabilities;
use sightline_protocol::messages;
use sightline_protocol::statement::Signed;
use sightline_protocol::statements::{
    Consent, ConsentSeen, Credential, Manifest, ManifestSeen, OrgBundle, Receipt,
};

/// SPAKE2 over Ed25519 by the crate `spake2` 0.4; another suite gets another number.
pub(super) const SUITE_SPAKE2_ED25519: u8 = 1;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pake {
    pub suite: u8,
    pub message: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Request {
    pub credential: Signed<Credential>,
    /// The newest bundle that the technician has; an agent of the same organisation takes a newer one over.
    pub bundle: Signed<OrgBundle>,
    pub asked: Capabilities,
    pub reason: String,
    pub ticket: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Asking {
    pub computer: String,
    /// Seconds that the user has to answer.
    pub countdown_s: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Proposal {
    pub manifest: Signed<Manifest>,
    /// From which, with the session secret, both ends derive the epoch's keys.
    pub seed: [u8; 32],
}

messages! {
    /// Technician → agent.
    pub(super) enum FromTechnician {
        Pake(Pake) = 1, 128;
        Confirm([u8; 32]) = 2, 32;
        Request(Request) = 3, 600_000;
        ConsentSeen(Signed<ConsentSeen>) = 4, 512;
        ManifestSeen(Signed<ManifestSeen>) = 5, 512;
        /// A code of `sightline_protocol::close`.
        Closed(u16) = 6, 2;
        /// A message to the user, before the consent: `CHAT_CAP` characters of four bytes, and their number.
        Say(String) = 7, 16_008;
    }
}

messages! {
    /// Agent → technician.
    pub(super) enum FromAgent {
        Pake(Pake) = 33, 128;
        Confirm([u8; 32]) = 34, 32;
        Asking(Asking) = 35, 512;
        Granted(Signed<Consent>) = 36, 8192;
        Proposal(Proposal) = 37, 1_000_000;
        /// The manifest is stored: the relay's receipt. Records follow.
        Begun(Signed<Receipt>) = 38, 512;
        /// A code of `sightline_protocol::close`.
        Closed(u16) = 39, 2;
        /// A message of the user, before the consent.
        Say(String) = 40, 16_008;
    }
}
