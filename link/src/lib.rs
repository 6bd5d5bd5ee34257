//! QUIC and the outer TLS 1.3 (PROTOCOL.md §7): the only crate that names quinn.
//!
//! A [`Link`] is one connection between a program and the relay. The relay is known by the SHA-256 of its
//! certificate's public key and by nothing else; a program is known by its Ed25519 key, sent as a raw public key
//! (RFC 7250). What travels is typed: control messages, the bytes of the inner handshake, lanes of records.
//!
//! Absent: what a statement allows, which session is whose, and everything inside a record.

mod address;
mod broker;
mod carry;
mod certificate;
mod congestion;
mod connect;
mod error;
mod handshake;
mod lane;
mod limits;
mod link;
mod listener;
mod message;
mod opening;
mod pulse;
mod tls;
mod transport;
mod twice;

pub use bytes::Bytes;

pub use address::neighbourhood;
pub use broker::{Broker, BrokerError};
pub use carry::{FromLane, LaneWriter, read_lane};
pub use certificate::{Certificate, CertificateError};
pub use connect::{Connected, connect};
pub use error::LinkError;
pub use handshake::{HandshakeReceiver, HandshakeSender};
pub use lane::{LaneReceiver, LaneSender, Record};
pub use limits::Limits;
pub use link::{Arrived, Link, LinkStats};
pub use listener::{Accepted, Incoming, RelayListener};
pub use message::{MessageReceiver, MessageSender};
pub use transport::IDLE;
