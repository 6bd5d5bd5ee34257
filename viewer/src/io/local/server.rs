//! The side that holds the session: lets commands in and passes what they say to the session's loop.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use sightline_protocol::wire::{Messages, Reader};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{ClientId, FromCommand, FromHolder, LocalError, place};

/// Messages of all commands that may wait for the session's loop; then the commands wait.
const INBOX: usize = 16;

/// Bytes read from a command at a time.
const READ: usize = 64 * 1024;

/// What happens at the socket.
#[derive(Debug)]
pub enum Joined {
    /// A command is there; what it is to hear goes in here.
    Came(ClientId, mpsc::UnboundedSender<FromHolder>),
    Says(ClientId, FromCommand),
    Left(ClientId),
}

/// The session's socket; gone when dropped.
pub struct Server {
    path: PathBuf,
    accepting: JoinHandle<()>,
    joined: mpsc::Receiver<Joined>,
}

impl Server {
    /// Needs the runtime's context.
    pub fn start() -> Result<Server, LocalError> {
        let path = place::own()?;
        let broken = |error: std::io::Error| LocalError::NoPlace(error.to_string());
        // Left by a program of the same number that was killed.
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).map_err(broken)?;
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).map_err(broken)?;
        let (to_loop, joined) = mpsc::channel(INBOX);
        Ok(Server {
            path,
            accepting: tokio::spawn(accept(listener, to_loop)),
            joined,
        })
    }

    /// What happens next. May be cancelled.
    pub async fn next(&mut self) -> Option<Joined> {
        self.joined.recv().await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn accept(listener: UnixListener, to_loop: mpsc::Sender<Joined>) {
    let own = rustix::process::getuid().as_raw();
    for number in 0.. {
        let Ok((stream, _)) = listener.accept().await else {
            return;
        };
        // The folder keeps others out; this holds even where its rights were changed.
        if stream.peer_cred().is_ok_and(|peer| peer.uid() == own) {
            tokio::spawn(serve(ClientId::Command(number), stream, to_loop.clone()));
        }
    }
}

async fn serve(id: ClientId, stream: UnixStream, to_loop: mpsc::Sender<Joined>) {
    let (from, to) = stream.into_split();
    let (says, to_say) = mpsc::unbounded_channel();
    let writing = tokio::spawn(write(to, to_say));
    if to_loop.send(Joined::Came(id, says)).await.is_ok() {
        if let Err(error) = read(id, from, &to_loop).await {
            tracing::warn!("a command that had joined the session: {error}");
        }
        let _ = to_loop.send(Joined::Left(id)).await;
    }
    // Ends when the loop has let go of its sender, with everything said.
    let _ = writing.await;
}

async fn read(
    id: ClientId,
    mut from: OwnedReadHalf,
    to_loop: &mpsc::Sender<Joined>,
) -> anyhow::Result<()> {
    let (mut reader, mut buffer) = (Reader::default(), vec![0; READ]);
    loop {
        while let Some(says) = reader.next_message::<FromCommand>()? {
            to_loop.send(Joined::Says(id, says)).await?;
        }
        match from.read(&mut buffer).await? {
            0 => return Ok(()),
            count => reader.push(&buffer[..count]),
        }
    }
}

async fn write(mut to: OwnedWriteHalf, mut says: mpsc::UnboundedReceiver<FromHolder>) {
    while let Some(message) = says.recv().await {
        if to.write_all(&message.encode()).await.is_err() {
            return;
        }
    }
}
