//! One connection between a program and the relay.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use quinn::{Connection, Endpoint, RecvStream, SendStream, VarInt};
use sightline_protocol::broker::{FromRelay, LaneOpening, Opening, ToRelay};
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::SessionId;
use tokio::sync::{Mutex, mpsc};

use crate::congestion::{Path, let_one_through};
use crate::error::LinkError;
use crate::handshake::{HandshakeReceiver, HandshakeSender};
use crate::lane::{LaneReceiver, LaneSender, priority};
use crate::message::{MessageReceiver, MessageSender};
use crate::pulse::{Beat, Counts, Pulse};
use crate::twice::{Copies, Slots, is_urgent};
use crate::{opening, transport};

/// Streams that arrived and wait to be taken. More wait inside QUIC's own bounds.
const WAITING: usize = 8;

/// Waiting until the other side has heard that we closed.
const FAREWELL: Duration = Duration::from_secs(1);

/// Above every lane: control and handshake are short and everyone waits for them.
const CONTROL_PRIORITY: i32 = 100;

/// A stream that the other side opened.
pub enum Arrived {
    /// At the relay: a program's control stream, its first.
    Control(MessageSender<FromRelay>, MessageReceiver<ToRelay>),
    Handshake(SessionId, HandshakeSender, HandshakeReceiver),
    Lane(LaneOpening, LaneReceiver),
}

/// Numbers about a link, for health lines and benches.
#[derive(Clone, Copy, Debug)]
pub struct LinkStats {
    pub rtt: Duration,
    /// UDP payload bytes.
    pub sent_bytes: u64,
    pub received_bytes: u64,
    pub sent_datagrams: u64,
    pub received_datagrams: u64,
    pub lost_packets: u64,
    /// Copies of records (`twice.rs`) that came.
    pub received_copies: u64,
    /// Congestion window in bytes.
    pub window: u64,
    /// Largest datagram now, in bytes of UDP payload.
    pub mtu: u16,
}

/// One connection. Clones are the same connection; it stays open until one side closes it, or until every clone,
/// sender and receiver is dropped.
#[derive(Clone)]
pub struct Link {
    inner: Arc<Inner>,
}

struct Inner {
    connection: Connection,
    /// A program's endpoint has this one connection; a relay's has many and lives in its listener.
    endpoint: Option<Endpoint>,
    arrivals: Mutex<mpsc::Receiver<Arrived>>,
    /// Why this side closed.
    closed: Arc<OnceLock<LinkError>>,
    patience: Arc<Patience>,
}

/// What is known of the other side's silence, and whether it is borne.
#[derive(Default)]
struct Patience {
    in_session: AtomicBool,
    /// When it was last heard, while it is silent.
    silent: RwLock<Option<Instant>>,
}

impl Link {
    pub(crate) fn new(connection: Connection, endpoint: Option<Endpoint>) -> Link {
        let (to, arrivals) = mpsc::channel(WAITING);
        let closed = Arc::new(OnceLock::new());
        let at_relay = endpoint.is_none();
        let patience = Arc::<Patience>::default();
        let welcome = Welcome {
            patience: patience.clone(),
            connection: connection.clone(),
            closed: closed.clone(),
            to,
            at_relay,
            slots: Slots::default(),
        };
        tokio::spawn(welcome.run());
        Link {
            inner: Arc::new(Inner {
                connection,
                endpoint,
                arrivals: Mutex::new(arrivals),
                closed,
                patience,
            }),
        }
    }

    #[cfg(test)]
    pub(crate) fn connection(&self) -> &Connection {
        &self.inner.connection
    }

    pub fn remote_address(&self) -> SocketAddr {
        self.inner.connection.remote_address()
    }

    /// For how long the other side of this link was not heard although it should have been.
    pub fn silence(&self) -> Option<Duration> {
        let silent = self.inner.patience.silent.read();
        let heard = *silent.unwrap_or_else(PoisonError::into_inner);
        heard.map(|heard| heard.elapsed())
    }

    /// A session depends on this link: silence is borne for longer.
    pub fn hold_on(&self) {
        self.inner
            .patience
            .in_session
            .store(true, Ordering::Relaxed);
    }

    /// Round trip to the other side, smoothed.
    pub fn rtt(&self) -> Duration {
        self.inner.connection.rtt()
    }

    pub fn stats(&self) -> LinkStats {
        let stats = self.inner.connection.stats();
        LinkStats {
            rtt: stats.path.rtt,
            sent_bytes: stats.udp_tx.bytes,
            received_bytes: stats.udp_rx.bytes,
            sent_datagrams: stats.udp_tx.datagrams,
            received_datagrams: stats.udp_rx.datagrams,
            lost_packets: stats.path.lost_packets,
            received_copies: stats.frame_rx.datagram,
            window: stats.path.cwnd,
            mtu: stats.path.current_mtu,
        }
    }

    /// At the relay: the peer said a good hello and may open handshakes.
    pub fn welcome(&self) {
        let connection = &self.inner.connection;
        connection.set_receive_window(VarInt::from_u32(transport::WELCOME_WINDOW));
        connection.set_max_concurrent_bi_streams(VarInt::from_u32(transport::BIDI_STREAMS));
    }

    /// At the relay: the peer is in a session and may open lanes and use full windows.
    pub fn trust(&self) {
        self.welcome();
        self.hold_on();
        let connection = &self.inner.connection;
        connection.set_receive_window(VarInt::from_u32(transport::WINDOW));
        connection.set_max_concurrent_uni_streams(VarInt::from_u32(transport::UNI_STREAMS));
    }

    /// Opens the stream of a session's inner handshake.
    pub async fn open_handshake(
        &self,
        session: SessionId,
    ) -> Result<(HandshakeSender, HandshakeReceiver), LinkError> {
        let (mut sender, receiver) = self
            .inner
            .connection
            .open_bi()
            .await
            .map_err(|e| self.why(e))?;
        let _ = sender.set_priority(CONTROL_PRIORITY);
        opening::write(&mut sender, &Opening::Handshake(session)).await?;
        Ok((
            HandshakeSender::new(sender),
            HandshakeReceiver::new(receiver),
        ))
    }

    /// Opens a lane; waits while the other side allows no more of them.
    pub async fn open_lane(&self, lane: LaneOpening) -> Result<LaneSender, LinkError> {
        let mut stream = self
            .inner
            .connection
            .open_uni()
            .await
            .map_err(|e| self.why(e))?;
        let _ = stream.set_priority(priority(lane.class));
        opening::write(&mut stream, &Opening::Lane(lane)).await?;
        let copies = is_urgent(lane.class).then(|| Copies::new(self.inner.connection.clone()));
        Ok(LaneSender::new(stream, copies))
    }

    /// The next stream that the other side opened. May be cancelled; an error ends the link for good.
    pub async fn accept(&self) -> Result<Arrived, LinkError> {
        let next = self.inner.arrivals.lock().await.recv().await;
        match next {
            Some(arrived) => Ok(arrived),
            None => Err(self.closed().await),
        }
    }

    /// Closes at once; what is still under way is lost. To have the last words arrive, `finish` their senders
    /// first.
    pub fn close(&self, code: CloseCode) {
        close(
            &self.inner.connection,
            &self.inner.closed,
            LinkError::Closed(code),
        );
    }

    /// Closes, and waits (at most 1 s) until the other side has heard it: before a program exits.
    pub async fn shutdown(&self, code: CloseCode) {
        self.close(code);
        if let Some(endpoint) = &self.inner.endpoint {
            let _ = tokio::time::timeout(FAREWELL, endpoint.wait_idle()).await;
        }
    }

    /// Waits until the link is closed, by whichever side, and says why.
    pub async fn closed(&self) -> LinkError {
        let error = self.inner.connection.closed().await;
        self.why(error)
    }

    /// The reason that this side had, if it closed; quinn knows only that it did.
    fn why(&self, error: quinn::ConnectionError) -> LinkError {
        match self.inner.closed.get() {
            Some(reason) => reason.clone(),
            None => error.into(),
        }
    }
}

/// Frames alone, for datagrams may be forged.
fn counts(connection: &Connection, path: &Path) -> Counts {
    let stats = connection.stats();
    let (rx, tx) = (stats.frame_rx, stats.frame_tx);
    Counts {
        heard: rx.acks + rx.ping + rx.stream + rx.datagram,
        said: tx.ping + tx.stream + tx.datagram,
        acked: path.acked(),
    }
}

fn close(connection: &Connection, closed: &OnceLock<LinkError>, reason: LinkError) {
    let code = reason.code();
    let _ = closed.set(reason);
    connection.close(VarInt::from_u32(u32::from(code.number())), b"");
}

/// Takes new streams, reads what each is, and hands it over; knocks where nothing is heard. Ends with the connection.
struct Welcome {
    patience: Arc<Patience>,
    connection: Connection,
    closed: Arc<OnceLock<LinkError>>,
    to: mpsc::Sender<Arrived>,
    at_relay: bool,
    slots: Slots,
}

impl Welcome {
    async fn run(self) {
        let welcome = Arc::new(self);
        let mut pulse = Pulse::new(Instant::now());
        let mut look = Instant::now() + pulse.again();
        let address = welcome.connection.remote_address();
        let mut path = (address, Path::of(&welcome.connection));
        loop {
            let taken = tokio::select! {
                bidi = welcome.connection.accept_bi() => bidi.map(|(s, r)| (Some(s), r)),
                uni = welcome.connection.accept_uni() => uni.map(|r| (None, r)),
                copy = welcome.connection.read_datagram() => match copy {
                    Ok(copy) => {
                        welcome.slots.put(copy);
                        continue;
                    }
                    Err(_) => return,
                },
                () = tokio::time::sleep_until(look.into()) => {
                welcome.feel(&mut pulse, &mut path);
                look = Instant::now() + pulse.again();
                continue;
            }
                () = welcome.to.closed() => return,
            };
            let Ok((sender, receiver)) = taken else {
                return;
            };
            let welcome = welcome.clone();
            // Each on its own: one that is slow to say what it is holds up no other.
            tokio::spawn(async move {
                match welcome.name(sender, receiver).await {
                    Ok(arrived) => {
                        // No one to take it: the link was dropped, and the connection ends.
                        let _ = welcome.to.send(arrived).await;
                    }
                    Err(LinkError::Violation(what)) => {
                        let reason = LinkError::Violation(what);
                        close(&welcome.connection, &welcome.closed, reason);
                    }
                    // The stream alone was given up.
                    Err(_) => {}
                }
            });
        }
    }

    /// Looks whether the other side is heard, and does what is to be done.
    fn feel(&self, pulse: &mut Pulse, path: &mut (SocketAddr, Path)) {
        let now = Instant::now();
        let address = self.connection.remote_address();
        if path.0 != address {
            *path = (address, Path::of(&self.connection));
        }
        let waits = self.patience.in_session.load(Ordering::Relaxed);
        match pulse.look(counts(&self.connection, &path.1), waits, now) {
            Beat::Rest => {}
            Beat::Knock => {
                let_one_through(&self.connection);
                // Who takes none has closed.
                let _ = self.connection.send_datagram(Bytes::new());
            }
            Beat::GiveUp => {
                let why = "nothing was heard for too long".into();
                close(&self.connection, &self.closed, LinkError::Lost(why));
            }
        }
        let heard = pulse
            .silence(now)
            .and_then(|silence| now.checked_sub(silence));
        let mut silent = self
            .patience
            .silent
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *silent = heard;
    }

    async fn name(
        &self,
        sender: Option<SendStream>,
        mut receiver: RecvStream,
    ) -> Result<Arrived, LinkError> {
        if self.at_relay
            && receiver.id().index() == 0
            && let Some(sender) = sender
        {
            let _ = sender.set_priority(CONTROL_PRIORITY);
            return Ok(Arrived::Control(
                MessageSender::new(sender),
                MessageReceiver::new(receiver),
            ));
        }
        match (opening::read(&mut receiver).await?, sender) {
            (Opening::Handshake(session), Some(sender)) => {
                let _ = sender.set_priority(CONTROL_PRIORITY);
                Ok(Arrived::Handshake(
                    session,
                    HandshakeSender::new(sender),
                    HandshakeReceiver::new(receiver),
                ))
            }
            (Opening::Lane(lane), None) => {
                let slot = is_urgent(lane.class).then(|| self.slots.open(lane));
                Ok(Arrived::Lane(lane, LaneReceiver::new(receiver, lane, slot)))
            }
            _ => Err(LinkError::Violation(
                "a stream of the wrong direction".into(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use sightline_protocol::statement::SigningKey;

    use super::*;
    use crate::{Certificate, Limits, RelayListener, connect};

    #[tokio::test]
    async fn who_floods_empty_datagrams_costs_nobody_memory_or_words() {
        let (certificate, key) = Certificate::generate("relay").unwrap();
        let certificate = Certificate::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
        let any = "127.0.0.1:0".parse().unwrap();
        let listener = RelayListener::bind(any, &certificate, Limits::default()).unwrap();
        let address = listener.local_address().unwrap().to_string();
        let key = SigningKey::from_seed(&[1; 32]);
        let (program, relay) = tokio::join!(connect(&address, certificate.pin(), &key), async {
            listener.accept(|| 0).await.unwrap().accept().await.unwrap()
        });
        let mut program = program.unwrap();
        for _ in 0..100 {
            for _ in 0..500 {
                let connection = program.link.connection();
                connection.send_datagram(Bytes::new()).unwrap();
            }
            tokio::task::yield_now().await;
        }
        program.to_relay.send(&ToRelay::Allocate(())).await.unwrap();
        let Arrived::Control(_to, mut from) = relay.link.accept().await.unwrap() else {
            panic!("no control stream");
        };
        assert_eq!(from.next().await.unwrap(), Some(ToRelay::Allocate(())));
        assert!(relay.link.stats().received_copies > 100);
        assert_eq!(relay.link.silence(), None);
    }
}
