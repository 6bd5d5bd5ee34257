//! The inner handshake (PROTOCOL.md §1): TLS, the code, the credential, the consent, the manifest, the receipt.
//!
//! Two machines without hands: bytes and answers go in by `handle_*`, bytes and events come out by `poll_*`. The same
//! code runs in the programs and, in virtual time, in the tests.

mod agent;
mod early;
mod messages;
mod pake;
mod technician;
#[cfg(test)]
mod tests;

pub use agent::{AgentEvent, AgentHandshake, AgentSetup, ConsentQuestion};
pub use early::{EARLY_MESSAGES, Early, EarlyWords, SayError};
pub use technician::{TechnicianEvent, TechnicianHandshake, TechnicianSetup};

use std::sync::Arc;

use sightline_protocol::close::CloseCode;
use sightline_protocol::id::{Digest, PublicKey, SessionId};
use sightline_protocol::statement::{Signed, SigningKey};
use sightline_protocol::statements::{Consent, Manifest, OrgBundle, Receipt};

use crate::keys::ClassKeys;
use crate::tunnel::TunnelError;

/// Longest wait for the other program's next message (not for people): 15 s covers bad lines.
const STEP_MS: u64 = 15_000;

/// Longest reason and ticket, in characters: what fits a prompt.
pub const REASON_CAP: usize = 200;
pub const TICKET_CAP: usize = 64;
/// Longest name of a person, an organisation or a computer, in characters.
pub const NAME_CAP: usize = 80;

/// What both ends have at the end of the handshake.
pub struct Established {
    pub session: SessionId,
    /// This end's own key, which signs its checkpoints.
    pub key: Arc<SigningKey>,
    /// The other end's.
    pub peer: PublicKey,
    /// [`Signed::digest`] of the manifest.
    pub manifest: Digest,
    /// The relay's first receipt.
    pub receipt: Signed<Receipt>,
    pub keys: ClassKeys,
    pub consent: Consent,
    pub technician_name: String,
    pub bundle: OrgBundle,
    /// The supported computer's name, as its agent says it.
    pub computer: String,
    /// What was said before the consent.
    pub early: EarlyWords,
}

/// Why a machine stopped: the code travels to the other side, the detail is for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub code: CloseCode,
    pub detail: String,
}

impl Failure {
    fn new(code: CloseCode, detail: impl ToString) -> Failure {
        Failure {
            code,
            detail: detail.to_string(),
        }
    }
}

impl From<TunnelError> for Failure {
    fn from(error: TunnelError) -> Failure {
        match error {
            TunnelError::Closed => Failure::new(CloseCode::PeerLost, error),
            _ => Failure::new(CloseCode::ProtocolViolation, error),
        }
    }
}

/// A message that is right in itself but not now.
fn out_of_turn(state: &str) -> Failure {
    Failure::new(
        CloseCode::ProtocolViolation,
        format!("a message out of turn in state {state}"),
    )
}

/// The relay's word that it holds the manifest, and nothing else.
fn check_receipt(
    receipt: &Signed<Receipt>,
    bundle: &OrgBundle,
    manifest: &Signed<Manifest>,
    session: SessionId,
) -> Result<(), Failure> {
    let held = receipt
        .verify(&bundle.relay.receipt_key)
        .map_err(|e| Failure::new(CloseCode::NoReceipt, e))?;
    if held.manifest != manifest.digest() || held.session != session {
        return Err(Failure::new(
            CloseCode::NoReceipt,
            "the receipt is for something else",
        ));
    }
    Ok(())
}
