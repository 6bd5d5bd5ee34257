//! Recordings of honest sessions, played in virtual time over a bad network, and everything that can be done to them.

mod dice;
mod entries;
mod lies;
mod long;
mod mutate;
mod retell;
mod sample;
mod story;

pub use dice::Dice;
pub use entries::{Raw, entries, file, start_of};
pub use lies::{Lie, lies};
pub use long::long;
pub use mutate::{Mutation, check, fuzz_seeds, mutations};
pub use sample::{SESSION, Sample, sample};
pub use story::{Ending, Story, story, told};

/// The bundle by which the stories are verified.
pub fn trusted() -> OrgBundle {
    crate::people::bundle()
}

/// The same, as the organisation signed it.
pub fn signed_trusted() -> Signed<OrgBundle> {
    crate::people::signed_bundle()
}

use std::io::Cursor;

use sightline_protocol::recording::RecordingReader;
use sightline_protocol::statement::Signed;
use sightline_protocol::statements::OrgBundle;
use sightline_protocol::verify::{Before, Fault, Finding, Place, Verdict, Verifier};

/// What `sightline verify` does with a file, in memory: the verdict's state, its first fault, and the verdict.
pub fn verify(bytes: &[u8], trusted: &OrgBundle) -> Result<Verdict, Finding> {
    let mut reader = RecordingReader::open(Cursor::new(bytes)).map_err(|error| Finding {
        fault: Fault::NotARecording,
        place: Place::default(),
        what: error.to_string(),
    })?;
    let mut verifier = Verifier::new(trusted, reader.session());
    loop {
        let offset = reader.offset();
        let before = Before {
            offset,
            order: reader.order(),
        };
        match reader.next_entry() {
            Ok(Some(entry)) => verifier.entry(before, &entry),
            Ok(None) => return Ok(verifier.finish(reader.offset(), None)),
            Err(error) => return Ok(verifier.finish(offset, Some(&error))),
        }
    }
}

/// The state and the first fault's word: what verifiers have to agree about.
pub fn word(verdict: &Result<Verdict, Finding>) -> &'static str {
    match verdict {
        Err(finding) => finding.fault.word(),
        Ok(verdict) => verdict.word(),
    }
}
