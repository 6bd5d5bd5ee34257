//! Files as people read of them: a listing, and how far a transfer is.

use std::fmt::Write as _;

use sightline_ends::content::{EntryKind, Listed};
use sightline_ends::transfer::{Progress, shown};
use sightline_program::clock::local_time;
use sightline_program::transfer::bytes_text;

/// One line on how far it is: `45 %  12.3 MB of 27.0 MB  2.1 MB/s  8 s left`.
pub fn progress(progress: &Progress) -> String {
    let (done, of) = (progress.done, progress.of);
    let percent = (done.bytes.saturating_mul(100)).checked_div(of.bytes);
    let percent = percent.unwrap_or(100);
    let mut text = format!(
        "{percent:3} %  {} of {}",
        bytes_text(done.bytes),
        bytes_text(of.bytes)
    );
    if of.files > 1 {
        let _ = write!(text, "  {} of {} files", done.files, of.files);
    }
    if progress.rate > 0 {
        let _ = write!(text, "  {}/s", bytes_text(progress.rate));
    }
    if let Some(left) = progress.left_s {
        let _ = write!(text, "  {} left", time(left));
    }
    text
}

fn time(seconds: u64) -> String {
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// One line of a folder: size, time, name.
pub fn line(listed: &Listed) -> String {
    let (size, end) = match listed.kind {
        Some(EntryKind::Folder) => ("folder".to_owned(), "/"),
        Some(EntryKind::File { bytes, .. }) => (bytes_text(bytes), ""),
        None => ("not sent".to_owned(), ""),
    };
    let time = local_time(listed.modified_ms);
    let time = time.get(..16).unwrap_or_default();
    format!("{size:>12}  {time}  {}{end}", shown(&listed.name))
}

#[cfg(test)]
mod tests {
    use sightline_ends::content::Amount;

    use super::*;

    #[test]
    fn how_far_it_is_fits_a_line() {
        let amount = |files, bytes| Amount { files, bytes };
        let text = progress(&Progress {
            done: amount(1, 12_300_000),
            of: amount(3, 27_000_000),
            rate: 2_100_000,
            left_s: Some(7),
        });
        assert_eq!(
            text,
            " 45 %  12.3 MB of 27.0 MB  1 of 3 files  2.1 MB/s  7 s left"
        );
        let nothing = progress(&Progress::default());
        assert_eq!(nothing, "100 %  0 bytes of 0 bytes");
        assert_eq!(time(61), "1 min 1 s");
        assert_eq!(time(7_261), "2 h 1 min");
    }

    #[test]
    fn names_in_a_listing_play_no_tricks() {
        let listed = Listed {
            name: b"a\x1b[2J\xff\n".to_vec(),
            kind: None,
            modified_ms: 0,
        };
        let line = line(&listed);
        assert!(line.ends_with("a [2J\u{fffd}"), "{line:?}");
        assert!(!line.contains('\x1b'));
    }
}
