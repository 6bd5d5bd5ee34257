//! QUIC's numbers, each with its unit and reason.

use std::sync::Arc;
use std::time::Duration;

use quinn::{AckFrequencyConfig, TransportConfig, VarInt};

use crate::congestion::Congestion;

/// A quiet link says that it lives: below the 30 s after which home routers forget a UDP flow, and often enough that a
/// dead line is noticed long before anybody waits for it.
pub const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Nothing heard for this long ends a link. A router starts anew within a minute or two, and so does a laptop that changes
/// networks; a person who waited longer than that for a session would rather have a new one. Outside a session
/// `pulse` gives up sooner. QUIC takes the lesser of both sides' times, so that a relay may shorten it.
pub const IDLE: Duration = Duration::from_secs(120);

/// Making a connection, TLS included.
pub const CONNECT: Duration = Duration::from_secs(10);

/// A stream's first message must arrive within this.
pub const OPENING: Duration = Duration::from_secs(10);

/// Control stream, and one handshake stream for each technician who comes in at the same time (bidirectional).
pub const BIDI_STREAMS: u32 = 8;

/// Lanes that a peer may hold open at once: seven classes, eight terminals and a few files for each of several
/// technicians.
pub const UNI_STREAMS: u32 = 128;

/// Bytes in flight on one stream: 2 MB is 160 Mbit/s at 100 ms, and holds any record whole.
const STREAM_WINDOW: u32 = 2 << 20;

/// Bytes that a peer may have under way to us on all streams together.
pub const WINDOW: u32 = 8 << 20;

/// The same before the peer said a good hello: a hello is at most 4 KB.
pub const UNTRUSTED_WINDOW: u32 = 16 << 10;

/// The same after the hello, before a session: agents come in without a credential.
pub const WELCOME_WINDOW: u32 = 64 << 10;

/// Bytes accepted from us and not yet acknowledged. More only hides from the senders that the path is slow.
const SEND_WINDOW: u64 = 4 << 20;

/// First congestion window in bytes: 32 packets, so that a first frame of 450 KB needs four round trips instead
/// of six. It is paced, not burst.
const INITIAL_WINDOW: u64 = 32 * 1_200;

/// Packets after which the peer acknowledges at once; QUIC's 2 costs a relay more than the data does. Below it,
/// the delay rules.
const ACK_EVERY: u32 = 10;

/// Longest delay of an acknowledgement: short against a round trip, so that loss is noticed as early as before.
const ACK_DELAY: Duration = Duration::from_millis(5);

/// Round trip assumed before one is measured: QUIC's 333 ms would make a lost first packet cost a second.
const INITIAL_RTT: Duration = Duration::from_millis(150);

/// Largest datagrams that path MTU discovery tries, in bytes of UDP payload: Ethernet's 1,500 less IPv6 and UDP.
const MTU: u16 = 1_452;

/// Bytes of copies (`twice.rs`) that wait to be sent, or to be taken: some dozens of records. Beyond it the oldest go.
const COPIES: usize = 32 << 10;

/// The numbers for both sides; a silence longer than `idle` ends the connection.
pub fn config(trusted: bool, idle: Duration) -> TransportConfig {
    let mut acks = AckFrequencyConfig::default();
    acks.ack_eliciting_threshold(VarInt::from_u32(ACK_EVERY))
        .max_ack_delay(Some(ACK_DELAY));
    let mut mtu = quinn::MtuDiscoveryConfig::default();
    mtu.upper_bound(MTU);
    let congestion = Congestion {
        initial_window: INITIAL_WINDOW,
    };

    let (bidi, uni, window) = if trusted {
        (BIDI_STREAMS, UNI_STREAMS, WINDOW)
    } else {
        (1, 0, UNTRUSTED_WINDOW)
    };
    let idle = VarInt::from_u32(idle.as_millis().min(IDLE.as_millis()) as u32);
    let mut config = TransportConfig::default();
    config
        .max_idle_timeout(Some(idle.into()))
        .keep_alive_interval(Some(KEEP_ALIVE))
        .initial_rtt(INITIAL_RTT)
        .max_concurrent_bidi_streams(VarInt::from_u32(bidi))
        .max_concurrent_uni_streams(VarInt::from_u32(uni))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(window))
        .send_window(SEND_WINDOW)
        .mtu_discovery_config(Some(mtu))
        .ack_frequency_config(Some(acks))
        .congestion_controller_factory(Arc::new(congestion))
        .datagram_receive_buffer_size(Some(COPIES))
        .datagram_send_buffer_size(COPIES);
    config
}
