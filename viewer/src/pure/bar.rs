//! What the bar says, and when it shows.

use std::time::Duration;

use sightline_protocol::capability::{Capabilities, Capability};

use super::area::Rect;
use super::silence::Silence;

/// What the window is told about the session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bar {
    pub technician: String,
    pub organisation: String,
    /// The user's side: a computer's or a person's name.
    pub user: String,
    pub grants: Capabilities,
    pub recording: bool,
    pub round_trip: Option<Duration>,
    /// The user's side is not heard: the picture is old.
    pub silence: Option<Silence>,
    /// Something to know right now, such as why an input was refused.
    pub note: Option<String>,
}

impl Bar {
    /// Mouse and keyboard may be used.
    pub fn controls(&self) -> bool {
        self.grants.contains(Capability::Control) && self.silence.is_none()
    }

    /// The session has begun, and the technician may not look.
    pub fn is_blind(&self) -> bool {
        !self.user.is_empty() && !self.grants.contains(Capability::View)
    }

    /// What may be looked at but not touched.
    pub fn is_view_only(&self) -> bool {
        let only = self.grants.contains(Capability::View);
        only && !self.grants.contains(Capability::Control)
    }

    /// Who looks at whose screen: the user's side first, then the technician and the organisation.
    pub fn who(&self) -> (String, String) {
        let parts = [self.technician.as_str(), self.organisation.as_str()];
        let named = parts.into_iter().filter(|part| !part.is_empty());
        (self.user.clone(), named.collect::<Vec<_>>().join(", "))
    }

    /// One word for each thing that is allowed. Viewing needs no word, for it is seen, unless it is all there is.
    pub fn chips(&self) -> Vec<&'static str> {
        if self.is_view_only() {
            let rest = self.grants.iter().filter(|c| *c != Capability::View);
            return std::iter::once("view only")
                .chain(rest.map(Capability::word))
                .collect();
        }
        let told = self.grants.iter().filter(|c| *c != Capability::View);
        told.map(Capability::word).collect()
    }

    pub fn round_trip_text(&self) -> Option<String> {
        let milliseconds = self.round_trip?.as_secs_f64() * 1e3;
        Some(if milliseconds < 9.95 {
            format!("{milliseconds:.1} ms")
        } else {
            format!("{milliseconds:.0} ms")
        })
    }
}

/// Whether a strip at the window's edge shows. In full screen it hides until the pointer touches that edge, and stays while
/// the pointer is on it. `beyond` is how far the pointer is from the edge; `None` = it is not in the window.
pub fn strip_shows(
    full_screen: bool,
    showed: bool,
    beyond: Option<f64>,
    height: u32,
    busy: bool,
) -> bool {
    if !full_screen || busy {
        return true;
    }
    match beyond {
        Some(distance) if showed => distance < f64::from(height),
        Some(distance) => distance < 1.0,
        None => false,
    }
}

/// The part of the window left for the picture: strips take room from it, but lie over it in full screen.
pub fn picture_room(window: (u32, u32), full_screen: bool, above: u32, below: u32) -> Rect {
    let (above, below) = if full_screen { (0, 0) } else { (above, below) };
    let above = above.min(window.1);
    Rect {
        x: 0,
        y: above,
        width: window.0,
        height: (window.1 - above).saturating_sub(below),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn view_only_is_said() {
        let mut bar = Bar {
            grants: Capabilities::of(&[Capability::View, Capability::Chat]),
            ..Bar::default()
        };
        assert_eq!(bar.chips(), ["view only", "chat"]);
        bar.grants = Capabilities::of(&[Capability::View, Capability::Control]);
        assert_eq!(bar.chips(), ["control"]);
        assert!(bar.controls() && !bar.is_view_only());
        bar.silence = Some(Silence {
            silent: Duration::from_secs(4),
            waits: Duration::from_secs(116),
            own_line: false,
        });
        assert!(!bar.controls() && !bar.is_view_only());
        assert_eq!(bar.chips(), ["control"]);
        bar.grants = Capabilities::NONE;
        assert!(bar.chips().is_empty());
    }

    #[test]
    fn nothing_is_seen_without_the_right_to_look() {
        let mut bar = Bar::default();
        assert!(!bar.is_blind(), "nothing has begun");
        bar.user = "mira-pc".into();
        assert!(bar.is_blind());
        bar.grants = Capabilities::of(&[Capability::View]);
        assert!(!bar.is_blind());
    }

    #[test]
    fn in_full_screen_the_edge_calls_the_bar() {
        let shows = |showed, beyond| strip_shows(true, showed, beyond, 28, false);
        assert!(!shows(false, Some(20.0)));
        assert!(shows(false, Some(0.0)));
        assert!(shows(true, Some(20.0)));
        assert!(!shows(true, Some(30.0)));
        assert!(!shows(true, None));
        assert!(strip_shows(false, false, None, 28, false));
    }

    #[test]
    fn round_trips_read_well() {
        let text = |micros| {
            let bar = Bar {
                round_trip: Some(Duration::from_micros(micros)),
                ..Bar::default()
            };
            bar.round_trip_text().expect("has one")
        };
        assert_eq!(
            [text(1_234), text(12_345), text(9_960)],
            ["1.2 ms", "12 ms", "10 ms"]
        );
    }
}
