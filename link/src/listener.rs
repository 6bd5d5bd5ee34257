//! The relay's side: one UDP port, bounded before anyone is trusted.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quinn::{Endpoint, EndpointConfig, ServerConfig, TokioRuntime, VarInt};
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::PublicKey;

use crate::address::{self, neighbourhood};
use crate::certificate::Certificate;
use crate::error::LinkError;
use crate::limits::Limits;
use crate::link::Link;
use crate::{tls, transport};

/// First packets that wait for a decision; a flood beyond it is dropped unseen.
const INCOMING: usize = 1_024;
/// Bytes buffered for one connection that waits for a decision: its first flight.
const INCOMING_BYTES: u64 = 16 << 10;
/// The same for all of them together.
const INCOMING_BYTES_TOTAL: u64 = 8 << 20;

/// A UDP port on which programs connect.
pub struct RelayListener {
    endpoint: Endpoint,
    limits: Limits,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Default)]
struct Counts {
    open: usize,
    per_address: HashMap<IpAddr, usize>,
}

/// A place among the connections; given back when dropped.
struct Place {
    counts: Arc<Mutex<Counts>>,
    address: IpAddr,
}

/// A connection that came in and fits the limits.
pub struct Incoming {
    incoming: quinn::Incoming,
    place: Place,
}

/// A connection whose peer has proved its key.
pub struct Accepted {
    pub link: Link,
    pub key: PublicKey,
}

impl RelayListener {
    pub fn bind(
        address: SocketAddr,
        certificate: &Certificate,
        limits: Limits,
    ) -> Result<RelayListener, LinkError> {
        let mut config = ServerConfig::with_crypto(Arc::new(tls::server(certificate)?));
        config
            .transport_config(Arc::new(transport::config(false, limits.silence)))
            .max_incoming(INCOMING)
            .incoming_buffer_size(INCOMING_BYTES)
            .incoming_buffer_size_total(INCOMING_BYTES_TOTAL);
        let socket = address::socket(address, limits.socket_buffer)?;
        let endpoint = Endpoint::new(
            EndpointConfig::default(),
            Some(config),
            socket,
            Arc::new(TokioRuntime),
        )
        .map_err(LinkError::local)?;
        Ok(RelayListener {
            endpoint,
            limits,
            counts: Arc::default(),
        })
    }

    pub fn local_address(&self) -> Result<SocketAddr, LinkError> {
        self.endpoint.local_addr().map_err(LinkError::local)
    }

    /// Connections that are open or being made.
    pub fn connections(&self) -> usize {
        lock(&self.counts).open
    }

    /// The next connection within the limits; `untrusted` is how many have not yet said a good hello. Others are
    /// refused or asked to prove their address first. `None` after [`RelayListener::close`]. May be cancelled.
    pub async fn accept(&self, untrusted: impl Fn() -> usize) -> Option<Incoming> {
        loop {
            let incoming = self.endpoint.accept().await?;
            if untrusted() >= self.limits.retry_above && incoming.may_retry() {
                // Cannot fail: it may.
                let _ = incoming.retry();
                continue;
            }
            match Place::take(&self.counts, &self.limits, incoming.remote_address().ip()) {
                Some(place) => return Some(Incoming { incoming, place }),
                None => incoming.refuse(),
            }
        }
    }

    /// Takes no more, closes all that are open, and waits until they have heard it (at most `within`).
    pub async fn close(&self, code: CloseCode, within: std::time::Duration) {
        let number = VarInt::from_u32(u32::from(code.number()));
        self.endpoint.close(number, b"");
        let _ = tokio::time::timeout(within, self.endpoint.wait_idle()).await;
    }
}

impl Incoming {
    pub fn remote_address(&self) -> SocketAddr {
        self.incoming.remote_address()
    }

    pub fn refuse(self) {
        self.incoming.refuse();
    }

    /// Completes the handshake, within 10 s. Until [`Link::welcome`] and [`Link::trust`], the peer may open its
    /// control stream and send a few KB.
    pub async fn accept(self) -> Result<Accepted, LinkError> {
        let connecting = self.incoming.accept()?;
        let connection = tokio::time::timeout(transport::CONNECT, connecting)
            .await
            .map_err(|_| LinkError::Lost("the handshake took too long".into()))??;
        let key = tls::peer_key(&connection).ok_or(LinkError::NotTrusted)?;
        let (ended, place) = (connection.clone(), self.place);
        tokio::spawn(async move {
            ended.closed().await;
            drop(place);
        });
        let link = Link::new(connection, None);
        Ok(Accepted { link, key })
    }
}

impl Place {
    fn take(counts: &Arc<Mutex<Counts>>, limits: &Limits, address: IpAddr) -> Option<Place> {
        let address = neighbourhood(address);
        let mut held = lock(counts);
        let here = held.per_address.get(&address).copied().unwrap_or(0);
        if held.open >= limits.connections || here >= limits.connections_per_address {
            return None;
        }
        held.open += 1;
        held.per_address.insert(address, here + 1);
        Some(Place {
            counts: counts.clone(),
            address,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = lock(&self.counts);
        held.open -= 1;
        if let Some(here) = held.per_address.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                held.per_address.remove(&self.address);
            }
        }
    }
}

/// Counts stay true even if a thread panicked while it held them.
fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}
