//! The viewer: what technicians, auditors and administrators run.

pub mod io;
pub mod pure;
