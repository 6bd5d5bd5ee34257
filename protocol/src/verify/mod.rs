//! Proves, without any key but the organisation's root, that a recording is whole (PROTOCOL.md §6.5).
//!
//! Fed entry by entry, in constant memory. Absent: files, the ledger's tiles (the caller has them), and everything
//! that opens a record.

mod fault;
mod grants;
mod lanes;
mod manifest;
mod verifier;

pub use fault::{Fault, Finding, Place};
pub use grants::needed;
pub use manifest::{ManifestError, VerifiedManifest};
pub use verifier::{Before, End, InLedger, LaneSummary, State, Verdict, Verifier};
