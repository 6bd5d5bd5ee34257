//! A terminal's screen as runs of text with one look each, to be drawn.

/// Colours of a terminal: 0xRRGGBB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colours {
    pub ink: u32,
    pub ground: u32,
    pub cursor: u32,
    pub selected: u32,
}

/// As the panels are: dark, beside someone else's screen.
pub const COLOURS: Colours = Colours {
    ink: 0x00d7_dbe2,
    ground: 0x0013_1519,
    cursor: 0x00c8_cdd6,
    selected: 0x002b_4a78,
};

/// The first sixteen: of the ordinary lightness and bright, readable on our ground.
const NAMED: [u32; 16] = [
    0x0026_2a31,
    0x00e0_5f62,
    0x0062_b36a,
    0x00d9_a441,
    0x005b_93e3,
    0x00b9_7bd6,
    0x0045_b3b8,
    0x00c9_ced6,
    0x006b_7380,
    0x00f0_8587,
    0x0085_d08c,
    0x00f2_c66d,
    0x0085_b4f5,
    0x00d2_9deb,
    0x006c_d3d8,
    0x00ff_ffff,
];

/// What is dim keeps this share of its light, in percent.
const DIM: u32 = 60;

/// A place on the screen: row and column.
pub type Place = (u16, u16);

/// Cells that look alike, side by side in one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub column: u16,
    pub columns: u16,
    /// One character for each cell, unless `alone`.
    pub text: String,
    pub ink: u32,
    /// None: the terminal's own.
    pub ground: Option<u32>,
    pub underline: bool,
    pub italic: bool,
    /// One cell's contents that need not be as wide as a cell: drawn by itself.
    pub alone: bool,
}

fn colour(colour: vt100::Color, default: u32, bold: bool) -> u32 {
    match colour {
        vt100::Color::Default => default,
        // As most terminals have it: bold is brighter, for there is no room for thicker letters.
        vt100::Color::Idx(index @ 0..=7) if bold => NAMED[usize::from(index) + 8],
        vt100::Color::Idx(index @ 0..=15) => NAMED[usize::from(index)],
        vt100::Color::Idx(index @ 16..=231) => cube(index - 16),
        vt100::Color::Idx(index) => u32::from(8 + 10 * (index - 232)) * 0x0001_0101,
        vt100::Color::Rgb(red, green, blue) => u32::from_be_bytes([0, red, green, blue]),
    }
}

/// xterm's 6 × 6 × 6 colours.
fn cube(index: u8) -> u32 {
    let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
    u32::from_be_bytes([0, level(index / 36), level(index / 6 % 6), level(index % 6)])
}

fn dimmed(colour: u32) -> u32 {
    let part = |shift: u32| ((colour >> shift & 0xff) * DIM / 100) << shift;
    part(16) | part(8) | part(0)
}

/// Whether a place lies in what is selected, which goes from the first place up to the second, in reading order.
fn is_selected(selected: Option<(Place, Place)>, at: Place) -> bool {
    selected.is_some_and(|(from, to)| from <= at && at < to)
}

/// The runs of one row, as far as there is something to draw.
pub fn row(screen: &vt100::Screen, row: u16, selected: Option<(Place, Place)>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for column in 0..screen.size().1.get() {
        let Some(cell) = screen.cell(row, column) else {
            break;
        };
        if cell.is_wide_continuation() {
            continue;
        }
        let run = run(cell, column, is_selected(selected, (row, column)));
        match runs.last_mut() {
            Some(last) if joins(last, &run) => {
                last.columns += run.columns;
                last.text.push_str(&run.text);
            }
            _ => runs.push(run),
        }
    }
    runs.retain(|run| run.ground.is_some() || run.underline || !run.text.trim().is_empty());
    runs
}

fn joins(last: &Run, next: &Run) -> bool {
    let alike = (last.ink, last.ground, last.underline, last.italic)
        == (next.ink, next.ground, next.underline, next.italic);
    alike && !last.alone && !next.alone && last.column + last.columns == next.column
}

fn run(cell: &vt100::Cell, column: u16, selected: bool) -> Run {
    let mut ink = colour(cell.fgcolor(), COLOURS.ink, cell.bold());
    let mut ground = match cell.bgcolor() {
        vt100::Color::Default => None,
        other => Some(colour(other, COLOURS.ground, false)),
    };
    if cell.bold() && cell.fgcolor() == vt100::Color::Default {
        ink = NAMED[15];
    }
    if cell.inverse() {
        (ink, ground) = (ground.unwrap_or(COLOURS.ground), Some(ink));
    }
    if cell.dim() {
        ink = dimmed(ink);
    }
    if selected {
        ground = Some(COLOURS.selected);
    }
    let text = if cell.has_contents() {
        cell.contents()
    } else {
        " "
    };
    Run {
        column,
        columns: if cell.is_wide() { 2 } else { 1 },
        text: text.to_owned(),
        ink,
        ground,
        underline: cell.underline(),
        italic: cell.italic(),
        alone: !is_plain(text),
    }
}

/// Characters that the terminal's font has, all of one width: Latin, Greek, Cyrillic, lines and blocks.
fn is_plain(text: &str) -> bool {
    let mut characters = text.chars();
    let first = characters.next();
    characters.next().is_none()
        && matches!(
            first,
            Some(
                ' '..='~'
                | '\u{a0}'..='\u{17f}'
                | '\u{391}'..='\u{3c9}'
                | '\u{410}'..='\u{44f}'
                | '\u{2500}'..='\u{259f}',
            )
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::terminal::screen::Screen;

    fn runs(bytes: &str) -> Vec<Run> {
        let mut screen = Screen::new(20, 3, 0);
        screen.take(bytes.as_bytes());
        screen.catch_up();
        row(screen.view(), 0, None)
    }

    #[test]
    fn cells_that_look_alike_are_one_run() {
        let found = runs("ab \x1b[31mred\x1b[m \x1b[7mback\x1b[m");
        let texts: Vec<&str> = found.iter().map(|run| run.text.as_str()).collect();
        assert_eq!(texts, ["ab ", "red", "back"]);
        assert_eq!((found[1].column, found[1].columns), (3, 3));
        assert_eq!(found[1].ink, NAMED[1]);
        assert_eq!(found[2].ground, Some(COLOURS.ink));
        assert_eq!(found[2].ink, COLOURS.ground);
    }

    #[test]
    fn wide_and_strange_characters_stand_alone() {
        let found = runs("a中文b👋");
        let places: Vec<(u16, u16, bool)> = found
            .iter()
            .map(|run| (run.column, run.columns, run.alone))
            .collect();
        assert_eq!(
            places,
            [
                (0, 1, false),
                (1, 2, true),
                (3, 2, true),
                (5, 1, false),
                (6, 2, true)
            ]
        );
    }

    #[test]
    fn colours_are_those_that_were_asked_for() {
        let found = runs("\x1b[38;2;1;2;3ma\x1b[48;5;196mb\x1b[0;2mc\x1b[0;1;34md\x1b[38;5;255me");
        assert_eq!(found[0].ink, 0x01_02_03);
        assert_eq!(found[1].ground, Some(0xff_00_00));
        assert_eq!(found[2].ink, dimmed(COLOURS.ink));
        assert_eq!(found[3].ink, NAMED[12]);
        assert_eq!(found[4].ink, 0xee_ee_ee);
    }

    #[test]
    fn what_is_selected_shows() {
        let mut screen = Screen::new(10, 2, 0);
        screen.take(b"hello");
        screen.catch_up();
        let found = row(screen.view(), 0, Some(((0, 1), (0, 3))));
        let grounds: Vec<(&str, bool)> = found
            .iter()
            .map(|run| (run.text.as_str(), run.ground.is_some()))
            .collect();
        assert_eq!(grounds, [("h", false), ("el", true), ("lo     ", false)]);
    }
}
