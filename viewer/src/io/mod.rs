//! What joins: the window, the terminal, the network, files. Decides nothing.

pub mod connect;
pub mod evidence;
mod handshake;
mod interrupt;
mod live;
pub mod org;
mod player;
mod recording;
pub mod replay;
pub mod technician;
pub mod verify;
pub mod window;
