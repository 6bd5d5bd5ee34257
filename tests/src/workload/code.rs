//! A source file without an end: coloured lines as an editor shows them, each the same whenever it is asked for.

use super::font::Font;
use crate::display::Image;
use crate::measure::Chance;

pub const PAPER: u32 = 0x1e_1e_1e;
const PLAIN: u32 = 0xd4_d4_d4;
const KEYWORD: u32 = 0x56_9c_d6;
const COMMENT: u32 = 0x6a_99_55;
const TEXT: u32 = 0xce_91_78;
const NUMBER: u32 = 0xb5_ce_a8;
const CALL: u32 = 0xdc_dc_aa;
const TYPE: u32 = 0x4e_c9_b0;

const NAMES: [&str; 16] = [
    "frame", "row", "index", "session", "width", "tile", "cursor", "buffer", "state", "offset",
    "key", "peer", "count", "result", "picture", "limit",
];
const CALLS: [&str; 10] = [
    "push",
    "read_exact",
    "split_at",
    "collect",
    "insert",
    "encode",
    "wait_for",
    "min",
    "resize",
    "next",
];
const TYPES: [&str; 8] = [
    "Vec", "Option", "Rect", "Result", "Session", "HashMap", "Duration", "Canvas",
];
const WORDS: [&str; 16] = [
    "the", "a", "what", "is", "not", "more", "than", "one", "until", "nothing", "comes", "later",
    "by", "itself", "never", "screen",
];

/// A line: pieces, each with its colour.
pub type Line = Vec<(String, u32)>;

/// Line `number` of the file that follows from `seed`.
pub fn line(seed: u64, number: u32) -> Line {
    let mut chance =
        Chance::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(number) << 8 | 1);
    for _ in 0..4 {
        chance.draw(); // neighbours' numbers are alike
    }
    let indent = " ".repeat(4 * chance.below(5) as usize);
    let mut line = vec![(indent, PLAIN)];
    match chance.below(9) {
        0 => return Vec::new(),
        1 => comment(&mut line, &mut chance),
        2 => signature(&mut line, &mut chance),
        3 => condition(&mut line, &mut chance),
        4 => add(&mut line, "}", PLAIN),
        5 => message(&mut line, &mut chance),
        _ => assignment(&mut line, &mut chance),
    }
    line
}

fn add(line: &mut Line, text: impl Into<String>, ink: u32) {
    line.push((text.into(), ink));
}

fn one_of(words: &[&'static str], chance: &mut Chance) -> &'static str {
    words[chance.below(words.len() as u64) as usize]
}

fn comment(line: &mut Line, chance: &mut Chance) {
    let words = (0..4 + chance.below(12)).map(|_| one_of(&WORDS, chance));
    let words: Vec<_> = words.collect();
    add(line, format!("// {}", words.join(" ")), COMMENT);
}

fn signature(line: &mut Line, chance: &mut Chance) {
    add(line, "pub fn ", KEYWORD);
    let (verb, noun) = (one_of(&CALLS, chance), one_of(&NAMES, chance));
    add(line, format!("{verb}_{noun}"), CALL);
    add(
        line,
        format!("(&mut self, {}: &", one_of(&NAMES, chance)),
        PLAIN,
    );
    add(line, one_of(&TYPES, chance), TYPE);
    add(line, ") -> ", PLAIN);
    add(line, one_of(&TYPES, chance), TYPE);
    add(line, " {", PLAIN);
}

fn condition(line: &mut Line, chance: &mut Chance) {
    add(line, "if ", KEYWORD);
    let (object, part) = (one_of(&NAMES, chance), one_of(&NAMES, chance));
    add(line, format!("{object}.{part} > "), PLAIN);
    add(line, chance.below(5000).to_string(), NUMBER);
    add(line, " && ", PLAIN);
    add(line, "let ", KEYWORD);
    add(line, "Some", TYPE);
    add(line, format!("({}) = ", one_of(&NAMES, chance)), PLAIN);
    call(line, chance);
    add(line, " {", PLAIN);
}

fn message(line: &mut Line, chance: &mut Chance) {
    add(line, "println!", CALL);
    add(line, "(", PLAIN);
    let words: Vec<_> = (0..3 + chance.below(7))
        .map(|_| one_of(&WORDS, chance))
        .collect();
    add(line, format!("\"{} {{}}\"", words.join(" ")), TEXT);
    add(line, format!(", {});", one_of(&NAMES, chance)), PLAIN);
}

fn assignment(line: &mut Line, chance: &mut Chance) {
    add(line, "let ", KEYWORD);
    add(line, format!("{} = ", one_of(&NAMES, chance)), PLAIN);
    for _ in 0..chance.below(3) {
        call(line, chance);
        add(line, " + ", PLAIN);
    }
    add(line, chance.below(100_000).to_string(), NUMBER);
    add(line, ";", PLAIN);
}

fn call(line: &mut Line, chance: &mut Chance) {
    add(line, format!("{}.", one_of(&NAMES, chance)), PLAIN);
    add(line, one_of(&CALLS, chance), CALL);
    let (object, part) = (one_of(&NAMES, chance), one_of(&NAMES, chance));
    add(line, format!("({object}.{part})?"), PLAIN);
}

/// Draws lines from `first` on over all of a picture.
pub fn page(image: &mut Image, font: &mut Font, seed: u64, first: u32) {
    let (width, height) = (image.width, image.height);
    image.fill(0, 0, width, height, PAPER);
    for row in 0..height.div_ceil(font.line) {
        let mut x = font.digit;
        for (text, ink) in line(seed, first + row) {
            x += font.text(image, x, row * font.line, &text, ink);
        }
    }
}
