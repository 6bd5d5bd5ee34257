//! End to end, in one binary: the shipped programs on real X servers.

mod session;
