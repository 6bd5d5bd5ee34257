//! A technician's end on the libraries instead of the shipped program: it can do what the program never would.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use sightline::io::technician::{self, Technician};
use sightline_ends::code::SessionCode;
use sightline_ends::content::Input;
use sightline_ends::handshake::{
    Established, TechnicianEvent, TechnicianHandshake, TechnicianSetup,
};
use sightline_ends::seal::{LaneId, TECHNICIAN_CONTROL, TECHNICIAN_INPUT};
use sightline_ends::session::{TechnicianEffect, TechnicianSays, TechnicianSession};
use sightline_link::{
    Arrived, Broker, BrokerError, Bytes, FromLane, HandshakeReceiver, HandshakeSender, LaneSender,
    LinkError, read_lane,
};
use sightline_program::clock::{Chance, Clock, unix_ms};
use sightline_protocol::broker::{FromRelay, LaneOpening};
use sightline_protocol::capability::Capabilities;
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::SessionId;
use sightline_protocol::statement::{Signed, SigningKey};
use sightline_protocol::statements::Credential;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::world::SOON;

/// A technician who is connected to the relay and drives everything itself.
pub struct Hostile {
    pub technician: Technician,
    pub broker: Broker,
    pub session: SessionId,
    clock: Clock,
    inner: Option<Inner>,
    begun: Option<Begun>,
    // Last: links end inside it.
    runtime: Runtime,
}

/// The inner handshake on its way.
struct Inner {
    machine: TechnicianHandshake,
    sender: HandshakeSender,
    receiver: HandshakeReceiver,
}

/// A session that has begun.
struct Begun {
    machine: TechnicianSession,
    control: LaneSender,
    input: LaneSender,
    /// Lanes beside these, made when they are first used.
    others: BTreeMap<LaneId, LaneSender>,
    to_inbox: mpsc::Sender<FromLane>,
    inbox: mpsc::Receiver<FromLane>,
    /// Every record that came from the agent.
    heard: Vec<Bytes>,
}

/// Long enough for a relay on this computer to allow another lane, if it ever does.
const LANE: Duration = Duration::from_secs(1);

/// How a step ended that was not to be.
pub type Refused = CloseCode;

fn runtime() -> anyhow::Result<Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    Ok(builder.worker_threads(1).enable_all().build()?)
}

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> anyhow::Result<T> {
    let waited = tokio::time::timeout(SOON, future).await;
    waited.with_context(|| format!("{what} did not come within {SOON:?}"))
}

/// This technician with another credential: what `change` makes of the genuine one, signed by the issuer of the
/// organisation in `org`.
pub fn reissue(
    technician: &Path,
    org: &Path,
    change: impl FnOnce(&mut Credential),
) -> anyhow::Result<Technician> {
    let mut technician = technician::read(technician)?;
    let issuer: SigningKey = sightline_program::files::read_signing_key(&org.join("issuer.key"))?;
    change(&mut technician.credential);
    technician.signed = Signed::sign(&technician.credential, &issuer);
    Ok(technician)
}

impl Hostile {
    /// Connects and claims the code's nameplate.
    pub fn claim(technician: Technician, code: &str) -> anyhow::Result<Result<Hostile, Refused>> {
        let runtime = runtime()?;
        let code = SessionCode::parse(code)?;
        let claimed = runtime.block_on(soon("the claim's answer", async {
            let relay = &technician.bundle.relay;
            let credential = Some(technician.signed.clone());
            let mut broker = Broker::connect(relay, &technician.key, credential).await?;
            let session = broker.claim(code.nameplate).await?;
            Ok::<_, BrokerError>((broker, session))
        }))?;
        Ok(claimed
            .map(|(broker, session)| Hostile {
                technician,
                broker,
                session,
                clock: Clock::default(),
                inner: None,
                begun: None,
                runtime,
            })
            .map_err(|error| error.code()))
    }

    /// Goes through the handshake until the user is asked.
    pub fn until_asked(
        &mut self,
        code: &str,
        asked: Capabilities,
    ) -> anyhow::Result<Result<(), Refused>> {
        let setup = TechnicianSetup {
            key: self.technician.key.clone(),
            credential: self.technician.signed.clone(),
            name: self.technician.credential.name.clone(),
            bundle: self.technician.signed_bundle.clone(),
            session: self.session,
            code: SessionCode::parse(code)?,
            asked,
            reason: String::new(),
            ticket: String::new(),
        };
        let opened = self.broker.link.open_handshake(self.session);
        let (sender, receiver) = self.runtime.block_on(opened)?;
        let mut inner = Inner {
            machine: TechnicianHandshake::new(
                setup,
                self.technician.bundle.clone(),
                self.clock.now(),
            ),
            sender,
            receiver,
        };
        let asking = |event: &TechnicianEvent| matches!(event, TechnicianEvent::Asking { .. });
        let driven = inner.drive(&mut self.broker, self.clock, asking);
        let driven = self.runtime.block_on(soon("the question", driven))?;
        self.inner = Some(inner);
        Ok(driven.map(|_| ()))
    }

    /// Goes through the rest of the handshake once the user has answered, and opens the lanes.
    pub fn until_begun(&mut self) -> anyhow::Result<Result<(), Refused>> {
        let mut inner = self.inner.take().context("ask first")?;
        let over = |event: &TechnicianEvent| matches!(event, TechnicianEvent::Established(_));
        let driven = inner.drive(&mut self.broker, self.clock, over);
        match self.runtime.block_on(soon("the session", driven))? {
            Ok(Some(established)) => {
                self.begin(&established)?;
                Ok(Ok(()))
            }
            Ok(None) => bail!("the handshake ended without a session"),
            Err(code) => Ok(Err(code)),
        }
    }

    /// A lane of this technician's session; `None` if the relay lets it open none.
    pub fn open_lane(&self, id: LaneId) -> anyhow::Result<Option<LaneSender>> {
        let opening = LaneOpening {
            session: self.session,
            lane: id.lane,
            class: id.class,
        };
        let opened = async {
            let lane = self.broker.link.open_lane(opening);
            tokio::time::timeout(LANE, lane).await
        };
        Ok(self.runtime.block_on(opened).ok().transpose()?)
    }

    /// Sends bytes on a lane as they are.
    pub fn send_raw(&self, lane: &mut LaneSender, bytes: Vec<u8>) -> Result<(), LinkError> {
        self.runtime.block_on(lane.send(bytes.into()))
    }

    fn begin(&mut self, established: &Established) -> anyhow::Result<()> {
        let (to_inbox, inbox) = mpsc::channel(64);
        self.begun = Some(Begun {
            machine: TechnicianSession::new(established, self.clock.now()),
            control: self.open_lane(TECHNICIAN_CONTROL)?.context("no lane")?,
            input: self.open_lane(TECHNICIAN_INPUT)?.context("no lane")?,
            others: BTreeMap::new(),
            to_inbox,
            inbox,
            heard: Vec::new(),
        });
        Ok(())
    }

    /// Sends an input, whatever is allowed. An error only says that the lane is gone.
    pub fn input(&mut self, input: &Input) -> anyhow::Result<Result<(), LinkError>> {
        let begun = self.begun.as_mut().context("no session")?;
        let record = begun.machine.hostile_input(input, self.clock.now());
        Ok(self.runtime.block_on(begun.input.send(record.into())))
    }

    /// Says something on a lane beside control and input, as far as the user allowed it at the beginning.
    pub fn say(&mut self, says: &TechnicianSays) -> anyhow::Result<()> {
        let begun = self.begun.as_mut().context("no session")?;
        let outgoing = begun.machine.tell(says, self.clock.now());
        let outgoing = outgoing.context("it was not allowed from the beginning")?;
        let id = outgoing.lane;
        if !begun.others.contains_key(&id) {
            let lane = self.open_lane(id)?.context("no lane")?;
            let begun = self.begun.as_mut().context("no session")?;
            begun.others.insert(id, lane);
        }
        let begun = self.begun.as_mut().context("no session")?;
        let lane = begun.others.get_mut(&id).context("no lane")?;
        Ok(self.runtime.block_on(lane.send(outgoing.record.into()))?)
    }

    /// Listens, acknowledging pictures as a viewer does, until the session is over: why, and every record heard.
    pub fn listen_to_the_end(
        &mut self,
        within: Duration,
    ) -> anyhow::Result<(CloseCode, Vec<Bytes>)> {
        let begun = self.begun.as_mut().context("no session")?;
        let heard = begun.listen(&mut self.broker, self.clock);
        let code = self
            .runtime
            .block_on(async { tokio::time::timeout(within, heard).await })
            .map_err(|_| anyhow!("the session did not end within {within:?}"))?;
        Ok((code, std::mem::take(&mut begun.heard)))
    }

    /// Waits until the relay has let this technician go.
    pub fn until_cut_off(&self) -> anyhow::Result<CloseCode> {
        let closed = soon("the end of the link", self.broker.link.closed());
        Ok(self.runtime.block_on(closed)?.code())
    }
}

impl Inner {
    /// Until an event for which `enough` is true; what it established, if that was it.
    async fn drive(
        &mut self,
        broker: &mut Broker,
        clock: Clock,
        enough: impl Fn(&TechnicianEvent) -> bool,
    ) -> Result<Option<Box<Established>>, Refused> {
        loop {
            while let Some(event) = self.machine.poll_event() {
                let enough = enough(&event);
                match event {
                    TechnicianEvent::Failed(failure) => return Err(failure.code),
                    TechnicianEvent::Established(established) => return Ok(Some(established)),
                    _ if enough => return Ok(None),
                    _ => {}
                }
            }
            while let Some(bytes) = self.machine.poll_transmit() {
                let _ = self.sender.send(bytes.into()).await;
            }
            tokio::select! {
                biased;
                bytes = self.receiver.next() => match bytes {
                    Ok(Some(bytes)) => {
                        self.machine.handle_bytes(&bytes, clock.now(), &mut Chance::default());
                    }
                    _ => self.machine.handle_end(),
                },
                message = broker.next() => match message {
                    Ok(FromRelay::Over(over)) => self.machine.close(CloseCode::from_number(over.code)),
                    Ok(_) => {}
                    Err(error) => self.machine.close(error.code()),
                },
            }
        }
    }
}

impl Begun {
    async fn listen(&mut self, broker: &mut Broker, clock: Clock) -> CloseCode {
        use sightline_ends::content::Scene;
        let link = broker.link.clone();
        loop {
            while let Some(effect) = self.machine.poll_effect() {
                match effect {
                    TechnicianEffect::Over(code) => return code,
                    TechnicianEffect::Control(record) => {
                        let _ = self.control.send(record.into()).await;
                    }
                    TechnicianEffect::Scene(Scene::Update {
                        frame, last: true, ..
                    }) => self.machine.shown(frame, clock.now()),
                    _ => {}
                }
            }
            if let Some(signed) = self.machine.checkpoint(clock.now()) {
                let _ = broker.checkpoint(signed).await;
            }
            tokio::select! {
                biased;
                Some(from) = self.inbox.recv() => match from {
                    FromLane::Record(class, record) => {
                        self.heard.push(record.clone());
                        self.machine.handle_record(class, &record, clock.now());
                    }
                    FromLane::End(Err(error)) if error != LinkError::Cut => return error.code(),
                    FromLane::End(_) => {}
                },
                arrived = link.accept() => match arrived {
                    Ok(Arrived::Lane(opening, lane)) => read_lane(opening, lane, self.to_inbox.clone()),
                    Ok(_) => {}
                    Err(error) => return error.code(),
                },
                message = broker.next() => match message {
                    Ok(FromRelay::Over(over)) => return CloseCode::from_number(over.code),
                    Ok(_) => {}
                    Err(error) => return error.code(),
                },
            }
        }
    }
}

/// A credential that ends so many milliseconds from now.
pub fn ending_in(ms: i64) -> impl FnOnce(&mut Credential) {
    move |credential| {
        let now = unix_ms();
        credential.issued_ms = now - 3_600_000;
        credential.expires_ms = now.saturating_add_signed(ms);
    }
}
