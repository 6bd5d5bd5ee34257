//! A relay of one session that bends what it carries: it has the genuine relay's keys and none of its honesty.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use sightline_link::{
    Accepted, Arrived, Bytes, Certificate, HandshakeReceiver, HandshakeSender, LaneReceiver,
    LaneSender, Limits, Link, LinkError, MessageReceiver, RelayListener,
};
use sightline_program::clock::unix_ms;
use sightline_program::files;
use sightline_protocol::broker::{Allocated, Begin, FromRelay, Joining, ToRelay};
use sightline_protocol::id::{Digest, Nameplate, PublicKey, SessionId};
use sightline_protocol::ledger::TreeHead;
use sightline_protocol::record::{Class, HEADER};
use sightline_protocol::statement::{Signed, SigningKey};
use sightline_protocol::statements::Receipt;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

/// A receipt comes this often while something passes.
const RECEIPTS: Duration = Duration::from_millis(250);

const SESSION: SessionId = SessionId([7; 16]);

/// What is done to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bend {
    /// One bit of the ciphertext flipped.
    Flip,
    /// Sent a second time.
    Replay,
    /// Left out.
    Drop,
    /// Cut in the middle, where its lane then ends.
    Truncate,
}

/// Which record is bent: the first one of its class (a class has one author that matters in these tests).
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub from_agent: bool,
    pub class: Class,
    pub bend: Bend,
}

/// Which byte of the inner handshake is bent, counted from its start, in which direction.
#[derive(Clone, Copy, Debug)]
pub struct HandshakePlan {
    pub from_agent: bool,
    pub byte: usize,
}

/// The running relay. Ends when dropped.
pub struct FalseRelay {
    _runtime: Runtime,
}

struct Shared {
    plan: Option<Plan>,
    handshake: Option<HandshakePlan>,
    receipt_key: SigningKey,
    ends: Mutex<Ends>,
    manifest: Mutex<Option<Digest>>,
    /// Records that passed.
    records: AtomicU64,
}

#[derive(Default)]
struct Ends {
    agent: Option<End>,
    technician: Option<End>,
}

/// One of the two programs.
#[derive(Clone)]
struct End {
    link: Link,
    key: PublicKey,
    outbox: mpsc::UnboundedSender<FromRelay>,
}

impl FalseRelay {
    /// Serves at `address` with the keys in `folder`, which `sightline-relay init` wrote.
    pub fn start(
        folder: &Path,
        address: &str,
        plan: Option<Plan>,
        handshake: Option<HandshakePlan>,
    ) -> anyhow::Result<FalseRelay> {
        let read = |name: &str| std::fs::read(folder.join(name));
        let certificate = Certificate::from_pem(&read("tls.crt")?, &read("tls.key")?)?;
        let receipt_key = files::read_signing_key(&folder.join("receipt.key"))?;
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(2).enable_all().build()?;
        let address = address.parse()?;
        let bind = || RelayListener::bind(address, &certificate, Limits::default());
        let listener = runtime.block_on(async {
            // A process that is being started beside us may hold the former relay's socket for a moment.
            for _ in 0..200 {
                if let Ok(listener) = bind() {
                    return Ok(listener);
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            bind()
        })?;
        let shared = Arc::new(Shared {
            plan,
            handshake,
            receipt_key,
            ends: Mutex::default(),
            manifest: Mutex::default(),
            records: AtomicU64::new(0),
        });
        runtime.spawn(Arc::clone(&shared).receipts());
        runtime.spawn(async move {
            while let Some(incoming) = listener.accept(|| 0).await {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    if let Ok(accepted) = incoming.accept().await {
                        let _ = shared.serve(accepted).await;
                    }
                });
            }
        });
        Ok(FalseRelay { _runtime: runtime })
    }
}

impl Shared {
    /// One of the ends, if it is there.
    fn end(&self, agent: bool) -> Option<End> {
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        if agent {
            ends.agent.clone()
        } else {
            ends.technician.clone()
        }
    }

    fn say(&self, to_agent: bool, message: FromRelay) {
        if let Some(end) = self.end(to_agent) {
            let _ = end.outbox.send(message);
        }
    }

    async fn serve(self: Arc<Self>, accepted: Accepted) -> anyhow::Result<()> {
        let Accepted { link, key } = accepted;
        let Arrived::Control(mut to, mut from) = link.accept().await? else {
            anyhow::bail!("no control stream");
        };
        let Some(ToRelay::Hello(hello)) = from.next().await? else {
            anyhow::bail!("no hello");
        };
        let is_agent = hello.credential.is_none();
        link.trust();
        let (outbox, mut waiting) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(message) = waiting.recv().await {
                if to.send(&message).await.is_err() {
                    return;
                }
            }
        });
        let end = End {
            link: link.clone(),
            key,
            outbox,
        };
        {
            let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
            let place = match is_agent {
                true => &mut ends.agent,
                false => &mut ends.technician,
            };
            *place = Some(end);
        }
        self.say(is_agent, FromRelay::Welcome(()));
        let streams = tokio::spawn(Arc::clone(&self).streams(link, is_agent));
        let served = self.messages(from, is_agent).await;
        streams.abort();
        served
    }

    async fn messages(
        &self,
        mut from: MessageReceiver<ToRelay>,
        is_agent: bool,
    ) -> anyhow::Result<()> {
        let nameplate = Nameplate::new(12_345).context("no nameplate")?;
        while let Some(message) = from.next().await? {
            match message {
                ToRelay::Allocate(()) => {
                    let lifetime_s = 600;
                    let allocated = Allocated {
                        nameplate,
                        lifetime_s,
                    };
                    self.say(true, FromRelay::Allocated(allocated));
                }
                ToRelay::Claim(_) => {
                    let technician = self.end(false).context("nobody claims")?.key;
                    let joining = Joining {
                        session: SESSION,
                        nameplate,
                        technician,
                    };
                    self.say(true, FromRelay::Joining(joining));
                    self.say(false, FromRelay::Claimed(SESSION));
                }
                ToRelay::Begin(begin) => self.receipt(&begin),
                ToRelay::Over(over) => self.say(!is_agent, FromRelay::Over(over)),
                ToRelay::Checkpoint(signed) => {
                    self.say(!is_agent, FromRelay::Checkpoint(signed));
                }
                ToRelay::Release(_) | ToRelay::Hello(_) => {}
            }
        }
        Ok(())
    }

    fn receipt(&self, begin: &Begin) {
        let manifest = begin.manifest.manifest.digest();
        *self.manifest.lock().unwrap_or_else(PoisonError::into_inner) = Some(manifest);
        self.sign(manifest, 0);
    }

    /// Signs for what passed, as often as the genuine one, and keeps nothing of it.
    async fn receipts(self: Arc<Self>) {
        let mut signed = 0;
        loop {
            tokio::time::sleep(RECEIPTS).await;
            let records = self.records.load(Ordering::Relaxed);
            let manifest = *self.manifest.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(manifest) = manifest.filter(|_| records > signed) {
                signed = records;
                self.sign(manifest, records);
            }
        }
    }

    fn sign(&self, manifest: Digest, records: u64) {
        let receipt = Receipt {
            session: SESSION,
            manifest,
            records,
            bytes: records,
            order: Digest([0; 32]),
            at_ms: unix_ms(),
            ledger: TreeHead::empty(),
        };
        let signed = Signed::sign(&receipt, &self.receipt_key);
        self.say(true, FromRelay::Receipt(signed.clone()));
        self.say(false, FromRelay::Receipt(signed));
    }

    async fn streams(self: Arc<Self>, link: Link, is_agent: bool) -> anyhow::Result<()> {
        loop {
            let arrived = link.accept().await?;
            let other = self.end(!is_agent).context("nobody to carry to")?;
            let shared = Arc::clone(&self);
            match arrived {
                Arrived::Handshake(session, to, from) => {
                    let (to_agent, from_agent) = other.link.open_handshake(session).await?;
                    let up = shared.handshake.filter(|plan| !plan.from_agent);
                    let down = shared.handshake.filter(|plan| plan.from_agent);
                    tokio::spawn(pass(from, to_agent, up.map(|plan| plan.byte)));
                    tokio::spawn(pass(from_agent, to, down.map(|plan| plan.byte)));
                }
                Arrived::Lane(opening, from) => {
                    let to = other.link.open_lane(opening).await?;
                    let plan = shared.plan;
                    let bend = plan
                        .filter(|plan| plan.from_agent == is_agent && plan.class == opening.class)
                        .map(|plan| plan.bend);
                    tokio::spawn(async move { carry(from, to, bend, &shared.records).await });
                }
                Arrived::Control(..) => {}
            }
        }
    }
}

async fn pass(
    mut from: HandshakeReceiver,
    mut to: HandshakeSender,
    bent: Option<usize>,
) -> Result<(), LinkError> {
    let mut passed = 0;
    while let Some(bytes) = from.next().await? {
        let mut bytes = bytes.to_vec();
        if let Some(byte) = bent.and_then(|bent| bent.checked_sub(passed))
            && let Some(byte) = bytes.get_mut(byte)
        {
            *byte ^= 1;
        }
        passed += bytes.len();
        to.send(bytes.into()).await?;
    }
    to.finish().await
}

async fn carry(
    mut from: LaneReceiver,
    mut to: LaneSender,
    mut bend: Option<Bend>,
    records: &AtomicU64,
) -> Result<(), LinkError> {
    while let Some(record) = from.next_record().await? {
        records.fetch_add(1, Ordering::Relaxed);
        let bytes = record.bytes;
        match bend.take() {
            None => to.send(bytes).await?,
            Some(Bend::Drop) => {}
            Some(Bend::Replay) => {
                to.send(bytes.clone()).await?;
                to.send(bytes).await?;
            }
            Some(Bend::Flip) => {
                let mut bent = bytes.to_vec();
                bent[HEADER + 3] ^= 0x10;
                to.send(bent.into()).await?;
            }
            Some(Bend::Truncate) => {
                let half: Bytes = bytes.slice(..HEADER + 5);
                to.send(half).await?;
                return to.finish().await;
            }
        }
    }
    to.finish().await
}
