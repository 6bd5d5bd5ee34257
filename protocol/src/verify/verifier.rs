//! The verifier: entries in, a verdict out.

use super::fault::{Fault, Finding, Place};
use super::grants::GrantsReplay;
use super::lanes::{LaneState, Lanes, Wrong, author};
use super::manifest::{ManifestError, VerifiedManifest};
use crate::checkpoint::{Checkpoint, LaneId};
use crate::close::CloseCode;
use crate::id::{Author, Digest, PublicKey, SessionId};
use crate::ledger::{LedgerEntry, LedgerProof, SessionEntry, TreeHead};
use crate::record::{HEADER, Header};
use crate::recording::{Entry, RecordingError, SealedManifest};
use crate::statement::Signed;
use crate::statements::{CREDENTIAL_LIFE_MS, OrgBundle, Receipt};

/// Findings that are kept; the first one is the verdict's.
const FINDINGS: usize = 100;
/// States of the ledger that are kept.
const HEADS: usize = 4_096;

/// How a recording ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// In order, for this reason.
    Closed(CloseCode),
    /// The relay closed it for an end that went away, or it was never closed: still running, or killed.
    Open,
    /// The file ends inside an entry.
    Torn,
}

/// The verdict in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Everything that was sent is here, signed by both ends and the relay.
    Whole,
    /// What is here is genuine; the end is cut off or unsigned.
    Unclean,
    /// Something was found.
    Broken,
}

/// One lane's account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneSummary {
    pub lane: LaneId,
    pub records: u64,
    /// Signed by its author, and by the other end.
    pub by_author: u64,
    pub by_receiver: u64,
    /// Records on which the agent did not act.
    pub refused: u64,
    /// Records that the author sealed and that never came: neither recorded nor seen by anyone.
    pub never_came: u64,
}

/// What verifying found.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub state: State,
    pub session: SessionId,
    pub manifest: Option<Box<VerifiedManifest>>,
    pub end: End,
    pub records: u64,
    /// Bytes of the part that could be read.
    pub bytes: u64,
    /// The last record for which everything before it is in order, counted from 1 over the whole recording.
    pub good_records: u64,
    pub receipts: u64,
    pub last_receipt: Option<Receipt>,
    pub ledger: Option<InLedger>,
    /// The ledger as the relay's receipts named it, in order, each state once (at most 4,096): to be held against it.
    pub ledger_heads: Vec<TreeHead>,
    /// The last signed checkpoint of the agent and of the technician.
    pub checkpoints: [Option<(Digest, Checkpoint)>; 2],
    pub lanes: Vec<LaneSummary>,
    /// Why it is unclean, in sentences.
    pub unclean: Vec<String>,
    /// In the file's order.
    pub findings: Vec<Finding>,
}

impl Verdict {
    /// The fault that counts, the first one; none if it is whole.
    fn fault(&self) -> Option<Fault> {
        match (self.findings.first(), self.state) {
            (Some(first), _) => Some(first.fault),
            (None, State::Whole) => None,
            (None, _) => Some(Fault::Unclean),
        }
    }

    /// The exit code that says it.
    pub fn exit_code(&self) -> u8 {
        self.fault().map_or(0, Fault::exit_code)
    }

    /// `whole`, or the word of the fault that counts.
    pub fn word(&self) -> &'static str {
        self.fault().map_or("whole", Fault::word)
    }
}

/// What stands before an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    /// The entry's own place in the file.
    pub offset: u64,
    /// [`crate::recording::Order`] over all entries before it.
    pub order: Digest,
}

/// A session's place in the ledger, as its recording proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InLedger {
    pub entry: SessionEntry,
    pub index: u64,
    /// The ledger when the proof was made.
    pub head: TreeHead,
}

/// Takes a recording entry by entry.
pub struct Verifier<'a> {
    trusted: &'a OrgBundle,
    session: SessionId,
    manifest: Option<Box<VerifiedManifest>>,
    lanes: Lanes,
    grants: GrantsReplay,
    /// By author: the number of the next checkpoint, and the last.
    next: [u64; 2],
    checkpoints: [Option<(Digest, Checkpoint)>; 2],
    records: u64,
    receipts: u64,
    last_receipt: Option<Receipt>,
    /// The close code, known to this program or not.
    closed: Option<u16>,
    /// The end has its receipt.
    receipted: bool,
    ledger: Option<InLedger>,
    ledger_heads: Vec<TreeHead>,
    newest_head: Option<TreeHead>,
    /// Records that the last receipt covers.
    good_records: Option<u64>,
    findings: Vec<Finding>,
    /// Without a manifest nothing can be held against anything.
    lost: bool,
}

impl<'a> Verifier<'a> {
    /// `trusted`: the bundle whose root is trusted. `session`: of the file's head.
    pub fn new(trusted: &'a OrgBundle, session: SessionId) -> Verifier<'a> {
        Verifier {
            trusted,
            session,
            manifest: None,
            lanes: Lanes::default(),
            grants: GrantsReplay::new(Default::default()),
            next: [0; 2],
            checkpoints: [None, None],
            records: 0,
            receipts: 0,
            last_receipt: None,
            closed: None,
            receipted: false,
            ledger: None,
            ledger_heads: Vec::new(),
            newest_head: None,
            good_records: None,
            findings: Vec::new(),
            lost: false,
        }
    }

    /// The key that an author of this session signs with.
    fn key(&self, author: Author) -> Option<PublicKey> {
        let manifest = &self.manifest.as_ref()?.manifest;
        match author {
            Author::AGENT => Some(manifest.agent),
            author => {
                let technicians = manifest.technicians.iter();
                technicians
                    .into_iter()
                    .find(|t| t.author == author)
                    .map(|t| t.key)
            }
        }
    }

    fn place(&self, offset: u64, record: Option<(LaneId, u64)>) -> Place {
        Place {
            offset,
            after_record: self.records,
            record,
        }
    }

    fn find(&mut self, offset: u64, (fault, what, record): Wrong) {
        self.good_records.get_or_insert(self.records);
        if self.findings.len() < FINDINGS {
            let place = self.place(offset, record);
            self.findings.push(Finding { fault, place, what });
        }
    }

    fn found(&mut self, offset: u64, fault: Fault, what: impl Into<String>) {
        self.find(offset, (fault, what.into(), None));
    }

    /// The next entry, and what stands before it.
    pub fn entry(&mut self, before: Before, entry: &Entry) {
        let offset = before.offset;
        if self.lost {
            return;
        }
        match entry {
            Entry::Manifest(sealed) if self.manifest.is_none() => {
                self.manifest_entry(offset, sealed)
            }
            Entry::Manifest(_) => self.found(offset, Fault::Rearranged, "a second manifest"),
            _ if self.manifest.is_none() => {
                self.lost = true;
                self.found(offset, Fault::Missing, "the manifest is missing");
            }
            _ if self.ledger.is_some() => {
                self.found(
                    offset,
                    Fault::Rearranged,
                    "the recording goes on behind its end",
                );
            }
            Entry::Record(_) | Entry::Checkpoint(_) if self.closed.is_some() => {
                self.found(
                    offset,
                    Fault::Rearranged,
                    "the recording goes on behind its end",
                );
            }
            Entry::Record(record) => self.record(offset, record),
            Entry::Checkpoint(signed) => self.checkpoint(offset, signed),
            Entry::Receipt(signed) => self.receipt(before, signed),
            Entry::Ledger(proof) => self.ledger_proof(before, proof),
            Entry::Close(_) if self.closed.is_some() => {
                self.found(offset, Fault::Rearranged, "a second end")
            }
            Entry::Close(code) => self.closed = Some(*code),
        }
    }

    fn manifest_entry(&mut self, offset: u64, sealed: &SealedManifest) {
        let verified = match VerifiedManifest::verify(sealed, self.trusted) {
            Ok(verified) => verified,
            Err(error) => {
                let fault = match error {
                    ManifestError::Foreign => Fault::OtherOrganisation,
                    ManifestError::NotGenuine(..) => Fault::Forged,
                    ManifestError::Credential(_) | ManifestError::Inconsistent(_) => {
                        Fault::Manifest
                    }
                };
                self.lost = true;
                return self.found(offset, fault, error.to_string());
            }
        };
        if verified.manifest.session != self.session {
            self.lost = true;
            return self.found(offset, Fault::Foreign, "the manifest is of another session");
        }
        let (used, trusted) = (&verified.bundle, self.trusted);
        // Every credential that was valid then was made with the newer bundle at hand.
        if used.serial < trusted.serial
            && verified.manifest.started_ms > trusted.issued_ms.saturating_add(CREDENTIAL_LIFE_MS)
        {
            let what = format!(
                "the session used version {} of the bundle, long after version {} was signed",
                used.serial, trusted.serial
            );
            self.found(offset, Fault::RolledBack, what);
        }
        self.grants = GrantsReplay::new(verified.consent.granted);
        self.manifest = Some(Box::new(verified));
    }

    fn record(&mut self, offset: u64, record: &[u8]) {
        let Some((head, body)) = record.split_first_chunk::<HEADER>() else {
            return self.found(
                offset,
                Fault::Damaged,
                "a record is shorter than its header",
            );
        };
        let header = match Header::parse(head) {
            Ok(header) if header.record_length() == record.len() => header,
            Ok(_) => {
                return self.found(
                    offset,
                    Fault::Changed,
                    "a record's length is not what its header says",
                );
            }
            Err(error) => return self.found(offset, Fault::Changed, error.to_string()),
        };
        if header.session != self.session {
            return self.found(offset, Fault::Foreign, "a record of another session");
        }
        if self.key(header.author).is_none() {
            return self.found(
                offset,
                Fault::Foreign,
                "a record of an author who is not in the session",
            );
        }
        match self.lanes.record(&header, head, body) {
            Ok(()) => self.records += 1,
            Err(wrong) => {
                self.find(offset, wrong);
                self.records += 1;
            }
        }
    }

    fn checkpoint(&mut self, offset: u64, signed: &Signed<Checkpoint>) {
        let by = [Author::AGENT, Author::FIRST_TECHNICIAN].into_iter();
        let by = by
            .into_iter()
            .find(|author| self.key(*author) == Some(signed.key));
        let Some(by) = by else {
            return self.found(
                offset,
                Fault::Forged,
                "a checkpoint by someone who is not in the session",
            );
        };
        let checkpoint = match signed.verify(&signed.key) {
            Ok(checkpoint) => checkpoint,
            Err(error) => {
                return self.found(
                    offset,
                    Fault::Forged,
                    format!("a checkpoint of {}: {error}", author(by)),
                );
            }
        };
        let manifest = self.manifest.as_ref().map(|m| m.digest);
        if checkpoint.session != self.session
            || Some(checkpoint.manifest) != manifest
            || checkpoint.author != by
        {
            return self.found(offset, Fault::Foreign, "a checkpoint of another session");
        }
        let place = usize::from(by != Author::AGENT);
        if let Err(wrong) = self.in_turn(place, &checkpoint) {
            self.find(offset, wrong);
        }
        self.next[place] = checkpoint.number + 1;
        for head in &checkpoint.heads {
            if let Err(wrong) = self.lanes.claim(head, by) {
                self.find(offset, wrong);
            }
        }
        if by == Author::AGENT {
            for wrong in self.grants.checkpoint(&checkpoint) {
                self.find(offset, wrong);
            }
        }
        self.checkpoints[place] = Some((signed.digest(), checkpoint));
    }

    /// The author's next checkpoint, which names the one before and follows no last one.
    fn in_turn(&self, place: usize, checkpoint: &Checkpoint) -> Result<(), Wrong> {
        let last = self.checkpoints[place].as_ref();
        let who = author(checkpoint.author);
        let wrong = |fault, what| Err((fault, what, None));
        let (found, due) = (checkpoint.number, self.next[place]);
        if found > due {
            return wrong(
                Fault::Missing,
                format!("checkpoints {due} to {} of {who} are missing", found - 1),
            );
        }
        if found < due {
            return wrong(
                Fault::Rearranged,
                format!("checkpoint {found} of {who} comes again"),
            );
        }
        if checkpoint.previous != last.map_or(Digest([0; 32]), |(digest, _)| *digest) {
            return wrong(
                Fault::Changed,
                format!("checkpoint {found} of {who} names another one before it"),
            );
        }
        if last.is_some_and(|(_, last)| last.close.is_some()) {
            return wrong(
                Fault::Disputed,
                format!("{who} went on after its last checkpoint"),
            );
        }
        Ok(())
    }

    fn receipt(&mut self, before: Before, signed: &Signed<Receipt>) {
        let offset = before.offset;
        let Some(manifest) = &self.manifest else {
            return;
        };
        let receipt = match signed.verify(&manifest.bundle.relay.receipt_key) {
            Ok(receipt) => receipt,
            Err(error) => {
                return self.found(
                    offset,
                    Fault::Forged,
                    format!("a receipt of the relay: {error}"),
                );
            }
        };
        if receipt.session != self.session || receipt.manifest != manifest.digest {
            return self.found(offset, Fault::Foreign, "a receipt for another session");
        }
        if receipt.records > self.records {
            let (signed, here) = (receipt.records, self.records);
            return self.found(
                offset,
                Fault::Missing,
                format!("the relay signed for {signed} records; {here} are here"),
            );
        }
        let in_order = receipt.bytes == offset && receipt.order == before.order;
        if receipt.records < self.records || !in_order {
            return self.found(
                offset,
                Fault::Rearranged,
                "what stands before a receipt is not what the relay signed for",
            );
        }
        if let Err(wrong) = self.ledger_head(receipt.ledger) {
            self.find(offset, wrong);
        }
        self.receipts += 1;
        self.receipted = self.closed.is_some();
        self.last_receipt = Some(receipt);
    }

    /// The ledger as the relay signed for it now: it only grows.
    fn ledger_head(&mut self, head: TreeHead) -> Result<(), Wrong> {
        let last = self.newest_head.replace(head);
        if last == Some(head) {
            return Ok(());
        }
        if last.is_some_and(|last| last.size >= head.size) {
            let what = "two receipts of the relay name ledgers that cannot both be";
            return Err((Fault::TwoLedgers, what.to_owned(), None));
        }
        if self.ledger_heads.len() < HEADS {
            self.ledger_heads.push(head);
        }
        Ok(())
    }

    fn ledger_proof(&mut self, before: Before, proof: &LedgerProof) {
        let Some(manifest) = &self.manifest else {
            return;
        };
        let key = manifest.bundle.relay.receipt_key;
        let (entry, head) = match proof.verify(&key) {
            Ok((LedgerEntry::Session(entry), head)) => (entry, head),
            Ok((LedgerEntry::Tombstone(_), _)) => {
                let what = "the proof is of a deletion, not of this session";
                return self.found(before.offset, Fault::NotInLedger, what);
            }
            Err(error) => {
                let what =
                    format!("the proof that the session is in the ledger does not hold: {error}");
                return self.found(before.offset, Fault::NotInLedger, what);
            }
        };
        let digest = |place: usize| self.checkpoints[place].as_ref().map(|(digest, _)| *digest);
        let told = &manifest.manifest;
        let says = SessionEntry {
            session: self.session,
            agent: told.agent,
            number: told.number,
            technician: told.technicians[0].key,
            manifest: manifest.digest,
            agent_checkpoint: digest(0),
            technician_checkpoint: digest(1),
            records: self.records,
            bytes: before.offset,
            order: before.order,
            started_ms: told.started_ms,
            closed_ms: entry.closed_ms,
            close: self.closed.unwrap_or(0),
        };
        if entry.session != self.session {
            let what = "the proof is of another session";
            return self.found(before.offset, Fault::Foreign, what);
        }
        if entry != says {
            let what = "what the ledger says of this session is not what the recording holds";
            self.found(before.offset, Fault::Rearranged, what);
        }
        let index = proof.index;
        if let Err(wrong) = self.ledger_head(head) {
            self.find(before.offset, wrong);
        }
        self.ledger = Some(InLedger { entry, index, head });
    }

    /// The manifest, once it has been believed.
    pub fn manifest(&self) -> Option<&VerifiedManifest> {
        self.manifest.as_deref()
    }

    /// Something that the caller found in the entry that stands behind `before` (it can open records, perhaps).
    pub fn add(&mut self, before: Before, fault: Fault, what: String) {
        self.find(before.offset, (fault, what, None));
    }

    /// The end of what can be read: `error` says why it is not the end of the file. `bytes`: up to here.
    pub fn finish(mut self, bytes: u64, error: Option<&RecordingError>) -> Verdict {
        let mut end = self
            .closed
            .map_or(End::Open, |code| End::Closed(CloseCode::from_number(code)));
        match error {
            None => {}
            Some(RecordingError::Torn) => end = End::Torn,
            Some(error) => self.found(bytes, Fault::Damaged, error.to_string()),
        }
        if self.manifest.is_none() && self.findings.is_empty() {
            self.found(
                bytes,
                Fault::Missing,
                "the manifest is missing: nothing was shown in this session",
            );
        }
        let unclean = self.unclean(end);
        let lanes: Vec<LaneSummary> = self
            .lanes
            .iter()
            .map(|(lane, state)| LaneSummary {
                lane: *lane,
                records: state.chain.records,
                by_author: state.by_author,
                by_receiver: state.by_receiver,
                refused: self.grants.refused.get(lane).copied().unwrap_or(0),
                never_came: state.never_came(),
            })
            .collect();
        let state = match (self.findings.is_empty(), unclean.is_empty()) {
            (false, _) => State::Broken,
            (true, false) => State::Unclean,
            (true, true) => State::Whole,
        };
        Verdict {
            state,
            session: self.session,
            manifest: self.manifest,
            end,
            records: self.records,
            bytes,
            good_records: self.good_records.unwrap_or(self.records),
            receipts: self.receipts,
            last_receipt: self.last_receipt,
            ledger: self.ledger,
            ledger_heads: self.ledger_heads,
            checkpoints: self.checkpoints,
            lanes,
            unclean,
            findings: self.findings,
        }
    }

    /// How a lane differs from what its author said when it signed off: all that it sent, and nothing else.
    fn unlike_its_author_said(&self, lane: LaneId, state: &LaneState) -> Vec<String> {
        let place = usize::from(lane.author != Author::AGENT);
        let last = self.checkpoints[place].as_ref();
        if last.is_none_or(|(_, last)| last.close.is_none()) {
            return Vec::new();
        }
        let (by, name) = (author(lane.author), super::lanes::name(lane));
        let mut why = Vec::new();
        let never_came = state.never_came();
        if never_came > 0 {
            why.push(format!(
                "{by} signed off with {never_came} more records of the {name} than came"
            ));
        }
        let foreign = state.unsigned_by_author();
        if foreign > 0 {
            why.push(format!(
                "{by} signed off without the last {foreign} records of the {name}"
            ));
        }
        why
    }

    fn unclean(&self, end: End) -> Vec<String> {
        let mut why = Vec::new();
        match end {
            End::Closed(_) => {}
            End::Open => why.push(
                "the session was not closed: it is still running, or the relay was cut off"
                    .to_owned(),
            ),
            End::Torn => why.push("the file ends inside an entry".to_owned()),
        }
        for (place, by) in [Author::AGENT, Author::FIRST_TECHNICIAN]
            .into_iter()
            .enumerate()
        {
            let last = self.checkpoints[place].as_ref();
            if last.is_none_or(|(_, last)| last.close.is_none()) {
                why.push(format!("{} did not sign off", author(by)));
            }
        }
        for (lane, state) in self.lanes.iter() {
            why.extend(self.unlike_its_author_said(*lane, state));
            let unsigned = state.chain.records - state.by_author.max(state.by_receiver);
            if unsigned > 0 {
                let lane = super::lanes::name(*lane);
                why.push(format!(
                    "the last {unsigned} records of the {lane} are signed by neither end"
                ));
            }
        }
        if matches!(end, End::Closed(_)) && !self.receipted {
            why.push("the relay gave no receipt for the end".to_owned());
        }
        if matches!(end, End::Closed(_)) && self.ledger.is_none() {
            why.push("the proof that the session is in the ledger is missing".to_owned());
        }
        let receipted = self.last_receipt.as_ref().map_or(0, |r| r.records);
        if receipted < self.records {
            why.push(format!(
                "the last {} records have no receipt of the relay",
                self.records - receipted
            ));
        }
        why
    }
}
