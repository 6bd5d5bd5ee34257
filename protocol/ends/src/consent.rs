//! Grants: the proof, as a value, that the user allows something now. Only this module makes them.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sightline_protocol::capability::{Capabilities, Capability};

/// Kinds of [`Grant`], one type per capability that acts on the user's computer.
pub mod kind {
    /// To see the screen.
    #[derive(Debug)]
    pub enum View {}
    /// To use mouse and keyboard.
    #[derive(Debug)]
    pub enum Control {}
    /// To run commands.
    #[derive(Debug)]
    pub enum Shell {}
    /// To send and fetch files.
    #[derive(Debug)]
    pub enum Files {}
    /// To read what the user copied.
    #[derive(Debug)]
    pub enum ReadClipboard {}
    /// To put something on the user's clipboard.
    #[derive(Debug)]
    pub enum SetClipboard {}
}

/// A capability as a type. Sealed: only the types of [`kind`] have it.
pub trait Granted: sealed::Sealed {
    const CAPABILITY: Capability;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! granted {
    ($($kind:ident),*) => {$(
        impl sealed::Sealed for kind::$kind {}
        impl Granted for kind::$kind {
            const CAPABILITY: Capability = Capability::$kind;
        }
    )*};
}

granted!(View, Control, Shell, Files, ReadClipboard, SetClipboard);

/// Why something is not allowed at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("{0} was not allowed by the user")]
    NotGranted(Capability),
    #[error("the time the user allowed is over")]
    Expired,
    #[error("the user took the permission back")]
    Revoked,
}

/// Proof that a live grant of `C` was found at the moment of asking ([`Grants::live`]). Whoever acts on the user's
/// computer takes one by reference. It cannot be made or cloned elsewhere, and it dies with the grants it came from.
#[derive(Debug)]
pub struct Grant<C: Granted> {
    until_ms: u64,
    revoked: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
    kind: PhantomData<fn() -> C>,
}

impl<C: Granted> Grant<C> {
    /// Still allowed? For whoever holds it longer than a moment.
    pub fn check(&self, now_ms: u64) -> Result<(), Refused> {
        if self.revoked.load(Ordering::Acquire) || self.ended.load(Ordering::Acquire) {
            return Err(Refused::Revoked);
        }
        if now_ms >= self.until_ms {
            return Err(Refused::Expired);
        }
        Ok(())
    }
}

/// What the user allows one technician, and until when (Unix milliseconds).
#[derive(Debug)]
pub struct Grants {
    capabilities: Capabilities,
    until_ms: u64,
    /// Taken back, each for itself.
    revoked: BTreeMap<Capability, Arc<AtomicBool>>,
    /// Everything is taken back, for good.
    ended: Arc<AtomicBool>,
}

/// Takes all grants of a session back at once, from any thread and for good: the user's Stop waits for nobody.
#[derive(Clone, Debug)]
pub struct Revoker(Arc<AtomicBool>);

impl Revoker {
    pub fn revoke(&self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Grants {
    /// From the user's answer.
    pub fn new(capabilities: Capabilities, until_ms: u64) -> Grants {
        Grants {
            capabilities,
            until_ms,
            revoked: capabilities.iter().map(|c| (c, Arc::default())).collect(),
            ended: Arc::default(),
        }
    }

    pub fn revoker(&self) -> Revoker {
        Revoker(Arc::clone(&self.ended))
    }

    pub fn capabilities(&self) -> Capabilities {
        if self.ended.load(Ordering::Acquire) {
            Capabilities::NONE
        } else {
            self.capabilities
        }
    }

    pub fn until_ms(&self) -> u64 {
        self.until_ms
    }

    /// The grant of `C`, if it is alive at this moment.
    pub fn live<C: Granted>(&self, now_ms: u64) -> Result<Grant<C>, Refused> {
        let Some(revoked) = self.revoked.get(&C::CAPABILITY) else {
            return Err(Refused::NotGranted(C::CAPABILITY));
        };
        let grant = Grant {
            until_ms: self.until_ms,
            revoked: Arc::clone(revoked),
            ended: Arc::clone(&self.ended),
            kind: PhantomData,
        };
        grant.check(now_ms).map(|()| grant)
    }

    /// Takes everything back at once, also from those who hold a [`Grant`].
    pub fn revoke(&self) {
        self.revoker().revoke();
    }

    /// Takes all but these back: what was given out of the others before dies.
    pub fn narrow(&mut self, keep: Capabilities) {
        for capability in self.capabilities.without(keep).iter() {
            if let Some(revoked) = self.revoked.get(&capability) {
                revoked.store(true, Ordering::Release);
            }
        }
        self.capabilities = self.capabilities.intersection(keep);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_lives_between_consent_and_its_end() {
        let view = Capabilities::of(&[Capability::View]);
        let grants = Grants::new(view, 1_000);
        let held = grants.live::<kind::View>(999).unwrap();
        assert_eq!(held.check(1_000), Err(Refused::Expired));
        assert_eq!(
            grants.live::<kind::View>(1_000).unwrap_err(),
            Refused::Expired
        );
        assert_eq!(
            grants.live::<kind::Control>(0).unwrap_err(),
            Refused::NotGranted(Capability::Control)
        );
        grants.revoke();
        assert_eq!(held.check(0), Err(Refused::Revoked));
        assert!(grants.capabilities().is_empty());
    }

    #[test]
    fn narrowing_kills_what_was_given_out() {
        let both = Capabilities::of(&[Capability::View, Capability::Control]);
        let mut grants = Grants::new(both, 1_000);
        let control = grants.live::<kind::Control>(0).unwrap();
        let view = grants.live::<kind::View>(0).unwrap();
        grants.narrow(Capabilities::of(&[Capability::View]));
        assert_eq!(control.check(0), Err(Refused::Revoked));
        assert_eq!(
            grants.live::<kind::Control>(0).unwrap_err(),
            Refused::Revoked
        );
        assert_eq!(view.check(0), Ok(()), "what stays is not disturbed");
        grants.revoker().revoke();
        assert_eq!(view.check(0), Err(Refused::Revoked));
        assert!(grants.live::<kind::View>(0).is_err());
    }
}
