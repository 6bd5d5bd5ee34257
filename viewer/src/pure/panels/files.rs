//! Two folders side by side, the technician's and the user's, and the transfers between them.

use std::collections::{BTreeSet, VecDeque};

use sightline_ends::content::{Amount, Collision, EntryKind, Listed, MOST_NAMES, PathBytes};
use sightline_ends::transfer::{Progress, shown};
use sightline_program::report::sentence;
use sightline_program::transfer::amount_text;

use super::Ask;
use crate::pure::commands::{FilesNews, FilesOrder, FromCommand, FromHolder, Seat};
use crate::pure::files_text::progress;

/// Transfers that run at a time; others wait for them. The session allows eight, of which commands may want some.
const AT_ONCE: usize = 4;
/// Transfers that are told about; older ones that are over are forgotten.
const TOLD: usize = 50;
/// Rows that a page has, for the keys that turn pages.
const PAGE: isize = 10;

/// One of the two computers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    Here,
    There,
}

impl Side {
    pub fn other(self) -> Side {
        match self {
            Side::Here => Side::There,
            Side::There => Side::Here,
        }
    }
}

/// What is shown of one computer.
#[derive(Default)]
pub struct Pane {
    path: PathBytes,
    entries: Vec<Listed>,
    /// What came so far of a listing that is not complete.
    coming: Vec<Listed>,
    loading: bool,
    error: Option<String>,
    chosen: BTreeSet<usize>,
    at: usize,
    hidden: bool,
    /// To be the one that is at, once the listing is there.
    wanted: Option<PathBytes>,
}

/// How a transfer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Others go first.
    Waiting,
    /// The user is being asked.
    Asking(Amount),
    /// These are there already, and the technician has to say what becomes of them.
    Exists(Vec<PathBytes>),
    Running(Option<Progress>),
    /// So many files are in their places.
    Done(u64),
    Ended(String),
}

/// One transfer.
pub struct Transfer {
    pub seat: u32,
    /// The side that the files come from.
    pub from: Side,
    order: FilesOrder,
    pub state: State,
    skipped: u64,
    /// Files that did not come, and why; the first ones.
    failed: Vec<(String, String)>,
    failures: u64,
}

/// A key in the panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    /// Opens the folder that is at.
    Open,
    /// The folder above.
    Above,
    /// Chooses what is at, or not, and goes on.
    Choose,
    ChooseAll,
    /// To the other side.
    Switch,
    /// Sends or fetches what is chosen.
    Copy,
}

#[derive(Default)]
pub struct Files {
    here: Pane,
    there: Pane,
    there_is_active: bool,
    transfers: VecDeque<Transfer>,
    begun: u32,
    /// What the mouse drags, and from where.
    drag: Option<Side>,
}

impl Pane {
    pub fn path(&self) -> String {
        shown(&self.path)
    }

    pub fn is_loading(&self) -> bool {
        self.loading
    }

    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// The row that keys act on.
    pub fn at(&self) -> usize {
        self.at
    }

    pub fn shows_hidden(&self) -> bool {
        self.hidden
    }

    pub fn is_chosen(&self, row: usize) -> bool {
        self.chosen.contains(&row)
    }

    pub fn chosen(&self) -> usize {
        self.chosen.len()
    }

    /// What is in the folder, folders first.
    pub fn entries(&self) -> &[Listed] {
        &self.entries
    }

    fn above(&self) -> Option<PathBytes> {
        let cut = self.path.iter().rposition(|byte| *byte == b'/')?;
        match (cut, self.path.len()) {
            (0, 1) => None,
            (0, _) => Some(b"/".to_vec()),
            _ => Some(self.path[..cut].to_vec()),
        }
    }

    fn inside(&self, name: &[u8]) -> PathBytes {
        let mut path = self.path.clone();
        if path.last() != Some(&b'/') {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        path
    }

    fn come(&mut self, path: PathBytes, entries: Vec<Listed>) {
        let before = self.entries.get(self.at).map(|entry| entry.name.clone());
        let same = self.path == path;
        self.path = path;
        self.entries = entries;
        if !self.hidden {
            self.entries.retain(|entry| !entry.name.starts_with(b"."));
        }
        self.entries.sort_by_cached_key(|entry| {
            let folder = entry.kind == Some(EntryKind::Folder);
            (
                !folder,
                shown(&entry.name).to_lowercase(),
                entry.name.clone(),
            )
        });
        self.loading = false;
        self.error = None;
        self.chosen.clear();
        let wanted = self.wanted.take().or(before.filter(|_| same));
        let found =
            wanted.and_then(|name| self.entries.iter().position(|entry| entry.name == name));
        self.at = found.unwrap_or(0);
    }

    fn fail(&mut self, why: &str) {
        self.loading = false;
        self.coming.clear();
        self.wanted = None;
        self.error = Some(sentence(why));
    }

    fn step(&mut self, by: isize) {
        let last = self.entries.len().saturating_sub(1);
        self.at = self.at.saturating_add_signed(by).min(last);
    }

    /// Paths of what is chosen, or of what is at.
    fn paths(&self) -> Vec<PathBytes> {
        let rows: Vec<usize> = match self.chosen.is_empty() {
            true => vec![self.at],
            false => self.chosen.iter().copied().collect(),
        };
        let entries = rows.into_iter().filter_map(|row| self.entries.get(row));
        let able = entries.filter(|entry| entry.kind.is_some());
        able.map(|entry| self.inside(&entry.name)).collect()
    }
}

impl Transfer {
    /// What is copied, and where to.
    pub fn title(&self) -> String {
        let name = |path: &PathBytes| {
            let last = path.rsplit(|byte| *byte == b'/').next();
            shown(last.unwrap_or_default())
        };
        let what = match self.order.paths.as_slice() {
            [one] => name(one),
            [first, rest @ ..] => format!("{} and {} more", name(first), rest.len()),
            [] => String::new(),
        };
        let to = match self.order.to.as_slice() {
            [] => "downloads".to_owned(),
            to => shown(to),
        };
        format!("{what} → {to}")
    }

    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Done(_) | State::Ended(_))
    }

    fn is_active(&self) -> bool {
        !self.is_over() && self.state != State::Waiting
    }

    /// The share that is over there, where it is known.
    pub fn share(&self) -> Option<f32> {
        match &self.state {
            State::Running(Some(progress)) => {
                let (done, of) = (progress.done.bytes, progress.of.bytes);
                Some(if of == 0 {
                    1.0
                } else {
                    done as f32 / of as f32
                })
            }
            State::Done(_) => Some(1.0),
            _ => None,
        }
    }

    /// Whether the technician should look.
    pub fn is_bad(&self) -> bool {
        matches!(self.state, State::Ended(_)) || self.failures > 0
    }

    /// In words.
    pub fn words(&self, computer: &str) -> String {
        let mut words = match &self.state {
            State::Waiting => "waits for the others".to_owned(),
            State::Asking(amount) if amount.files == 0 => {
                format!("the user of {computer} is asked")
            }
            State::Asking(amount) => {
                format!("the user of {computer} is asked ({})", amount_text(*amount))
            }
            State::Exists(names) => exists(names),
            State::Running(None) => "begins".to_owned(),
            State::Running(Some(now)) => progress(now).trim_start().to_owned(),
            State::Done(1) => "1 file copied".to_owned(),
            State::Done(files) => format!("{files} files copied"),
            State::Ended(why) => why.clone(),
        };
        if self.skipped > 0 {
            words.push_str(&format!("; {} left as they were", self.skipped));
        }
        if let Some((path, why)) = self.failed.first() {
            words.push_str(&format!("; {} did not come: {path}: {why}", self.failures));
        }
        words
    }

    fn hear(&mut self, news: FilesNews) {
        match news {
            FilesNews::Asking(amount) => self.state = State::Asking(amount),
            FilesNews::Exists(names) => self.state = State::Exists(names),
            FilesNews::Allowed(_) => self.state = State::Running(None),
            FilesNews::Progress(progress) => self.state = State::Running(Some(progress)),
            FilesNews::Placed(..) => {}
            FilesNews::Skipped(_) => self.skipped += 1,
            FilesNews::Failed(path, why) => {
                self.failures += 1;
                if self.failed.is_empty() {
                    self.failed.push((shown(path.as_bytes()), why));
                }
            }
            FilesNews::Done(files) => self.state = State::Done(files),
            FilesNews::Ended(why) => self.state = State::Ended(sentence(&why)),
        }
    }
}

fn exists(names: &[PathBytes]) -> String {
    let first = names.first().map(|name| shown(name)).unwrap_or_default();
    match names.len() {
        0 | 1 => format!("{first} is there already"),
        count => format!("{first} and {} more are there already", count - 1),
    }
}

impl Files {
    pub fn pane(&self, side: Side) -> &Pane {
        match side {
            Side::Here => &self.here,
            Side::There => &self.there,
        }
    }

    fn pane_mut(&mut self, side: Side) -> &mut Pane {
        match side {
            Side::Here => &mut self.here,
            Side::There => &mut self.there,
        }
    }

    /// The side that keys act on.
    pub fn active(&self) -> Side {
        match self.there_is_active {
            true => Side::There,
            false => Side::Here,
        }
    }

    pub fn activate(&mut self, side: Side) {
        self.there_is_active = side == Side::There;
    }

    /// Newest first.
    pub fn transfers(&self) -> impl Iterator<Item = &Transfer> {
        self.transfers.iter().rev()
    }

    pub fn dragged(&self) -> Option<Side> {
        self.drag
    }

    /// The panel was opened: both folders are listed, unless they were.
    pub fn open(&mut self) -> Vec<Ask> {
        let sides = [Side::Here, Side::There].into_iter();
        let fresh: Vec<Side> = sides
            .filter(|side| self.pane(*side).path.is_empty())
            .collect();
        fresh
            .into_iter()
            .filter_map(|side| self.go(side, Vec::new()))
            .collect()
    }

    /// Goes to a folder; empty: the home. One listing at a time.
    fn go(&mut self, side: Side, path: PathBytes) -> Option<Ask> {
        let pane = self.pane_mut(side);
        if std::mem::replace(&mut pane.loading, true) {
            return None;
        }
        pane.coming.clear();
        Some(match side {
            Side::Here => Ask::ListHere(path),
            Side::There => Ask::session(Seat::Folder, FromCommand::ListFolder(path)),
        })
    }

    /// What is in the folder now.
    pub fn refresh(&mut self, side: Side) -> Option<Ask> {
        let path = self.pane(side).path.clone();
        self.go(side, path)
    }

    pub fn show_hidden(&mut self, side: Side, hidden: bool) -> Option<Ask> {
        self.pane_mut(side).hidden = hidden;
        self.refresh(side)
    }

    pub fn above(&mut self, side: Side) -> Option<Ask> {
        let pane = self.pane_mut(side);
        let above = pane.above()?;
        let left = pane.path.rsplit(|byte| *byte == b'/').next();
        pane.wanted = left.map(<[u8]>::to_vec);
        self.go(side, above)
    }

    /// Opens the folder in this row.
    pub fn enter(&mut self, side: Side, row: usize) -> Option<Ask> {
        let pane = self.pane(side);
        let entry = pane.entries.get(row)?;
        let folder = entry.kind == Some(EntryKind::Folder);
        let path = folder.then(|| pane.inside(&entry.name))?;
        self.go(side, path)
    }

    /// A row was clicked: it alone is chosen, or it as well, or all from the last one to it.
    pub fn choose(&mut self, side: Side, row: usize, as_well: bool, through: bool) {
        self.activate(side);
        let pane = self.pane_mut(side);
        if row >= pane.entries.len() {
            return;
        }
        match (as_well, through) {
            (_, true) => pane.chosen.extend(pane.at.min(row)..=pane.at.max(row)),
            (true, _) if pane.chosen.remove(&row) => {}
            (true, _) => drop(pane.chosen.insert(row)),
            _ => pane.chosen = BTreeSet::from([row]),
        }
        pane.at = row;
    }

    pub fn key(&mut self, key: Key) -> Vec<Ask> {
        let side = self.active();
        let pane = self.pane_mut(side);
        let last = pane.entries.len();
        match key {
            Key::Up => pane.step(-1),
            Key::Down => pane.step(1),
            Key::PageUp => pane.step(-PAGE),
            Key::PageDown => pane.step(PAGE),
            Key::First => pane.at = 0,
            Key::Last => pane.at = last.saturating_sub(1),
            Key::Choose => {
                let at = pane.at;
                self.choose(side, at, true, false);
                self.pane_mut(side).step(1);
            }
            Key::ChooseAll => pane.chosen = (0..last).collect(),
            Key::Switch => self.activate(side.other()),
            Key::Open => {
                let at = pane.at;
                return self.enter(side, at).into_iter().collect();
            }
            Key::Above => return self.above(side).into_iter().collect(),
            Key::Copy => return self.copy(side, None),
        }
        Vec::new()
    }

    /// The mouse takes what is chosen along, or lets it go.
    pub fn drag(&mut self, from: Option<Side>) {
        self.drag = from;
    }

    /// Copies what is chosen at this side to the folder that the other shows, or to the one in this row of it.
    pub fn copy(&mut self, from: Side, into: Option<usize>) -> Vec<Ask> {
        let (source, target) = (self.pane(from), self.pane(from.other()));
        let folder = into.and_then(|row| target.entries.get(row));
        let folder = folder.filter(|entry| entry.kind == Some(EntryKind::Folder));
        let to = match folder {
            Some(folder) => target.inside(&folder.name),
            None => target.path.clone(),
        };
        let paths = source.paths();
        if to.is_empty() && from == Side::There {
            return Vec::new();
        }
        self.transfer(from, paths, to)
    }

    /// Files that were dropped onto the window go to the folder that is shown, or to the user's downloads.
    pub fn send(&mut self, paths: Vec<PathBytes>, is_open: bool) -> Vec<Ask> {
        let to = match is_open {
            true => self.there.path.clone(),
            false => Vec::new(),
        };
        self.transfer(Side::Here, paths, to)
    }

    fn transfer(&mut self, from: Side, paths: Vec<PathBytes>, to: PathBytes) -> Vec<Ask> {
        // So many can be fetched at a time; what is sent is asked about at once.
        let most = match from {
            Side::Here => usize::MAX,
            Side::There => MOST_NAMES,
        };
        for paths in paths.chunks(most) {
            self.begun += 1;
            self.transfers.push_back(Transfer {
                seat: self.begun,
                from,
                order: FilesOrder {
                    paths: paths.to_vec(),
                    to: to.clone(),
                    collision: None,
                },
                state: State::Waiting,
                skipped: 0,
                failed: Vec::new(),
                failures: 0,
            });
        }
        self.forget();
        self.begin()
    }

    fn forget(&mut self) {
        while self.transfers.len() > TOLD {
            let Some(over) = self.transfers.iter().position(Transfer::is_over) else {
                return;
            };
            self.transfers.remove(over);
        }
    }

    /// Begins those that wait, as far as there is room.
    fn begin(&mut self) -> Vec<Ask> {
        let active = self.transfers.iter().filter(|t| t.is_active()).count();
        let waiting = self
            .transfers
            .iter_mut()
            .filter(|t| t.state == State::Waiting);
        let begun = waiting
            .take(AT_ONCE.saturating_sub(active))
            .map(|transfer| {
                transfer.state = State::Asking(Amount::default());
                let order = transfer.order.clone();
                let says = match transfer.from {
                    Side::Here => FromCommand::SendFiles(order),
                    Side::There => FromCommand::FetchFiles(order),
                };
                Ask::session(Seat::Transfer(transfer.seat), says)
            });
        begun.collect()
    }

    fn find(&mut self, seat: u32) -> Option<&mut Transfer> {
        self.transfers
            .iter_mut()
            .find(|transfer| transfer.seat == seat)
    }

    /// What becomes of files that are there already.
    pub fn collide(&mut self, seat: u32, collision: Collision) -> Option<Ask> {
        let transfer = self.find(seat)?;
        matches!(transfer.state, State::Exists(_)).then(|| {
            transfer.state = State::Asking(Amount::default());
            Ask::session(Seat::Transfer(seat), FromCommand::Choose(collision))
        })
    }

    /// Gives a transfer up, or forgets one that is over.
    pub fn stop(&mut self, seat: u32) -> Option<Ask> {
        let transfer = self.find(seat)?;
        if transfer.is_active() {
            return Some(Ask::session(
                Seat::Transfer(seat),
                FromCommand::StopFiles(()),
            ));
        }
        self.transfers.retain(|transfer| transfer.seat != seat);
        None
    }

    /// Nothing is copied any more.
    pub fn end_all(&mut self, why: &str) {
        for transfer in self.transfers.iter_mut().filter(|t| !t.is_over()) {
            transfer.state = State::Ended(sentence(why));
        }
        if self.there.loading {
            self.there.fail(why);
        }
    }

    pub fn hear_transfer(&mut self, seat: u32, message: FromHolder) -> Vec<Ask> {
        let FromHolder::Files(news) = message else {
            return Vec::new();
        };
        let Some(transfer) = self.find(seat).filter(|transfer| !transfer.is_over()) else {
            return Vec::new();
        };
        transfer.hear(news);
        if !transfer.is_over() {
            return Vec::new();
        }
        let to = transfer.from.other();
        let mut asks = self.begin();
        asks.extend(self.refresh(to));
        asks
    }

    pub fn hear_folder(&mut self, message: FromHolder) {
        match message {
            FromHolder::Listing(part) => {
                self.there.coming.extend(part.entries);
                if part.last {
                    let entries = std::mem::take(&mut self.there.coming);
                    self.there.come(part.path, entries);
                }
            }
            FromHolder::Refused(why) | FromHolder::Files(FilesNews::Ended(why)) => {
                self.there.fail(&why);
            }
            _ => {}
        }
    }

    pub fn hear_here(&mut self, listed: Result<(PathBytes, Vec<Listed>), String>) {
        match listed {
            Ok((path, entries)) => self.here.come(path, entries),
            Err(why) => self.here.fail(&why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::commands::ListingPart;

    fn entry(name: &str, folder: bool) -> Listed {
        let kind = match folder {
            true => EntryKind::Folder,
            false => EntryKind::File {
                bytes: 10,
                executable: false,
            },
        };
        Listed {
            name: name.into(),
            kind: Some(kind),
            modified_ms: 0,
        }
    }

    fn listing(path: &str, names: &[(&str, bool)]) -> (PathBytes, Vec<Listed>) {
        let entries = names.iter().map(|(name, folder)| entry(name, *folder));
        (path.into(), entries.collect())
    }

    fn there(files: &mut Files, path: &str, names: &[(&str, bool)]) {
        let (path, entries) = listing(path, names);
        let last = true;
        files.hear_folder(FromHolder::Listing(ListingPart {
            path,
            entries,
            last,
        }));
    }

    fn open() -> Files {
        let mut files = Files::default();
        assert_eq!(files.open().len(), 2);
        assert!(files.open().is_empty(), "they are being listed");
        let names = [
            ("b.txt", false),
            (".hidden", false),
            ("Zoo", true),
            ("a.txt", false),
        ];
        files.hear_here(Ok(listing("/home/tess", &names)));
        there(
            &mut files,
            "/home/mira",
            &[("Downloads", true), ("log", false)],
        );
        files
    }

    fn names(files: &Files, side: Side) -> Vec<String> {
        let entries = files.pane(side).entries().iter();
        entries.map(|entry| shown(&entry.name)).collect()
    }

    #[test]
    fn folders_come_first_and_hidden_ones_when_they_are_wanted() {
        let mut files = open();
        assert_eq!(names(&files, Side::Here), ["Zoo", "a.txt", "b.txt"]);
        let ask = files.show_hidden(Side::Here, true);
        assert_eq!(ask, Some(Ask::ListHere("/home/tess".into())));
        files.hear_here(Ok(listing("/home/tess", &[(".hidden", false)])));
        assert_eq!(names(&files, Side::Here), [".hidden"]);
    }

    #[test]
    fn keys_walk_through_folders() {
        let mut files = open();
        assert_eq!(
            files.key(Key::Open),
            [Ask::ListHere("/home/tess/Zoo".into())]
        );
        assert!(files.key(Key::Open).is_empty(), "one listing at a time");
        files.hear_here(Ok(listing("/home/tess/Zoo", &[])));
        assert_eq!(files.key(Key::Above), [Ask::ListHere("/home/tess".into())]);
        files.hear_here(Ok(listing("/home/tess", &[("Art", true), ("Zoo", true)])));
        assert_eq!(files.pane(Side::Here).at(), 1, "back where one came from");
        files.hear_here(Ok(listing("/", &[])));
        assert!(files.key(Key::Above).is_empty());
        files.hear_here(Err("permission denied".into()));
        assert_eq!(files.pane(Side::Here).error(), Some("Permission denied."));
    }

    fn order(paths: &[&str], to: &str) -> FilesOrder {
        FilesOrder {
            paths: paths.iter().map(|path| (*path).into()).collect(),
            to: to.into(),
            collision: None,
        }
    }

    #[test]
    fn what_is_chosen_goes_to_the_other_sides_folder() {
        let mut files = open();
        files.key(Key::Choose);
        files.key(Key::Choose);
        let sent = order(&["/home/tess/Zoo", "/home/tess/a.txt"], "/home/mira");
        let expected = Ask::session(Seat::Transfer(1), FromCommand::SendFiles(sent));
        assert_eq!(files.key(Key::Copy), [expected]);
        files.key(Key::Switch);
        files.key(Key::Down);
        let fetched = order(&["/home/mira/log"], "/home/tess");
        let expected = Ask::session(Seat::Transfer(2), FromCommand::FetchFiles(fetched));
        assert_eq!(files.key(Key::Copy), [expected]);
        // Dropped onto a folder, it goes into that.
        files.choose(Side::Here, 2, false, false);
        let sent = order(&["/home/tess/b.txt"], "/home/mira/Downloads");
        let expected = Ask::session(Seat::Transfer(3), FromCommand::SendFiles(sent));
        assert_eq!(files.copy(Side::Here, Some(0)), [expected]);
        // From the desktop, without the panel: to the downloads.
        let sent = order(&["/tmp/x"], "");
        let expected = Ask::session(Seat::Transfer(4), FromCommand::SendFiles(sent));
        assert_eq!(files.send(vec!["/tmp/x".into()], false), [expected]);
    }

    #[test]
    fn clicks_choose_one_or_several() {
        let mut files = open();
        let chosen = |files: &Files| {
            (0..3)
                .map(|row| files.here.is_chosen(row))
                .collect::<Vec<_>>()
        };
        files.choose(Side::Here, 0, false, false);
        files.choose(Side::Here, 2, false, true);
        assert_eq!(chosen(&files), [true, true, true]);
        files.choose(Side::Here, 1, true, false);
        assert_eq!(chosen(&files), [true, false, true]);
        files.choose(Side::Here, 1, false, false);
        assert_eq!(chosen(&files), [false, true, false]);
        files.choose(Side::Here, 99, false, false);
    }

    #[test]
    fn a_transfer_is_followed_to_its_end() {
        let mut files = open();
        files.key(Key::Down);
        files.key(Key::Copy);
        let tell = |files: &mut Files, news| files.hear_transfer(1, FromHolder::Files(news));
        let words = |files: &Files| files.transfers().next().expect("one").words("mira-pc");
        let amount = Amount {
            files: 1,
            bytes: 10,
        };
        tell(&mut files, FilesNews::Asking(amount));
        assert_eq!(
            words(&files),
            "the user of mira-pc is asked (1 file, 10 bytes)"
        );
        tell(&mut files, FilesNews::Exists(vec!["a.txt".into()]));
        assert_eq!(words(&files), "a.txt is there already");
        let chosen = Ask::session(Seat::Transfer(1), FromCommand::Choose(Collision::KeepBoth));
        assert_eq!(files.collide(1, Collision::KeepBoth), Some(chosen));
        assert_eq!(files.collide(1, Collision::Skip), None, "said once");
        tell(&mut files, FilesNews::Allowed(amount));
        let half = Progress {
            done: Amount { files: 0, bytes: 5 },
            of: amount,
            ..Progress::default()
        };
        tell(&mut files, FilesNews::Progress(half));
        assert_eq!(
            files.transfers().next().and_then(Transfer::share),
            Some(0.5)
        );
        let list = FromCommand::ListFolder("/home/mira".into());
        let asks = tell(&mut files, FilesNews::Done(1));
        assert_eq!(
            asks,
            [Ask::session(Seat::Folder, list)],
            "the folder is shown as it is now"
        );
        assert_eq!(words(&files), "1 file copied");
        assert_eq!(files.stop(1), None);
        assert_eq!(files.transfers().count(), 0);
    }

    #[test]
    fn what_goes_wrong_is_said() {
        let mut files = open();
        files.key(Key::Copy);
        let tell = |files: &mut Files, news| files.hear_transfer(1, FromHolder::Files(news));
        let why = "permission denied".to_owned();
        tell(&mut files, FilesNews::Failed("Zoo/x".into(), why));
        tell(&mut files, FilesNews::Skipped("Zoo/y".into()));
        tell(&mut files, FilesNews::Done(3));
        let transfer = files.transfers().next().expect("one");
        assert_eq!(
            transfer.words("pc"),
            "3 files copied; 1 left as they were; 1 did not come: Zoo/x: permission denied"
        );
        assert!(transfer.is_bad());
    }

    #[test]
    fn others_wait_for_those_that_run() {
        let mut files = open();
        for _ in 0..5 {
            files.key(Key::Copy);
        }
        let waiting = |files: &Files| {
            let waiting = files.transfers().filter(|t| t.state == State::Waiting);
            waiting.map(|transfer| transfer.seat).collect::<Vec<_>>()
        };
        assert_eq!(waiting(&files), [5]);
        let ended = FilesNews::Ended("the user refused it".into());
        let asks = files.hear_transfer(2, FromHolder::Files(ended));
        assert!(matches!(asks[0], Ask::Session(Seat::Transfer(5), _)));
        assert!(waiting(&files).is_empty());
        let stop = Ask::session(Seat::Transfer(1), FromCommand::StopFiles(()));
        assert_eq!(files.stop(1), Some(stop));
        files.end_all("the user took it back");
        assert!(files.transfers().all(Transfer::is_over));
    }

    #[test]
    fn many_are_fetched_in_several_transfers() {
        let mut files = open();
        let many: Vec<String> = (0..20).map(|n| format!("file {n}")).collect();
        let many: Vec<(&str, bool)> = many.iter().map(|name| (name.as_str(), false)).collect();
        there(&mut files, "/home/mira", &many);
        files.activate(Side::There);
        files.key(Key::ChooseAll);
        assert_eq!(files.key(Key::Copy).len(), 2);
    }
}
