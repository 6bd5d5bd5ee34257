//! The inner handshake's stream: bytes, passed on as they are.

use bytes::Bytes;
use quinn::{RecvStream, SendStream};

use crate::error::LinkError;
use crate::message::Writer;

/// Bytes handed over at a time; also what a splice holds per direction.
const PIECE: usize = 16 << 10;

pub struct HandshakeSender {
    writer: Writer,
}

impl HandshakeSender {
    pub(crate) fn new(stream: SendStream) -> HandshakeSender {
        HandshakeSender {
            writer: Writer::new(stream),
        }
    }

    pub async fn send(&mut self, bytes: Bytes) -> Result<(), LinkError> {
        self.writer.send(bytes).await
    }

    /// Ends this direction and waits, for at most 2 s, until the other side has all of it.
    pub async fn finish(mut self) -> Result<(), LinkError> {
        self.writer.finish().await
    }
}

pub struct HandshakeReceiver {
    stream: RecvStream,
}

impl HandshakeReceiver {
    pub(crate) fn new(stream: RecvStream) -> HandshakeReceiver {
        HandshakeReceiver { stream }
    }

    /// The next bytes, at most 16 KB; `None` when the other side ended its direction. May be cancelled.
    pub async fn next(&mut self) -> Result<Option<Bytes>, LinkError> {
        let chunk = self.stream.read_chunk(PIECE, true).await?;
        Ok(chunk.map(|chunk| chunk.bytes))
    }
}
