//! A program's conversation with the relay's broker (PROTOCOL.md §7).

use sightline_protocol::broker::{
    Allocated, Begin, FromRelay, Hello, Joining, Over, ToRelay, VERSION,
};
use sightline_protocol::checkpoint::Checkpoint;
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::{Nameplate, SessionId};
use sightline_protocol::recording::SealedManifest;
use sightline_protocol::statement::{Signed, SigningKey};
use sightline_protocol::statements::{Credential, RelayIdentity};

use crate::connect::{Connected, connect};
use crate::error::LinkError;
use crate::link::Link;
use crate::message::{MessageReceiver, MessageSender};

/// A connection on which the relay said welcome.
pub struct Broker {
    pub link: Link,
    pub to_relay: MessageSender<ToRelay>,
    pub from_relay: MessageReceiver<FromRelay>,
}

/// The relay's answer, or why there is none.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The relay will not; for so many seconds, if not 0.
    #[error("{0}")]
    Refused(CloseCode, u32),
}

impl BrokerError {
    pub fn code(&self) -> CloseCode {
        match self {
            BrokerError::Link(error) => error.code(),
            BrokerError::Refused(code, _) => *code,
        }
    }
}

fn out_of_turn() -> BrokerError {
    BrokerError::Link(LinkError::Violation(
        "the relay sent a message out of turn".into(),
    ))
}

impl Broker {
    /// Connects and introduces this program: a technician with its credential, an agent with none.
    pub async fn connect(
        relay: &RelayIdentity,
        key: &SigningKey,
        credential: Option<Signed<Credential>>,
    ) -> Result<Broker, BrokerError> {
        let Connected {
            link,
            to_relay,
            from_relay,
        } = connect(&relay.address, relay.certificate, key).await?;
        let mut broker = Broker {
            link,
            to_relay,
            from_relay,
        };
        let hello = Hello {
            version: VERSION,
            credential,
        };
        broker.send(&ToRelay::Hello(hello)).await?;
        match broker.next().await? {
            FromRelay::Welcome(()) => Ok(broker),
            _ => Err(out_of_turn()),
        }
    }

    async fn send(&mut self, message: &ToRelay) -> Result<(), BrokerError> {
        Ok(self.to_relay.send(message).await?)
    }

    /// The relay's next message; its refusals and the end of the link are errors.
    pub async fn next(&mut self) -> Result<FromRelay, BrokerError> {
        match self.from_relay.next().await {
            Ok(Some(FromRelay::Refused((code, retry_after_s)))) => Err(BrokerError::Refused(
                CloseCode::from_number(code),
                retry_after_s,
            )),
            Ok(Some(message)) => Ok(message),
            // The connection's own reason says more than that a stream ended, or that we closed.
            Ok(None) | Err(LinkError::Cut | LinkError::Closed(_)) => {
                Err(self.link.closed().await.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Agent: a fresh nameplate and for how long it is held.
    pub async fn allocate(&mut self) -> Result<Allocated, BrokerError> {
        self.send(&ToRelay::Allocate(())).await?;
        loop {
            match self.next().await? {
                FromRelay::Allocated(allocated) => return Ok(allocated),
                // Of the session before this nameplate.
                FromRelay::Over(_) | FromRelay::Receipt(_) | FromRelay::Checkpoint(_) => {}
                _ => return Err(out_of_turn()),
            }
        }
    }

    /// Technician: the session with the agent of this nameplate.
    pub async fn claim(&mut self, nameplate: Nameplate) -> Result<SessionId, BrokerError> {
        self.send(&ToRelay::Claim(nameplate)).await?;
        match self.next().await? {
            FromRelay::Claimed(session) => Ok(session),
            _ => Err(out_of_turn()),
        }
    }

    /// Agent: waits for the technician that claims this nameplate.
    pub async fn joining(&mut self, nameplate: Nameplate) -> Result<Joining, BrokerError> {
        loop {
            match self.next().await? {
                FromRelay::Joining(joining) if joining.nameplate == nameplate => {
                    return Ok(joining);
                }
                FromRelay::Over(_) | FromRelay::Receipt(_) | FromRelay::Checkpoint(_) => {}
                _ => return Err(out_of_turn()),
            }
        }
    }

    /// Agent: nobody shall claim this nameplate any more.
    pub async fn release(&mut self, nameplate: Nameplate) -> Result<(), BrokerError> {
        self.send(&ToRelay::Release(nameplate)).await
    }

    /// Agent: have the manifest stored; a receipt comes by [`Broker::next`].
    pub async fn begin(
        &mut self,
        session: SessionId,
        manifest: SealedManifest,
    ) -> Result<(), BrokerError> {
        self.send(&ToRelay::Begin(Begin { session, manifest }))
            .await
    }

    /// Has this end's checkpoint recorded and passed on.
    pub async fn checkpoint(&mut self, signed: Signed<Checkpoint>) -> Result<(), BrokerError> {
        self.send(&ToRelay::Checkpoint(signed)).await
    }

    /// Tells the relay that the session is over.
    pub async fn over(&mut self, session: SessionId, code: CloseCode) -> Result<(), BrokerError> {
        let code = code.number();
        self.send(&ToRelay::Over(Over { session, code })).await
    }

    /// Says farewell: waits until the relay has what was sent (at most 2 s), then closes.
    pub async fn leave(self, code: CloseCode) {
        let _ = self.to_relay.finish().await;
        self.link.shutdown(code).await;
    }
}
