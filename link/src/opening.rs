//! What a new stream is: the relay's control stream, or what its first message says.

use std::time::Duration;

use quinn::{RecvStream, SendStream};
use sightline_protocol::broker::Opening;
use sightline_protocol::wire::{FRAME_HEAD, Messages, frame_head};

use crate::error::LinkError;
use crate::transport;

/// Reads exactly the first message of a stream and nothing behind it.
pub async fn read(stream: &mut RecvStream) -> Result<Opening, LinkError> {
    let within: Duration = transport::OPENING;
    match tokio::time::timeout(within, read_all(stream)).await {
        Ok(opening) => opening,
        Err(_) => Err(LinkError::Violation(
            "a stream was opened and not named".into(),
        )),
    }
}

async fn read_all(stream: &mut RecvStream) -> Result<Opening, LinkError> {
    let mut head = [0; FRAME_HEAD];
    exactly(stream, &mut head).await?;
    let (kind, length) = frame_head::<Opening>(head)?;
    let mut body = vec![0; length];
    exactly(stream, &mut body).await?;
    Ok(Opening::decode(kind, &body)?)
}

async fn exactly(stream: &mut RecvStream, bytes: &mut [u8]) -> Result<(), LinkError> {
    stream.read_exact(bytes).await.map_err(|error| match error {
        quinn::ReadExactError::FinishedEarly(_) => {
            LinkError::Violation("a stream ended before it was named".into())
        }
        quinn::ReadExactError::ReadError(error) => error.into(),
    })
}

/// Writes a stream's first message.
pub async fn write(stream: &mut SendStream, opening: &Opening) -> Result<(), LinkError> {
    Ok(stream.write_chunk(opening.encode().into()).await?)
}
