//! What joins: the window, the terminal, the network. Decides nothing.

pub mod window;
