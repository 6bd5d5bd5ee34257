//! The agent's shell: event loop, threads, sockets, files. It joins what `pure`, `platform`, `sightline-ends` and
//! `sightline-link` decide and offer, and decides nothing itself.

mod beside;
mod clipboard;
mod facts;
mod files;
mod film;
mod hands;
mod handshake;
pub mod history;
pub mod home;
pub mod listing;
mod marks;
mod outlet;
mod people;
mod picture;
mod session;
pub mod share;
mod shells;
mod stop;
