//! What every program shares and the protocol may not have: the clocks, chance, files, reports, exit codes.
//!
//! Absent: sockets, windows, and any decision about a session.

pub mod clock;
pub mod exit;
pub mod files;
pub mod history;
pub mod log;
pub mod report;
pub mod transfer;
#[cfg(target_os = "linux")]
pub mod wake;
