//! What every way of asking the user has in common: which answers make sense, and how foreign text is shown.

use std::time::Instant;

use sightline_ends::text::deceives;
use sightline_protocol::capability::{Capabilities, Capability};

/// The most characters of a name that are shown.
pub const LONGEST_NAME: usize = 80;
/// The most characters of a reason or a note that are shown.
pub const LONGEST_TEXT: usize = 400;

/// What cannot be used without the other: hands without eyes would work blindly.
fn needs_view(capability: Capability) -> bool {
    capability == Capability::Control
}

/// Ticks or unticks one capability, and with it what depends on it or what it depends on; never more than was asked.
pub fn tick(
    ticked: Capabilities,
    asked: Capabilities,
    capability: Capability,
    on: bool,
) -> Capabilities {
    let mut ticked = match on {
        true => ticked.with(capability),
        false => ticked.without(Capabilities::of(&[capability])),
    };
    if asked.contains(Capability::View) {
        if on && needs_view(capability) {
            ticked = ticked.with(Capability::View);
        }
        if !on && capability == Capability::View {
            let dependent = Capability::ALL.into_iter().filter(|c| needs_view(*c));
            ticked = ticked.without(dependent.collect());
        }
    }
    ticked.intersection(asked)
}

/// Text from elsewhere as it may be shown: no control characters, nothing that reorders or hides its neighbours,
/// white space as single spaces, and no longer than `longest` characters.
pub fn clean(text: &str, longest: usize) -> String {
    let visible = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c });
    let visible: String = visible.filter(|c| !is_deceptive(*c)).collect();
    let words: Vec<&str> = visible.split(' ').filter(|word| !word.is_empty()).collect();
    let text = words.join(" ");
    if text.chars().count() <= longest {
        return text;
    }
    let mut cut: String = text.chars().take(longest.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// Control characters, direction overrides and marks, and characters without a shape of their own.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || deceives(c)
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whole seconds until then, rounded up: 0 means that it is over.
pub fn seconds_left(deadline: Instant) -> u64 {
    let left = deadline.saturating_duration_since(Instant::now());
    left.as_secs() + u64::from(left.subsec_nanos() > 0)
}

/// When [`seconds_left`] changes next.
pub fn next_second(deadline: Instant) -> Instant {
    let now = Instant::now();
    let left = deadline.saturating_duration_since(now);
    let part = std::time::Duration::from_nanos(left.subsec_nanos().into());
    match part.is_zero() {
        true => now + std::time::Duration::from_secs(1),
        false => now + part,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Capability::{Control, Files, ReadClipboard, View};

    #[test]
    fn what_depends_on_view_goes_and_comes_with_it() {
        let asked = Capabilities::of(&[View, Control, ReadClipboard, Files]);
        let without = tick(asked, asked, View, false);
        assert_eq!(without, Capabilities::of(&[ReadClipboard, Files]));
        let with = tick(without, asked, Control, true);
        assert_eq!(with, asked);
        let view_only = tick(with, asked, Control, false);
        assert_eq!(view_only, Capabilities::of(&[View, ReadClipboard, Files]));
    }

    #[test]
    fn nothing_is_ticked_that_was_not_asked() {
        let asked = Capabilities::of(&[Control]);
        assert_eq!(
            tick(Capabilities::NONE, asked, Files, true),
            Capabilities::NONE
        );
        assert_eq!(tick(Capabilities::NONE, asked, Control, true), asked);
    }

    #[test]
    fn foreign_text_cannot_deceive() {
        assert_eq!(clean("a\u{1b}[31m\nb\u{202e}c\u{200b}d", 80), "a[31m bcd");
        assert_eq!(clean("  many \t\r\n spaces ", 80), "many spaces");
        assert_eq!(clean("Müller 中 😀", 80), "Müller 中 😀");
        assert_eq!(clean("abcdef", 4), "abc…");
    }
}
