//! Where an operator's commands reach a running relay: a socket in its data directory. One line of JSON asks, one
//! answers. The relay's side sleeps until somebody comes.

use std::fs::{self, File, Permissions};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::io::office::{Answer, Office, Request};

const SOCKET: &str = "control.sock";

/// Longest question: a reason and an identity fit many times.
const QUESTION_CAP: u64 = 16 << 10;

/// For one that connects and says nothing.
const PATIENCE: Duration = Duration::from_secs(5);

/// Serves operators until the program ends.
///
/// # Errors
///
/// The socket cannot be made.
pub fn open(data: &Path, office: Arc<Office>) -> io::Result<()> {
    let (_directory, path) = reachable(data)?;
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {} // of an earlier run: the lock is ours
    }
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    thread::Builder::new().name("desk".into()).spawn(move || {
        for stream in listener.incoming().flatten() {
            if let Err(error) = serve(stream, &office) {
                tracing::debug!(%error, "an operator's question was cut off");
            }
        }
    })?;
    Ok(())
}

fn serve(mut stream: UnixStream, office: &Office) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut question = String::new();
    BufReader::new((&stream).take(QUESTION_CAP)).read_line(&mut question)?;
    let request: Request = serde_json::from_str(&question)?;
    let answer = office.answer(&request, unix_ms());
    serde_json::to_writer(&stream, &answer)?;
    stream.write_all(b"\n")
}

/// Asks the relay that runs on this data directory; `None` if none listens.
///
/// # Errors
///
/// It went away in the middle.
pub fn ask(data: &Path, request: &Request) -> io::Result<Option<Answer>> {
    let Ok((_directory, path)) = reachable(data) else {
        return Ok(None);
    };
    let mut stream = match UnixStream::connect(path) {
        Ok(stream) => stream,
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::ConnectionRefused
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    serde_json::to_writer(&stream, request)?;
    stream.write_all(b"\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(Some(serde_json::from_str(&answer)?))
}

/// The socket's path by way of its open directory: a socket's own path may have 107 bytes only.
fn reachable(data: &Path) -> io::Result<(File, PathBuf)> {
    let directory = File::open(data)?;
    let path = format!("/proc/self/fd/{}/{SOCKET}", directory.as_raw_fd());
    Ok((directory, path.into()))
}

pub fn unix_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_millis() as u64
}
