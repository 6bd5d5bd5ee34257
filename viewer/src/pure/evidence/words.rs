//! Finding words: all of them, in any case, in any writing, whatever way their accents are put together, and whatever
//! invisible characters stand between their letters.

use std::ops::Range;

use sightline_ends::text::deceives;
use unicode_normalization::UnicodeNormalization;

/// Characters shown on each side of what was found.
const AROUND: usize = 40;

/// What is looked for.
pub struct Words(Vec<Vec<char>>);

/// A text's characters made comparable, each with its bytes in the text.
type Folded = Vec<(char, Range<usize>)>;

fn fold(text: &str) -> Folded {
    let mut folded = Folded::with_capacity(text.len());
    for (start, c) in text.char_indices() {
        let place = start..start + c.len_utf8();
        if c.is_ascii() {
            folded.push((c.to_ascii_lowercase(), place)); // most of what terminals write
            continue;
        }
        if deceives(c) {
            continue; // else one of them in a word would hide it
        }
        // Upper first: ß is SS there, and ς and σ are one.
        let same = c.to_uppercase().flat_map(char::to_lowercase).nfkd();
        folded.extend(same.map(|c| (c, place.clone())));
    }
    folded
}

impl Words {
    /// The words of a query; `None` if it has none.
    pub fn of(query: &str) -> Option<Words> {
        let words: Vec<Vec<char>> = query
            .split_whitespace()
            .map(|word| fold(word).into_iter().map(|(c, _)| c).collect())
            .filter(|word: &Vec<char>| !word.is_empty())
            .collect();
        (!words.is_empty()).then_some(Words(words))
    }

    /// Where the words stand, in order and apart, if all of them do.
    pub fn find(&self, text: &str) -> Option<Vec<Range<usize>>> {
        let folded = fold(text);
        let mut places = Vec::new();
        for word in &self.0 {
            let found = folded
                .windows(word.len())
                .filter(|part| part[0].0 == word[0] && part.iter().map(|(c, _)| c).eq(word))
                .map(|part| part[0].1.start..part[part.len() - 1].1.end);
            let before = places.len();
            places.extend(found);
            if places.len() == before {
                return None;
            }
        }
        places.sort_by_key(|place| place.start);
        let mut apart: Vec<Range<usize>> = Vec::new();
        for place in places {
            match apart.last_mut() {
                Some(last) if place.start <= last.end => last.end = last.end.max(place.end),
                _ => apart.push(place),
            }
        }
        Some(apart)
    }
}

/// A text around what was found in it, on one line and without what deceives a reader: pieces of plain text and of found text (`true`).
pub fn context(text: &str, places: &[Range<usize>]) -> Vec<(String, bool)> {
    let mut pieces = Vec::new();
    let mut shown = 0;
    for place in places {
        let mut start = back(text, place.start).max(shown);
        if start > shown || (shown == 0 && start > 0) {
            pieces.push(("…".to_owned(), false));
        } else {
            start = shown;
        }
        pieces.push((one_line(&text[start..place.start]), false));
        pieces.push((one_line(&text[place.clone()]), true));
        shown = place.end;
        // What follows, as far as the next place does not show it.
        let next = places.iter().find(|next| next.start >= place.end);
        let end = forth(text, place.end).min(next.map_or(text.len(), |next| next.start));
        pieces.push((one_line(&text[shown..end]), false));
        shown = end;
    }
    if shown < text.len() {
        pieces.push(("…".to_owned(), false));
    }
    pieces.retain(|(text, _)| !text.is_empty());
    pieces
}

fn back(text: &str, from: usize) -> usize {
    let before = text[..from].char_indices().rev();
    before.take(AROUND).last().map_or(from, |(at, _)| at)
}

fn forth(text: &str, from: usize) -> usize {
    let after = text[from..].char_indices();
    after.take(AROUND + 1).last().map_or(from, |(at, c)| {
        from + at
            + if text[from..].chars().count() <= AROUND {
                c.len_utf8()
            } else {
                0
            }
    })
}

fn one_line(text: &str) -> String {
    let ends_line = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let plain = |c: char| if ends_line(c) { ' ' } else { c };
    let harmless = text.chars().filter(|c| !deceives(*c));
    harmless.map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(query: &str, text: &str) -> Option<Vec<String>> {
        let places = Words::of(query).unwrap().find(text)?;
        Some(places.into_iter().map(|p| text[p].to_owned()).collect())
    }

    #[test]
    fn all_words_in_any_case_and_writing() {
        let text = "Die STRASSE am Flu\u{308}ss, ΟΔΟΣ";
        assert_eq!(found("straße", text).unwrap(), ["STRASSE"]);
        assert_eq!(found("flüss die", text).unwrap(), ["Die", "Flu\u{308}ss"]);
        assert_eq!(found("οδος", text).unwrap(), ["ΟΔΟΣ"]);
        assert_eq!(found("straße weg", text), None);
        assert_eq!(found("an", "banana").unwrap(), ["anan"]);
        assert!(Words::of("  ").is_none());
    }

    #[test]
    fn what_deceives_a_reader_neither_hides_a_word_nor_is_shown() {
        let text = "in\u{202e}voi\u{200b}ce\u{202c} \u{2066}paid";
        let places = Words::of("invoice PAID").unwrap().find(text).unwrap();
        let pieces = context(text, &places);
        let expected = [("invoice", true), (" ", false), ("paid", true)];
        assert_eq!(pieces, expected.map(|(text, hit)| (text.to_owned(), hit)));
        assert!(Words::of("\u{202e} \u{200b}").is_none());
    }

    #[test]
    fn the_context_is_one_line_around_what_was_found() {
        let text = format!("{}\nfind me {}", "a".repeat(100), "b".repeat(100));
        let places = Words::of("find me").unwrap().find(&text).unwrap();
        let pieces = context(&text, &places);
        let line: String = pieces.iter().map(|(text, _)| text.as_str()).collect();
        assert_eq!(
            line,
            format!("…{} find me {}…", "a".repeat(39), "b".repeat(39))
        );
        let hits: Vec<_> = pieces.iter().filter(|(_, hit)| *hit).collect();
        assert_eq!(hits.len(), 2);
        let short = context("me", &Words::of("ME").unwrap().find("me").unwrap());
        assert_eq!(short, [("me".to_owned(), true)]);
    }
}
