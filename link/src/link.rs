//! One connection between a program and the relay.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use quinn::{Connection, Endpoint, RecvStream, SendStream, VarInt};
use sightline_protocol::broker::{FromRelay, LaneOpening, Opening, ToRelay};
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::SessionId;
use tokio::sync::{Mutex, mpsc};

use crate::error::LinkError;
use crate::handshake::{HandshakeReceiver, HandshakeSender};
use crate::lane::{LaneReceiver, LaneSender, priority};
use crate::message::{MessageReceiver, MessageSender};
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
}

impl Link {
    pub(crate) fn new(connection: Connection, endpoint: Option<Endpoint>) -> Link {
        let (to, arrivals) = mpsc::channel(WAITING);
        let closed = Arc::new(OnceLock::new());
        let at_relay = endpoint.is_none();
        let welcome = Welcome {
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

fn close(connection: &Connection, closed: &OnceLock<LinkError>, reason: LinkError) {
    let code = reason.code();
    let _ = closed.set(reason);
    connection.close(VarInt::from_u32(u32::from(code.number())), b"");
}

/// Takes new streams, reads what each is, and hands it over. Ends with the connection.
struct Welcome {
    connection: Connection,
    closed: Arc<OnceLock<LinkError>>,
    to: mpsc::Sender<Arrived>,
    at_relay: bool,
    slots: Slots,
}

impl Welcome {
    async fn run(self) {
        let welcome = Arc::new(self);
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
