//! Why a link ended or could not be made, in words and as a [`CloseCode`].

use std::io;

use sightline_protocol::close::CloseCode;
use sightline_protocol::record::RecordError;
use sightline_protocol::wire::WireError;

/// Why a link ended or could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    #[error("cannot reach {address}: {why}")]
    Unreachable { address: String, why: String },
    #[error("the relay's key is not the pinned one")]
    NotTrusted,
    #[error("the relay takes no more connections now")]
    Busy,
    #[error("the other side speaks another version of the protocol")]
    Unsupported,
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// The other side closed, and said why.
    #[error("closed by the other side: {0}")]
    ClosedByPeer(CloseCode),
    /// This side closed.
    #[error("closed: {0}")]
    Closed(CloseCode),
    /// A stream ended before its end was due.
    #[error("the stream was cut off")]
    Cut,
    #[error("the other side broke the protocol: {0}")]
    Violation(String),
    #[error("cannot use the network: {0}")]
    Local(String),
}

impl LinkError {
    /// The number for the person and for the other side.
    pub fn code(&self) -> CloseCode {
        match self {
            LinkError::Unreachable { .. } | LinkError::Local(_) => CloseCode::RelayUnreachable,
            LinkError::NotTrusted => CloseCode::RelayNotTrusted,
            LinkError::Busy => CloseCode::Quota,
            LinkError::Unsupported => CloseCode::Unsupported,
            LinkError::Lost(_) | LinkError::Cut => CloseCode::LinkLost,
            LinkError::ClosedByPeer(code) | LinkError::Closed(code) => *code,
            LinkError::Violation(_) => CloseCode::ProtocolViolation,
        }
    }

    pub(crate) fn local(error: io::Error) -> LinkError {
        LinkError::Local(error.to_string())
    }
}

/// TLS alert 120: the two sides share no application protocol (RFC 7301 §3.2).
const NO_APPLICATION_PROTOCOL: u8 = 120;

impl From<quinn::ConnectionError> for LinkError {
    fn from(error: quinn::ConnectionError) -> LinkError {
        use quinn::ConnectionError as E;
        let no_protocol = quinn::TransportErrorCode::crypto(NO_APPLICATION_PROTOCOL);
        match error {
            // quinn says 0 when the last handle was dropped, as a panicking program does
            E::ApplicationClosed(close) if close.error_code == quinn::VarInt::from_u32(0) => {
                LinkError::Lost("the other side went away".into())
            }
            E::ApplicationClosed(close) => {
                let number = u16::try_from(close.error_code.into_inner()).unwrap_or(u16::MAX);
                LinkError::ClosedByPeer(CloseCode::from_number(number))
            }
            // The link knows why; for who still reads from it, it is lost.
            E::LocallyClosed => LinkError::Closed(CloseCode::LinkLost),
            E::TimedOut => LinkError::Lost("nothing was heard for too long".into()),
            E::Reset => LinkError::Lost("the other side forgot it".into()),
            E::VersionMismatch => LinkError::Unsupported,
            E::ConnectionClosed(close)
                if close.error_code == quinn::TransportErrorCode::CONNECTION_REFUSED =>
            {
                LinkError::Busy
            }
            E::ConnectionClosed(close) if close.error_code == no_protocol => LinkError::Unsupported,
            E::ConnectionClosed(close) => LinkError::Lost(close.to_string()),
            E::TransportError(error) if error.code == no_protocol => LinkError::Unsupported,
            E::TransportError(error) => LinkError::Lost(error.to_string()),
            E::CidsExhausted => LinkError::Local("no connection identities are left".into()),
        }
    }
}

impl From<quinn::ReadError> for LinkError {
    fn from(error: quinn::ReadError) -> LinkError {
        match error {
            quinn::ReadError::ConnectionLost(error) => error.into(),
            _ => LinkError::Cut,
        }
    }
}

impl From<quinn::WriteError> for LinkError {
    fn from(error: quinn::WriteError) -> LinkError {
        match error {
            quinn::WriteError::ConnectionLost(error) => error.into(),
            _ => LinkError::Cut,
        }
    }
}

impl From<WireError> for LinkError {
    fn from(error: WireError) -> LinkError {
        LinkError::Violation(error.to_string())
    }
}

impl From<RecordError> for LinkError {
    fn from(error: RecordError) -> LinkError {
        LinkError::Violation(error.to_string())
    }
}
