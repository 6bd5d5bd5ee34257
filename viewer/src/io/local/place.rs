//! Where sessions' sockets are: `$XDG_RUNTIME_DIR/sightline/PID.session`, in a folder of ours alone.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::LocalError;

/// What a socket's name ends with.
const SUFFIX: &str = "session";

/// The folder, made if need be; refused unless it is this user's and closed to others.
fn folder() -> Result<PathBuf, LocalError> {
    let uid = rustix::process::getuid().as_raw();
    let folder = match std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| !dir.is_empty()) {
        Some(dir) => PathBuf::from(dir).join("sightline"),
        None => std::env::temp_dir().join(format!("sightline-{uid}")),
    };
    private(&folder, uid)
        .map_err(|why| LocalError::NoPlace(format!("{}: {why}", folder.display())))?;
    Ok(folder)
}

fn private(folder: &Path, uid: u32) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    // Not followed: a link there is somebody else's doing.
    let found = fs::symlink_metadata(folder)?;
    if !found.is_dir() || found.uid() != uid || found.permissions().mode() & 0o077 != 0 {
        return Err(io::Error::other("it is not a folder of yours alone"));
    }
    Ok(())
}

/// Where this program's own socket goes.
pub fn own() -> Result<PathBuf, LocalError> {
    Ok(folder()?.join(format!("{}.{SUFFIX}", std::process::id())))
}

/// Every socket there, of sessions that run or ran.
pub fn all() -> Result<Vec<PathBuf>, LocalError> {
    let entries = fs::read_dir(folder()?).map_err(|e| LocalError::NoPlace(e.to_string()))?;
    let mut all: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == SUFFIX))
        .collect();
    all.sort();
    Ok(all)
}
