//! End to end, in one binary: the shipped programs on real X servers.

mod blind;
mod codes;
mod consent;
mod guard;
mod lost;
mod picture;
mod session;
mod storage;
