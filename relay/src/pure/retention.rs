//! What is to be deleted, and why.

use serde::Deserialize;

/// The `[retention]` table. Nothing is deleted unless it is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Days after its end for which a recording is kept.
    pub keep_days: Option<u32>,
    /// Bytes that all recordings may have together; the oldest go first.
    pub keep_bytes: Option<u64>,
}

const DAY_MS: u64 = 86_400_000;

/// A finished recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub session: String,
    pub closed_ms: u64,
    pub bytes: u64,
    /// It must be kept, whatever it costs.
    pub hold: bool,
}

/// The sessions whose recordings are to be deleted, oldest first, each with the reason. What is on hold counts
/// towards the bytes and is never named.
pub fn due(mut kept: Vec<Kept>, retention: &Retention, now_ms: u64) -> Vec<(String, String)> {
    kept.sort_by(|a, b| (a.closed_ms, &a.session).cmp(&(b.closed_ms, &b.session)));
    let mut total: u64 = kept.iter().map(|one| one.bytes).sum();
    let mut due = Vec::new();
    for one in kept.into_iter().filter(|one| !one.hold) {
        let old = retention
            .keep_days
            .filter(|days| one.closed_ms.saturating_add(u64::from(*days) * DAY_MS) <= now_ms);
        let much = retention.keep_bytes.filter(|bytes| total > *bytes);
        let why = match (old, much) {
            (Some(days), _) => format!("kept for {days} days (keep_days)"),
            (None, Some(bytes)) => {
                format!("recordings together may have {bytes} bytes (keep_bytes)")
            }
            (None, None) => continue,
        };
        total -= one.bytes;
        due.push((one.session, why));
    }
    due
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(session: &str, day: u64, bytes: u64, hold: bool) -> Kept {
        Kept {
            session: session.into(),
            closed_ms: day * DAY_MS,
            bytes,
            hold,
        }
    }

    fn due_at(day: u64, keep_days: Option<u32>, keep_bytes: Option<u64>) -> Vec<String> {
        let all = vec![
            kept("c", 3, 30, false),
            kept("a", 1, 10, false),
            kept("b", 2, 20, true),
        ];
        let retention = Retention {
            keep_days,
            keep_bytes,
        };
        let due = due(all, &retention, day * DAY_MS);
        due.into_iter().map(|(session, _)| session).collect()
    }

    #[test]
    fn nothing_goes_unless_it_is_asked_for() {
        assert!(due_at(10_000, None, None).is_empty());
    }

    #[test]
    fn the_old_go_on_their_day_and_what_is_on_hold_stays() {
        assert!(due_at(10, Some(10), None).is_empty());
        assert_eq!(due_at(11, Some(10), None), ["a"]);
        assert_eq!(due_at(13, Some(10), None), ["a", "c"]);
    }

    #[test]
    fn the_oldest_go_until_the_rest_fits() {
        assert!(due_at(0, None, Some(60)).is_empty());
        assert_eq!(due_at(0, None, Some(59)), ["a"]);
        assert_eq!(due_at(0, None, Some(49)), ["a", "c"]);
        assert_eq!(due_at(0, None, Some(0)), ["a", "c"]);
    }
}
