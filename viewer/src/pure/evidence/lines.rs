//! A terminal's bytes as lines of text: escape sequences are obeyed within a line and stripped otherwise.

use std::time::Duration;

use vte::{Params, Parser, Perform};

/// Longest line in characters; a longer one is broken: more than any terminal is wide.
const WIDEST: usize = 4096;
/// Lines that come within that time are one run: 1 s.
const TOGETHER: Duration = Duration::from_secs(1);
/// A run is handed over from that many bytes on: about a screen.
const ENOUGH: usize = 4096;

/// Some lines that were finished at about the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// When its first line was whole.
    pub at: Duration,
    /// Lines, each with its end but for the last.
    pub text: String,
}

/// Turns bytes into runs of lines.
#[derive(Default)]
pub struct Lines {
    parser: Parser,
    page: Page,
    run: Option<Run>,
}

impl Lines {
    /// What the terminal wrote at that time.
    pub fn take(&mut self, at: Duration, bytes: &[u8]) -> Vec<Run> {
        let mut ended: Vec<Run> = self.due(at).into_iter().collect();
        // In stretches, so that one huge record does not become one huge run.
        for stretch in bytes.chunks(ENOUGH) {
            self.parser.advance(&mut self.page, stretch);
            self.collect(at, &mut ended);
        }
        self.page.last = at;
        ended
    }

    fn collect(&mut self, at: Duration, ended: &mut Vec<Run>) {
        for line in self.page.done.drain(..) {
            let run = self.run.get_or_insert_with(|| Run {
                at,
                text: String::new(),
            });
            if !run.text.is_empty() {
                run.text.push('\n');
            }
            run.text.push_str(&line);
            if run.text.len() >= ENOUGH {
                ended.extend(self.run.take());
            }
        }
    }

    /// The run that has ended because nothing belongs to it any more.
    pub fn due(&mut self, now: Duration) -> Option<Run> {
        let late = |run: &Run| now.saturating_sub(run.at) > TOGETHER;
        if self.run.as_ref().is_some_and(late) {
            return self.run.take();
        }
        None
    }

    /// The rest, with a line that has no end.
    pub fn finish(&mut self) -> Vec<Run> {
        self.page.end_line();
        let mut ended = Vec::new();
        let at = self.page.last;
        self.collect(at, &mut ended);
        ended.extend(self.run.take());
        ended
    }
}

/// The line that is being written.
#[derive(Default)]
struct Page {
    line: Vec<char>,
    column: usize,
    done: Vec<String>,
    /// When bytes last came.
    last: Duration,
}

impl Page {
    fn end_line(&mut self) {
        let line: String = self.line.drain(..).collect();
        self.column = 0;
        let line = line.trim_end();
        if !line.is_empty() {
            self.done.push(line.to_owned());
        }
    }
}

impl Perform for Page {
    fn print(&mut self, c: char) {
        if self.column >= WIDEST {
            self.end_line();
        }
        if self.line.len() < self.column {
            self.line.resize(self.column, ' ');
        }
        match self.line.get_mut(self.column) {
            Some(place) => *place = c,
            None => self.line.push(c),
        }
        self.column += 1;
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\n' | 0x0b | 0x0c => self.end_line(),
            b'\r' => self.column = 0,
            0x08 => self.column = self.column.saturating_sub(1),
            b'\t' => self.column = ((self.column / 8 + 1) * 8).min(WIDEST),
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], _ignore: bool, action: char) {
        if !intermediates.is_empty() {
            return;
        }
        let first = params.iter().next().and_then(|p| p.first()).copied();
        let count = usize::from(first.unwrap_or(0));
        match action {
            'C' => self.column = (self.column + count.max(1)).min(WIDEST),
            'D' => self.column = self.column.saturating_sub(count.max(1)),
            'G' => self.column = count.saturating_sub(1).min(WIDEST),
            'K' if count == 0 => self.line.truncate(self.column),
            'K' if count == 2 => self.line.clear(),
            'P' => {
                let start = self.column.min(self.line.len());
                let end = (start + count.max(1)).min(self.line.len());
                self.line.drain(start..end);
            }
            // To another line: what stood in this one is whole.
            'A' | 'B' | 'E' | 'F' | 'H' | 'f' | 'd' | 'J' => self.end_line(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(pieces: &[&[u8]]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut runs = Vec::new();
        for piece in pieces {
            runs.extend(lines.take(Duration::ZERO, piece));
        }
        runs.extend(lines.finish());
        let text = runs.into_iter().map(|run| run.text);
        text.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
            .collect()
    }

    #[test]
    fn escapes_are_gone_and_corrections_applied() {
        assert_eq!(
            all(&[b"\x1b[1;32mtess\x1b[0m$ lx\x08s\x1b[K\r\nbin\tetc\r\n\x1b]0;title\x07$ "]),
            ["tess$ ls", "bin     etc", "$"]
        );
        assert_eq!(all(&[b" 10%\r 50%\r100%\n"]), ["100%"]);
        assert_eq!(all(&[b"\x1b[5;1Hone\x1b[9;1Htwo"]), ["one", "two"]);
    }

    #[test]
    fn characters_and_escapes_may_be_split() {
        let whole = "Grüße \x1b[31mЖ中\x1b[0m\n".as_bytes();
        for cut in 0..whole.len() {
            assert_eq!(all(&[&whole[..cut], &whole[cut..]]), ["Grüße Ж中"]);
        }
    }

    #[test]
    fn lines_that_come_together_are_one_run() {
        let mut lines = Lines::default();
        let at = Duration::from_secs;
        assert!(lines.take(at(1), b"a\nb\nc").is_empty());
        assert_eq!(lines.due(at(2)), None);
        let runs = lines.take(at(9), b"d\n");
        assert_eq!(runs[0].text, "a\nb");
        assert_eq!(runs[0].at, at(1));
        let rest = lines.finish();
        assert_eq!((rest[0].at, rest[0].text.as_str()), (at(9), "cd"));
        let long = lines.take(at(20), &b"0123456789\n".repeat(2_000));
        assert!(long.len() >= 5 && long.iter().all(|run| run.text.len() < 2 * ENOUGH));
        let endless = vec![b'x'; 100_000];
        assert!(lines.take(at(21), &endless).len() > 20);
    }
}
