//! The relay: brings an agent and a technician together, forwards and records their sealed records.
//!
//! Absent: everything that opens, seals or decodes. The relay is built without that code, so that it cannot look
//! inside what it carries. `pure` decides and touches nothing; `io` touches and decides nothing.

pub mod cli;
pub mod config;
pub mod init;

pub mod pure {
    pub mod admit;
    pub mod broker;
    pub mod limits;
}

pub mod io {
    pub mod connection;
    pub mod console;
    pub mod forward;
    pub mod local_store;
    pub mod recorder;
    pub mod serve;
    pub mod session;
    pub mod store;
}
