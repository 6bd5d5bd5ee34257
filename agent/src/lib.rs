//! The agent: shares this computer's screen with a technician while its user consents.

pub mod io;
pub mod platform;
pub mod pure;
