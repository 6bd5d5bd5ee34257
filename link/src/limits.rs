//! How much a relay takes on.

use std::time::Duration;

use crate::transport;

/// Bounds of a [`RelayListener`](crate::RelayListener).
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at a time, trusted or not.
    pub connections: usize,
    /// Connections at a time from one address (an IPv6 /64 counts as one): an office behind one address fits.
    pub connections_per_address: usize,
    /// Connections that have not said a good hello: above this many, an address must first prove that it can
    /// receive (QUIC Retry), so that forged senders cost us no state.
    pub retry_above: usize,
    /// Bytes of the UDP socket's receive and send buffers. At 1 Gbit/s, 4 MB is 32 ms of traffic.
    pub socket_buffer: usize,
    /// For how long a program in a session is waited for that is not heard, at most 120 s.
    pub silence: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 4_096,
            connections_per_address: 256,
            retry_above: 64,
            socket_buffer: 4 << 20,
            silence: transport::IDLE,
        }
    }
}
