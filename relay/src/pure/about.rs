//! What the relay may know of a session: everything here stands in its manifest, in clear.

use sightline_protocol::checkpoint::Checkpoint;
use sightline_protocol::id::{Author, Digest, PublicKey, SessionId};
use sightline_protocol::ledger::SessionEntry;
use sightline_protocol::recording::SealedManifest;
use sightline_protocol::statement::{Signed, StatementError};
use sightline_protocol::statements::{Consent, Credential, Manifest};
use sightline_protocol::wire;

/// A session as its manifest tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    pub session: SessionId,
    pub manifest: Digest,
    pub agent: PublicKey,
    /// The agent's own count of its sessions.
    pub number: u64,
    pub technician: PublicKey,
    pub technician_name: String,
    pub ticket: String,
    /// Unix milliseconds, by the agent's clock.
    pub started_ms: u64,
}

impl About {
    /// Reads a manifest that the agent named in it signed. Who that agent is has been asked before the recording
    /// began.
    ///
    /// # Errors
    ///
    /// The manifest cannot be read, or another key signed it.
    pub fn read(sealed: &SealedManifest) -> Result<About, StatementError> {
        let signed = &sealed.manifest;
        let manifest: Manifest = signed.verify(&signed.key)?;
        let consent: Consent = wire::decode(&manifest.consent.body)?;
        let technician = manifest.technicians.first();
        let name = technician
            .and_then(|t| wire::decode::<Credential>(&t.credential.body).ok())
            .map(|credential| credential.name);
        Ok(About {
            session: manifest.session,
            manifest: signed.digest(),
            agent: manifest.agent,
            number: manifest.number,
            technician: technician.map_or(PublicKey([0; 32]), |t| t.key),
            technician_name: name.unwrap_or_default(),
            ticket: consent.ticket,
            started_ms: manifest.started_ms,
        })
    }

    /// The ledger's entry for this session, which ended so.
    pub fn entry(&self, end: End) -> SessionEntry {
        SessionEntry {
            session: self.session,
            agent: self.agent,
            number: self.number,
            technician: self.technician,
            manifest: self.manifest,
            agent_checkpoint: end.last.agent,
            technician_checkpoint: end.last.technician,
            records: end.records,
            bytes: end.bytes,
            order: end.order,
            started_ms: self.started_ms,
            closed_ms: end.closed_ms,
            close: end.close,
        }
    }
}

/// How a recording ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    pub records: u64,
    /// The recording's length up to its ledger entry.
    pub bytes: u64,
    /// Over the entries up to there.
    pub order: Digest,
    /// Unix milliseconds, by the relay's clock.
    pub closed_ms: u64,
    /// The close code, 0 if there was none.
    pub close: u16,
    pub last: LastCheckpoints,
}

/// Each author's last checkpoint in the recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastCheckpoints {
    pub agent: Option<Digest>,
    pub technician: Option<Digest>,
}

impl LastCheckpoints {
    /// Notes the next one. It was checked before it was recorded.
    pub fn note(&mut self, signed: &Signed<Checkpoint>) {
        let digest = Some(signed.digest());
        match wire::decode::<Checkpoint>(&signed.body) {
            Ok(checkpoint) if checkpoint.author == Author::AGENT => self.agent = digest,
            Ok(_) => self.technician = digest,
            Err(_) => {}
        }
    }
}
