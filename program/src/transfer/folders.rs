//! Where a person's folders are.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// The user's home; the root where there is none.
pub fn home() -> PathBuf {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    home.filter(|home| home.is_absolute())
        .unwrap_or_else(|| PathBuf::from("/"))
}

/// A path from the other side, absolute: relative ones, and `~`, start at the home.
pub fn at_home(path: &[u8]) -> PathBuf {
    let path = path.strip_prefix(b"~/").unwrap_or(path);
    let path = if path == b"~" { b"" } else { path };
    home().join(OsString::from_vec(path.to_vec()))
}

/// The folder for downloads, as the desktop names it (xdg-user-dirs).
pub fn downloads() -> PathBuf {
    let home = home();
    let config = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    let config = config
        .filter(|config| config.is_absolute())
        .unwrap_or_else(|| home.join(".config"));
    let text = std::fs::read_to_string(config.join("user-dirs.dirs")).unwrap_or_default();
    named(&text, &home).unwrap_or_else(|| home.join("Downloads"))
}

/// What `user-dirs.dirs` says: `XDG_DOWNLOAD_DIR="$HOME/Downloads"`.
fn named(text: &str, home: &Path) -> Option<PathBuf> {
    let line = text.lines().rev();
    let mut values = line.filter_map(|line| line.trim().strip_prefix("XDG_DOWNLOAD_DIR="));
    let value = values.next()?.strip_prefix('"')?.strip_suffix('"')?;
    let path = match value.strip_prefix("$HOME") {
        Some(rest) => home.join(rest.trim_start_matches('/')),
        None => PathBuf::from(value),
    };
    path.is_absolute().then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_desktop_names_the_folder() {
        let home = Path::new("/home/u");
        let named = |text| named(text, home);
        let text = "# comment\nXDG_DOWNLOAD_DIR=\"$HOME/Heruntergeladenes\"\n";
        assert_eq!(named(text), Some("/home/u/Heruntergeladenes".into()));
        assert_eq!(named("XDG_DOWNLOAD_DIR=\"/d\""), Some("/d".into()));
        assert_eq!(named("XDG_DOWNLOAD_DIR=\"d\""), None);
        assert_eq!(named(""), None);
    }
}
