//! Typed messages on one stream.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::time::Duration;

use bytes::Bytes;
use quinn::{RecvStream, SendStream};
use sightline_protocol::wire::{Messages, Reader};

use crate::error::LinkError;

/// Waiting for the other side's acknowledgement of a stream's end.
const FLUSH: Duration = Duration::from_secs(2);

/// Bytes taken from a stream at a time.
const PIECE: usize = 16 << 10;

/// Chunks that are still to be written; survives a cancelled `send`, so that nothing is cut in two.
pub(crate) struct Writer {
    stream: SendStream,
    pending: VecDeque<Bytes>,
}

impl Writer {
    pub fn new(stream: SendStream) -> Writer {
        Writer {
            stream,
            pending: VecDeque::new(),
        }
    }

    pub async fn send(&mut self, bytes: Bytes) -> Result<(), LinkError> {
        self.pending.push_back(bytes);
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), LinkError> {
        while let Some(first) = self.pending.front_mut() {
            if first.is_empty() {
                self.pending.pop_front();
                continue;
            }
            self.stream
                .write_chunks(std::slice::from_mut(first))
                .await?;
        }
        Ok(())
    }

    /// Ends the stream and waits, for a short while, until the other side has all of it.
    pub async fn finish(&mut self) -> Result<(), LinkError> {
        self.flush().await?;
        // An already stopped stream is as finished as it gets.
        let _ = self.stream.finish();
        match tokio::time::timeout(FLUSH, self.stream.stopped()).await {
            Ok(Ok(None)) => Ok(()),
            _ => Err(LinkError::Cut),
        }
    }
}

impl Drop for Writer {
    /// quinn ends a dropped stream in good order; one that is given up half-way must not look so.
    fn drop(&mut self) {
        if !self.pending.is_empty() {
            let _ = self.stream.reset(quinn::VarInt::from_u32(0));
        }
    }
}

/// Sends one set of messages.
pub struct MessageSender<M> {
    writer: Writer,
    set: PhantomData<fn(M)>,
}

impl<M: Messages> MessageSender<M> {
    pub(crate) fn new(stream: SendStream) -> MessageSender<M> {
        MessageSender {
            writer: Writer::new(stream),
            set: PhantomData,
        }
    }

    /// Waits while the other side does not take more. If the wait is cancelled, the message still goes out whole
    /// with the next call.
    pub async fn send(&mut self, message: &M) -> Result<(), LinkError> {
        self.writer.send(message.encode().into()).await
    }

    /// Ends the stream and waits, for at most 2 s, until the other side has all of it.
    pub async fn finish(mut self) -> Result<(), LinkError> {
        self.writer.finish().await
    }
}

/// Receives one set of messages. Holds at most one message and one piece of the stream.
pub struct MessageReceiver<M> {
    stream: RecvStream,
    reader: Reader,
    set: PhantomData<fn() -> M>,
}

impl<M: Messages> MessageReceiver<M> {
    pub(crate) fn new(stream: RecvStream) -> MessageReceiver<M> {
        MessageReceiver {
            stream,
            reader: Reader::default(),
            set: PhantomData,
        }
    }

    /// The next message; `None` when the other side ended the stream. May be cancelled.
    pub async fn next(&mut self) -> Result<Option<M>, LinkError> {
        loop {
            if let Some(message) = self.reader.next_message()? {
                return Ok(Some(message));
            }
            match self.stream.read_chunk(PIECE, true).await? {
                Some(chunk) => self.reader.push(&chunk.bytes),
                None => return Ok(None),
            }
        }
    }
}
