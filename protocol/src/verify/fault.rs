//! What verifying can find: one table of fault, word, exit code and meaning (PROTOCOL.md §6.5).

use crate::checkpoint::LaneId;

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $word:literal, exit $exit:literal, $meaning:literal;)*) => {
        /// A kind of fault. Each has an exit code of its own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Fault { $($(#[$doc])* $name,)* }

        impl Fault {
            pub const ALL: &'static [Fault] = &[$(Fault::$name,)*];

            /// One word, for programs.
            pub fn word(self) -> &'static str {
                match self { $(Fault::$name => $word,)* }
            }

            /// The exit code of `sightline verify`.
            pub fn exit_code(self) -> u8 {
                match self { $(Fault::$name => $exit,)* }
            }

            pub fn meaning(self) -> &'static str {
                match self { $(Fault::$name => $meaning,)* }
            }
        }
    };
}

faults! {
    /// Not tampering: the session was cut off, and its last part is unsigned or missing.
    Unclean = "unclean", exit 20, "the recording does not end in order";
    Damaged = "damaged", exit 21, "bytes of the file do not match their checksum or cannot be read";
    Changed = "changed", exit 22, "records are not what was signed";
    Missing = "missing", exit 23, "something that was signed for is not there";
    Rearranged = "rearranged", exit 24, "entries are doubled or in another order";
    Foreign = "foreign", exit 25, "a record or a statement is of another session";
    Forged = "forged", exit 26, "a signature does not hold";
    Manifest = "manifest", exit 27, "the manifest does not fit together";
    OutsideGrant = "outside-grant", exit 28, "something was done that the user did not allow at that moment";
    Disputed = "disputed", exit 29, "the two ends contradict each other";
    NotInLedger = "not-in-ledger", exit 70, "the ledger does not hold this session, or its proof does not hold";
    SessionMissing = "session-missing", exit 71, "a whole session has disappeared";
    TwoLedgers = "two-ledgers", exit 72, "the relay has signed two ledgers that contradict each other";
    OtherOrganisation = "other-organisation", exit 73, "the recording is of another organisation than the one you trust";
    RolledBack = "rolled-back", exit 74, "the session used an older bundle than the organisation had";
    NotARecording = "not-a-recording", exit 75, "this is not a recording";
}

/// Where in a recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Byte offset of the entry.
    pub offset: u64,
    /// Records before this place: the last one that is in order has this number, counted from 1.
    pub after_record: u64,
    /// The lane and the sequence number of the first bad record, as far as known.
    pub record: Option<(LaneId, u64)>,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub fault: Fault,
    pub place: Place,
    /// A sentence for the auditor.
    pub what: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::close::CloseCode;

    #[test]
    fn every_fault_has_its_own_word_and_exit_code_and_none_is_a_close_codes() {
        for (n, fault) in Fault::ALL.iter().enumerate() {
            for other in &Fault::ALL[n + 1..] {
                assert_ne!(fault.exit_code(), other.exit_code());
                assert_ne!(fault.word(), other.word());
            }
            for code in CloseCode::ALL {
                assert_ne!(fault.exit_code(), code.exit_code(), "{fault:?} {code:?}");
            }
        }
    }
}
