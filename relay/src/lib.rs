//! The relay: brings an agent and a technician together, forwards and records their sealed records.
//!
//! Absent: everything that opens, seals or decodes. The relay is built without that code, so that it cannot look
//! inside what it carries. `pure` decides and touches nothing; `io` touches and decides nothing.

pub mod cli;
pub mod config;
pub mod init;
mod operator;

pub mod pure {
    pub mod about;
    pub mod admit;
    pub mod broker;
    pub mod calendar;
    pub mod limits;
    pub mod retention;
}

pub mod io {
    pub mod catalog;
    pub mod connection;
    pub mod console;
    pub mod desk;
    pub mod forward;
    pub mod ledger;
    pub mod local_store;
    pub mod office;
    pub mod recorder;
    pub mod recover;
    pub mod serve;
    pub mod session;
    pub mod store;
}
