//! What joins: the window, the terminal, the network, files. Decides nothing.

pub mod chat;
mod check;
pub mod clipboard;
pub mod connect;
mod decoding;
pub mod evidence;
pub mod files;
mod handshake;
mod index_cache;
pub mod info;
mod interrupt;
mod live;
pub mod local;
pub mod org;
mod player;
mod reading;
pub mod recording;
pub mod reel;
pub mod replay;
pub mod shell;
pub mod status;
pub mod technician;
mod transcript;
mod typed;
pub mod verify;
pub mod window;
