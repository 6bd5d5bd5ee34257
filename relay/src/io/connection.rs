//! One connection, from its first packet to its end: the hello within its time, then messages and streams, which
//! go to the event loop one at a time.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sightline_link::{
    Accepted, Arrived, Incoming, Link, LinkError, MessageReceiver, MessageSender,
};
use sightline_protocol::broker::{FromRelay, ToRelay};
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::PublicKey;
use sightline_protocol::statements::OrgBundle;
use tokio::sync::mpsc;

use crate::io::serve::Event;
use crate::pure::admit::{self, Refusal, Role};
use crate::pure::broker::ConnId;
use crate::pure::limits::Pace;

/// From the end of TLS to a good hello: three slow round trips and a slow computer.
const HELLO: Duration = Duration::from_secs(10);

/// Messages that wait for a peer's control stream; a peer with more is not reading.
const OUTBOX: usize = 64;

/// Messages that a peer may send at once, and the pace after that: a person's clicks fit, floods wait.
const BURST: u32 = 50;
const EVERY: Duration = Duration::from_millis(50);

/// What a connection's task needs of the relay.
pub struct Gate {
    pub bundle: RwLock<Arc<OrgBundle>>,
    /// Connections that have not said a good hello.
    pub untrusted: AtomicUsize,
    pub events: mpsc::Sender<Event>,
}

impl Gate {
    pub fn bundle(&self) -> Arc<OrgBundle> {
        let bundle = self.bundle.read();
        bundle.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Counts an untrusted connection while it lives.
struct Untrusted<'a>(&'a AtomicUsize);

impl<'a> Untrusted<'a> {
    fn new(count: &'a AtomicUsize) -> Untrusted<'a> {
        count.fetch_add(1, Ordering::Relaxed);
        Untrusted(count)
    }
}

impl Drop for Untrusted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection that the event loop may use.
pub struct Entered {
    pub link: Link,
    pub key: PublicKey,
    pub address: IpAddr,
    pub role: Role,
    pub outbox: Outbox,
}

/// What goes out on a control stream.
enum Out {
    Message(FromRelay),
    /// Say farewell after what was sent before.
    Close(CloseCode),
}

/// The way to a peer's control stream. Never waits.
#[derive(Clone)]
pub struct Outbox {
    to: mpsc::Sender<Out>,
    link: Link,
}

impl Outbox {
    pub fn send(&self, message: FromRelay) {
        self.put(Out::Message(message));
    }

    /// Closes the connection once everything before is there.
    pub fn close(&self, code: CloseCode) {
        self.put(Out::Close(code));
    }

    fn put(&self, out: Out) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.to.try_send(out) {
            self.link.close(CloseCode::TooSlow);
        }
    }
}

fn unix_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_millis() as u64
}

/// Serves one connection to its end.
pub async fn run(conn: ConnId, incoming: Incoming, gate: Arc<Gate>) {
    let untrusted = Untrusted::new(&gate.untrusted);
    let address = incoming.remote_address().ip();
    let Accepted { link, key } = match incoming.accept().await {
        Ok(accepted) => accepted,
        Err(error) => {
            tracing::debug!(%address, %error, "no connection");
            return;
        }
    };
    let Ok((to, from, role)) = enter(&link, &key, address, &gate).await else {
        return;
    };
    link.welcome();
    drop(untrusted);
    let outbox = start_outbox(to, link.clone());
    outbox.send(FromRelay::Welcome(()));
    let entered = Entered {
        link: link.clone(),
        key,
        address,
        role,
        outbox,
    };
    if gate
        .events
        .send(Event::Entered(conn, entered))
        .await
        .is_err()
    {
        return; // the relay is stopping
    }
    let why = serve(conn, &link, from, &gate).await;
    link.close(why.code());
    let _ = gate.events.send(Event::Left(conn, why)).await;
}

type Control = (MessageSender<FromRelay>, MessageReceiver<ToRelay>, Role);

/// Waits for the hello and believes it, or says why not and closes.
async fn enter(
    link: &Link,
    key: &PublicKey,
    address: IpAddr,
    gate: &Gate,
) -> Result<Control, LinkError> {
    let greeted = tokio::time::timeout(HELLO, async {
        let Arrived::Control(to, mut from) = link.accept().await? else {
            return Err(LinkError::Violation("no control stream".into()));
        };
        match from.next().await? {
            Some(ToRelay::Hello(hello)) => Ok((to, from, hello)),
            _ => Err(LinkError::Violation("no hello".into())),
        }
    });
    let (mut to, from, hello) = match greeted.await {
        Ok(Ok(greeted)) => greeted,
        Ok(Err(error)) => {
            link.close(error.code());
            return Err(error);
        }
        Err(_) => {
            link.close(CloseCode::ProtocolViolation);
            return Err(LinkError::Violation("no hello in time".into()));
        }
    };
    match admit::hello(&hello, key, &gate.bundle(), unix_ms()) {
        Ok(role) => Ok((to, from, role)),
        Err(Refusal { code, why }) => {
            let _ = gate
                .events
                .send(Event::Refused(*key, address, code, why))
                .await;
            let refused = FromRelay::Refused((code.number(), 0));
            let said = async { to.send(&refused).await.and(Ok(to))?.finish().await };
            let _ = tokio::time::timeout(HELLO, said).await;
            link.close(code);
            Err(LinkError::Closed(code))
        }
    }
}

/// Hands messages and streams to the event loop until the connection ends.
async fn serve(
    conn: ConnId,
    link: &Link,
    mut from: MessageReceiver<ToRelay>,
    gate: &Gate,
) -> LinkError {
    let began = Instant::now();
    let mut pace = Pace::new(BURST, EVERY);
    loop {
        let event = tokio::select! {
            message = from.next() => match message {
                Ok(Some(message)) => Event::Message(conn, message),
                // The connection's own end says more than its stream's.
                Ok(None) => return LinkError::Closed(CloseCode::Finished),
                Err(LinkError::Cut) => return LinkError::Violation("the control stream was cut".into()),
                // We closed: the link knows why.
                Err(LinkError::Closed(_)) => return link.closed().await,
                Err(error) => return error,
            },
            arrived = link.accept() => match arrived {
                Ok(arrived) => Event::Arrived(conn, arrived),
                Err(error) => return error,
            },
        };
        while let Err(wait) = pace.take(began.elapsed()) {
            tokio::time::sleep(wait).await;
        }
        if gate.events.send(event).await.is_err() {
            return LinkError::Closed(CloseCode::RelayStopping);
        }
    }
}

fn start_outbox(mut to: MessageSender<FromRelay>, link: Link) -> Outbox {
    let (sender, mut waiting) = mpsc::channel(OUTBOX);
    let outbox = Outbox {
        to: sender,
        link: link.clone(),
    };
    tokio::spawn(async move {
        while let Some(out) = waiting.recv().await {
            match out {
                Out::Message(message) => {
                    if to.send(&message).await.is_err() {
                        return;
                    }
                }
                Out::Close(code) => {
                    let _ = to.finish().await;
                    link.close(code);
                    return;
                }
            }
        }
    });
    outbox
}
