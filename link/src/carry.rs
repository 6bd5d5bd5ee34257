//! Lanes carried by tasks of their own, so that a program's event loop never waits for a slow line.

use sightline_protocol::broker::LaneOpening;
use sightline_protocol::record::Class;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::error::LinkError;
use crate::lane::{LaneReceiver, LaneSender};
use crate::link::Link;
use bytes::Bytes;

/// Sends a lane's records in order.
pub struct LaneWriter {
    records: mpsc::UnboundedSender<Bytes>,
    task: JoinHandle<()>,
}

impl LaneWriter {
    /// The queue has no bound of its own: whoever fills it must be bounded (the picture by its pace, control messages
    /// by what they answer, input by a person's hands).
    pub fn start(lane: LaneSender) -> LaneWriter {
        let (records, queue) = mpsc::unbounded_channel();
        let task = tokio::spawn(carry(lane, queue));
        LaneWriter { records, task }
    }

    /// As [`LaneWriter::start`], for a lane that is yet to be opened.
    pub fn open(link: Link, opening: LaneOpening) -> LaneWriter {
        let (records, queue) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            // When the link is gone, its other users hear of it.
            if let Ok(lane) = link.open_lane(opening).await {
                carry(lane, queue).await;
            }
        });
        LaneWriter { records, task }
    }

    /// Queues a record. When the link is gone, nothing happens.
    pub fn send(&self, record: Bytes) {
        let _ = self.records.send(record);
    }

    /// Waits until all is sent and heard.
    pub async fn finish(self) {
        drop(self.records);
        let _ = self.task.await;
    }
}

async fn carry(mut lane: LaneSender, mut queue: mpsc::UnboundedReceiver<Bytes>) {
    while let Some(record) = queue.recv().await {
        if lane.send(record).await.is_err() {
            return;
        }
    }
    let _ = lane.finish().await;
}

/// What a lane brought.
#[derive(Debug)]
pub enum FromLane {
    Record(Class, Bytes),
    /// The lane ended in order, or broke.
    End(Result<(), LinkError>),
}

/// Reads a lane into `to` from a task of its own. While `to` is full the lane waits, and by flow control its author.
pub fn read_lane(opening: LaneOpening, mut lane: LaneReceiver, to: mpsc::Sender<FromLane>) {
    tokio::spawn(async move {
        let end = loop {
            match lane.next_record().await {
                Ok(Some(record)) => {
                    let record = FromLane::Record(opening.class, record.bytes);
                    if to.send(record).await.is_err() {
                        return;
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        let _ = to.send(FromLane::End(end)).await;
    });
}
