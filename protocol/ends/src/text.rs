//! Text from the other side, before a person reads it.

/// Whether a character turns the writing direction or is invisible (Unicode TR 36 §2.5): fillers and the empty Braille
/// pattern, too, which take room like a space and are none.
pub fn deceives(c: char) -> bool {
    matches!(c,
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{00ad}' | '\u{061c}'
        | '\u{034f}' | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180f}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}')
}

/// The text without what could deceive a reader: control characters (line ends become spaces) and characters that
/// deceive; cut to `cap` characters. What is harmless stays as it is.
pub fn harmless(text: &str, cap: usize) -> String {
    let visible: String = text
        .chars()
        .filter(|c| !deceives(*c))
        .map(|c| {
            if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
                ' '
            } else {
                c
            }
        })
        .collect();
    let cut: String = visible.trim().chars().take(cap).collect();
    cut.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deceiving_characters_are_gone() {
        assert_eq!(harmless("a\u{202e}b\x1b[2Jc\nd", 99), "ab [2Jc d");
        assert_eq!(harmless("a\u{2800}\u{3164}b", 99), "ab");
        assert_eq!(harmless("  Zoë Ж 中  ", 99), "Zoë Ж 中");
        assert_eq!(harmless("abcdef", 3), "abc");
        assert_eq!(harmless("ab cd", 3), "ab");
    }
}
