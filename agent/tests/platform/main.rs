//! The desktop behind the agent, against real X servers: each test has its own.
#![cfg(target_os = "linux")]

mod capture;
mod hands;
mod prompt;
mod rfb;
mod tty;
mod xserver;
