//! One session, several programs of the same technician: `sightline connect` holds it, and `sightline chat`, `shell`,
//! `send`… join it over a Unix socket that only this user of this computer can reach.
//!
//! Absent: what the messages do. The session's loop (`live`) decides what is sealed, and the agent what is allowed.

pub mod client;
mod place;
mod server;

pub use crate::pure::commands::{
    ClientId, FilesNews, FilesOrder, FromCommand, FromHolder, Listed, ListingPart, OpenShell,
    PutBack, Ready, Seat, Shown, VERSION, Welcome,
};
pub use server::{Joined, Server};

/// Why a command does not come to a session.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    #[error(
        "no session is running: start one with `sightline connect`, or with `sightline connect --no-window` where there is no desktop"
    )]
    NoSession,
    #[error("several sessions are running: name one with --session, of {0}")]
    Several(String),
    #[error("no session with '{0}' is running; there is {1}")]
    NotThat(String, String),
    #[error(
        "the program that holds the session is of another version: end the session and connect again"
    )]
    Version,
    #[error("the session's program ended")]
    Ended,
    #[error("the session's program does not answer: {0}")]
    Broken(String),
    #[error("no place for the session's socket: {0}")]
    NoPlace(String),
}
