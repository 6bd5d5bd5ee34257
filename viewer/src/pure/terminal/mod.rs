//! Remote terminals at the technician: what of their output may reach a real terminal, what their screen looks like, and
//! how a person leaves them.

pub mod cells;
pub mod escape;
pub mod filter;
pub mod keys;
pub mod mouse;
pub mod screen;
mod switched;
