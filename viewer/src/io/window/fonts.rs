//! Fonts of this computer, for scripts that ours lack: messages, names of files and terminals come in any. The system's font
//! configuration knows which font has a letter; where there is none, letters that are missing are shown as boxes.

use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use egui::epaint::text::{FontInsert, FontPriority, InsertFontFamily};
use egui::{FallbackRequest, FontData, FontFamily};

/// Letters that are looked for, in all: each costs some 30 ms, in which the window does nothing else, and what comes from the
/// other side may be full of letters that no font has.
const LOOKS: usize = 32;
/// Fonts that are loaded, and the largest one, in bytes: one for Chinese, Japanese and Korean has 20 MB.
const FONTS: usize = 8;
const LARGEST: u64 = 64 << 20;

/// A font that was found, by its file and its number in that.
struct Found {
    file: String,
    index: u32,
    bytes: &'static [u8],
}

/// What was found so far; all panels share it.
static LOOKED: Mutex<Looked> = Mutex::new(Looked {
    looks: 0,
    found: Vec::new(),
});

struct Looked {
    looks: usize,
    found: Vec<Found>,
}

/// Lets a panel use them.
pub(super) fn provide(ctx: &egui::Context) {
    ctx.add_font_provider(Arc::new(|request: &FallbackRequest<'_>| {
        let letter = request.cluster.chars().next()?;
        LOOKED
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .font_for(letter)
    }));
}

impl Looked {
    fn font_for(&mut self, letter: char) -> Option<FontInsert> {
        self.looks += 1;
        if self.looks > LOOKS {
            return None;
        }
        let (file, index) = file_for(letter)?;
        let bytes = self.bytes(&file, index)?;
        let family = |family| InsertFontFamily {
            family,
            priority: FontPriority::Lowest,
        };
        let data = FontData {
            index,
            ..FontData::from_static(bytes)
        };
        Some(FontInsert {
            name: format!("{file} {index}"),
            data,
            families: vec![
                family(FontFamily::Proportional),
                family(FontFamily::Monospace),
            ],
        })
    }

    fn bytes(&mut self, file: &str, index: u32) -> Option<&'static [u8]> {
        let mut found = self.found.iter();
        if let Some(found) = found.find(|found| (found.file.as_str(), found.index) == (file, index))
        {
            return Some(found.bytes);
        }
        if self.found.len() == FONTS || std::fs::metadata(file).ok()?.len() > LARGEST {
            return None;
        }
        // Kept as long as the program runs: every panel draws with it.
        let bytes: &'static [u8] = Box::leak(std::fs::read(file).ok()?.into_boxed_slice());
        self.found.push(Found {
            file: file.to_owned(),
            index,
            bytes,
        });
        Some(bytes)
    }
}

/// A font's file and number that has the letter, by the system's font configuration.
fn file_for(letter: char) -> Option<(String, u32)> {
    let listed = Command::new("fc-list")
        .arg("--format=%{file}\t%{index}\n")
        .arg(format!(":charset={:x}", u32::from(letter)))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    best(&String::from_utf8_lossy(&listed.stdout))
}

/// Of a list of fonts the plainest: upright, of the usual weight, without serifs, and no pictures.
fn best(listed: &str) -> Option<(String, u32)> {
    const FANCY: [&str; 9] = [
        "Bold",
        "Italic",
        "Oblique",
        "Light",
        "Thin",
        "Black",
        "Condensed",
        "Serif",
        "Color",
    ];
    let fonts = listed.lines().filter_map(|line| {
        let (file, index) = line.split_once('\t')?;
        // The upper half names a style of a font that has several.
        let index: u32 = index.parse().ok()?;
        let outlines = [".ttf", ".otf", ".ttc", ".otc"];
        let lower = file.to_lowercase();
        let drawn = outlines.iter().any(|end| lower.ends_with(end));
        (drawn && index < 1 << 16).then(|| (file.to_owned(), index))
    });
    let fancy = |file: &str| FANCY.iter().filter(|word| file.contains(*word)).count();
    fonts.min_by_key(|(file, index)| (fancy(file), file.len(), *index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plainest_font_is_taken() {
        let listed = "/f/DejaVuSans-Bold.ttf\t0\n/f/DejaVuSans.ttf\t0\n/f/x.pcf.gz\t0\n\
                      /f/NotoColorEmoji.ttf\t0\n/f/Var.ttf\t65536\nnonsense\n";
        assert_eq!(best(listed), Some(("/f/DejaVuSans.ttf".into(), 0)));
        assert_eq!(best(""), None);
    }

    #[test]
    fn what_no_font_has_is_not_looked_for_without_end() {
        let mut looked = Looked {
            looks: 0,
            found: Vec::new(),
        };
        for _ in 0..LOOKS {
            looked.font_for('\u{10fffd}');
        }
        assert!(
            looked.font_for('\u{10d0}').is_none(),
            "enough was looked for"
        );
    }
}
