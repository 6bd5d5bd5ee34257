//! What programs and the relay say to each other (PROTOCOL.md §7).
//!
//! The first stream a program opens is its control stream: [`ToRelay`] up, [`FromRelay`] down. Every other
//! stream begins with one [`Opening`].

use serde::{Deserialize, Serialize};

use crate::checkpoint::Checkpoint;
use crate::id::{Lane, Nameplate, PublicKey, SessionId};
use crate::messages;
use crate::record::Class;
use crate::recording::SealedManifest;
use crate::statement::Signed;
use crate::statements::{Credential, Receipt};

/// Version of this chapter; a relay refuses others with `Unsupported`.
pub const VERSION: u16 = 1;

/// The ALPN of the outer TLS (RFC 7301).
pub const ALPN: &[u8] = b"sightline/1";

/// First message of a program. Its key is proved by the outer TLS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    pub version: u16,
    /// A technician's credential; agents have none.
    pub credential: Option<Signed<Credential>>,
}

/// The agent's nameplate and for how long it is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocated {
    pub nameplate: Nameplate,
    pub lifetime_s: u32,
}

/// To the agent: a technician claimed its nameplate. A stream with [`Opening::Handshake`] follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joining {
    pub session: SessionId,
    pub nameplate: Nameplate,
    pub technician: PublicKey,
}

/// From the agent: store this and give a receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    pub session: SessionId,
    pub manifest: SealedManifest,
}

/// Either way: the session is over, with a code of [`crate::close`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Over {
    pub session: SessionId,
    pub code: u16,
}

messages! {
    /// Program → relay.
    pub enum ToRelay {
        Hello(Hello) = 1, 4096;
        /// Agent: give me a nameplate.
        Allocate(()) = 2, 0;
        /// Agent: this nameplate is spent, let no one claim it.
        Release(Nameplate) = 3, 4;
        /// Technician: connect me to the agent of this nameplate.
        Claim(Nameplate) = 4, 4;
        Begin(Begin) = 5, 1_000_000;
        Over(Over) = 6, 18;
        /// Either end: record this and pass it on.
        Checkpoint(Signed<Checkpoint>) = 7, 20_000;
    }
}

messages! {
    /// Relay → program.
    pub enum FromRelay {
        /// The hello was good.
        Welcome(()) = 64, 0;
        Allocated(Allocated) = 65, 8;
        /// Technician: the agent is there; open a stream with [`Opening::Handshake`].
        Claimed(SessionId) = 66, 16;
        Joining(Joining) = 67, 52;
        /// Both ends: the relay durably holds this much.
        Receipt(Signed<Receipt>) = 68, 512;
        Over(Over) = 69, 18;
        /// The request cannot be met (a code of [`crate::close`]); `retry_after_s` > 0 when it may be later.
        Refused((u16, u32)) = 70, 6;
        /// The other end's.
        Checkpoint(Signed<Checkpoint>) = 71, 20_000;
    }
}

/// What a lane carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneOpening {
    pub session: SessionId,
    pub lane: Lane,
    pub class: Class,
}

messages! {
    /// First bytes of a stream other than the control stream.
    pub enum Opening {
        /// Bidirectional, technician → relay → agent: the inner handshake's bytes follow, passed on as they are.
        Handshake(SessionId) = 128, 16;
        /// Unidirectional, author → relay → everyone else in the session: records follow, nothing else.
        Lane(LaneOpening) = 129, 24;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Messages, Reader};

    #[test]
    fn caps_fit_what_is_sent() {
        let session = SessionId([1; 16]);
        let nameplate = Nameplate::new(48_213).unwrap();
        let lane = LaneOpening {
            session,
            lane: Lane(3),
            class: Class::Control,
        };
        let mut reader = Reader::default();
        reader.push(&Opening::Lane(lane).encode());
        assert_eq!(reader.next_message(), Ok(Some(Opening::Lane(lane))));
        for message in [
            ToRelay::Allocate(()),
            ToRelay::Claim(nameplate),
            ToRelay::Over(Over { session, code: 7 }),
        ] {
            reader.push(&message.encode());
            assert_eq!(reader.next_message(), Ok(Some(message)));
        }
        for message in [
            FromRelay::Welcome(()),
            FromRelay::Allocated(Allocated {
                nameplate,
                lifetime_s: 600,
            }),
            FromRelay::Claimed(session),
            FromRelay::Joining(Joining {
                session,
                nameplate,
                technician: PublicKey([2; 32]),
            }),
            FromRelay::Refused((4, 30)),
        ] {
            reader.push(&message.encode());
            assert_eq!(reader.next_message(), Ok(Some(message)));
        }
    }
}
