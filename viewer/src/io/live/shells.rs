//! The session's terminals, and which of the commands that joined shows which.

use std::collections::BTreeMap;

use sightline_ends::content::{ShellInput, ShellOutput};
use sightline_ends::seal::{FIRST_TERMINAL, TERMINALS};
use sightline_protocol::id::Lane;

use crate::io::local::{ClientId, FromHolder, Listed, OpenShell, PutBack, Ready, Shown};
use crate::pure::terminal::screen::{Screen, bounded};

/// Bytes of output after which the agent hears that they were taken, so that it may send more.
const ACKNOWLEDGED: u64 = 16 * 1024;
/// Lines above the screen that are kept: what a window that is made taller shows of them. What was scrolled away is in
/// the technician's own terminal.
const ABOVE: usize = 200;

struct Terminal {
    screen: Screen,
    command: String,
    program: String,
    /// Who shows it; none: it runs on unseen.
    shown_by: Option<ClientId>,
    /// Bytes of output that came, that were taken by who shows it, and that the agent knows of.
    came: u64,
    took: u64,
    acknowledged: u64,
    said_clipboard: bool,
}

/// What is to be sent or said.
#[derive(Debug, PartialEq, Eq)]
pub enum Todo {
    Send(Lane, ShellInput),
    Tell(ClientId, FromHolder),
}

#[derive(Default)]
pub struct Shells {
    terminals: BTreeMap<Lane, Terminal>,
    /// Terminals opened so far.
    opened: u32,
}

impl Shells {
    pub fn any(&self) -> bool {
        !self.terminals.is_empty()
    }

    /// A new terminal, shown by this command.
    pub fn open(&mut self, id: ClientId, wanted: OpenShell) -> Vec<Todo> {
        if self.opened == TERMINALS {
            let why =
                format!("{TERMINALS} terminals were opened in this session, and no more can be");
            return vec![Todo::Tell(id, FromHolder::ShellFailed(why))];
        }
        let lane = Lane(FIRST_TERMINAL + self.opened);
        self.opened += 1;
        let (columns, rows) = bounded(wanted.columns, wanted.rows);
        let terminal = Terminal {
            screen: Screen::new(columns, rows, ABOVE),
            command: wanted.command.clone(),
            program: String::new(),
            shown_by: Some(id),
            came: 0,
            took: 0,
            acknowledged: 0,
            said_clipboard: false,
        };
        self.terminals.insert(lane, terminal);
        let open = ShellInput::Open {
            columns,
            rows,
            term: wanted.term,
            command: wanted.command,
        };
        vec![Todo::Send(lane, open)]
    }

    /// The command comes back to a terminal: this one, or the newest that nobody shows.
    pub fn attach(
        &mut self,
        id: ClientId,
        number: Option<u32>,
        columns: u16,
        rows: u16,
    ) -> Vec<Todo> {
        let fails = |why: String| vec![Todo::Tell(id, FromHolder::ShellFailed(why))];
        let found = match number {
            Some(number) => Lane(number.saturating_add(FIRST_TERMINAL - 1)),
            None => {
                let unseen = self.terminals.iter().rev();
                let unseen = unseen.filter(|(_, terminal)| terminal.shown_by.is_none());
                match unseen.map(|(lane, _)| *lane).next() {
                    Some(lane) => lane,
                    None => return fails("no terminal was left running".into()),
                }
            }
        };
        let Some(terminal) = self.terminals.get_mut(&found) else {
            return fails(format!("there is no terminal {}", number.unwrap_or(0)));
        };
        let mut todo = Vec::new();
        if let Some(before) = terminal.shown_by.replace(id) {
            let why = "the terminal was taken over by another command".to_owned();
            todo.push(Todo::Tell(before, FromHolder::ShellFailed(why)));
        }
        terminal.took = terminal.came;
        let redraw = FromHolder::ShellBytes(terminal.screen.redraw());
        let ready = FromHolder::ShellReady(ready(found, terminal));
        for message in [ready, terminal.put_back(), redraw] {
            todo.push(Todo::Tell(id, message));
        }
        todo.extend(terminal.acknowledge(found));
        todo.extend(self.resize(id, columns, rows));
        todo
    }

    fn of(&mut self, id: ClientId) -> Option<(Lane, &mut Terminal)> {
        let mut all = self.terminals.iter_mut();
        all.find(|(_, terminal)| terminal.shown_by == Some(id))
            .map(|(lane, terminal)| (*lane, terminal))
    }

    pub fn keys(&mut self, id: ClientId, keys: Vec<u8>) -> Option<Todo> {
        let (lane, _) = self.of(id)?;
        Some(Todo::Send(lane, ShellInput::Data(keys)))
    }

    pub fn resize(&mut self, id: ClientId, columns: u16, rows: u16) -> Option<Todo> {
        let (lane, terminal) = self.of(id)?;
        let (columns, rows) = bounded(columns, rows);
        terminal.screen.resize(columns, rows);
        Some(Todo::Send(lane, ShellInput::Resize { columns, rows }))
    }

    /// The command has shown so many bytes of output in all, since it came.
    pub fn took(&mut self, id: ClientId, bytes: u64) -> Option<Todo> {
        let (lane, terminal) = self.of(id)?;
        terminal.took = terminal.took.saturating_add(bytes).min(terminal.came);
        terminal.acknowledge(lane)
    }

    pub fn hang_up(&mut self, id: ClientId) -> Option<Todo> {
        let (lane, _) = self.of(id)?;
        self.terminals.remove(&lane);
        Some(Todo::Send(lane, ShellInput::Close))
    }

    /// The command leaves the terminal running, as one that was killed does.
    pub fn detach(&mut self, id: ClientId) -> Vec<Todo> {
        let Some((lane, terminal)) = self.of(id) else {
            return Vec::new();
        };
        terminal.shown_by = None;
        terminal.took = terminal.came;
        terminal.acknowledge(lane).into_iter().collect()
    }

    pub fn list(&self) -> Vec<Listed> {
        let terminals = self.terminals.iter();
        terminals
            .map(|(lane, terminal)| Listed {
                number: number(*lane),
                program: terminal.program.clone(),
                command: terminal.command.clone(),
                shown: terminal.shown_by.is_some(),
            })
            .collect()
    }

    /// What the agent says in a terminal.
    pub fn output(&mut self, lane: Lane, output: ShellOutput) -> Vec<Todo> {
        let Some(terminal) = self.terminals.get_mut(&lane) else {
            return Vec::new(); // it was hung up
        };
        let shown_by = terminal.shown_by;
        let tell = |message| shown_by.map(|id| Todo::Tell(id, message));
        match output {
            ShellOutput::Opened { program } => {
                terminal.program = program;
                let ready = FromHolder::ShellReady(ready(lane, terminal));
                let both = [ready, terminal.put_back()];
                both.into_iter().filter_map(tell).collect()
            }
            ShellOutput::Data(bytes) => terminal.data(lane, &bytes),
            ShellOutput::Exited { code } => {
                self.terminals.remove(&lane);
                tell(FromHolder::ShellExited(code)).into_iter().collect()
            }
            ShellOutput::Failed { why } => {
                self.terminals.remove(&lane);
                tell(FromHolder::ShellFailed(why)).into_iter().collect()
            }
        }
    }
}

/// People count terminals from 1.
fn number(lane: Lane) -> u32 {
    lane.0 - FIRST_TERMINAL + 1
}

fn ready(lane: Lane, terminal: &Terminal) -> Ready {
    Ready {
        number: number(lane),
        program: terminal.program.clone(),
    }
}

impl Terminal {
    fn data(&mut self, lane: Lane, bytes: &[u8]) -> Vec<Todo> {
        let taken = self.screen.take(bytes);
        self.came += bytes.len() as u64;
        let mut todo = Vec::new();
        if !taken.answers.is_empty() {
            todo.push(Todo::Send(lane, ShellInput::Data(taken.answers)));
        }
        let Some(id) = self.shown_by else {
            self.took = self.came;
            todo.extend(self.acknowledge(lane));
            return todo;
        };
        if taken.wanted_clipboard && !std::mem::replace(&mut self.said_clipboard, true) {
            todo.push(Todo::Tell(id, FromHolder::ShellWantedClipboard(())));
        }
        if taken.switched {
            todo.push(Todo::Tell(id, self.put_back()));
        }
        let shown = Shown {
            taken: bytes.len() as u64,
            bytes: taken.shown,
        };
        todo.push(Todo::Tell(id, FromHolder::ShellOutput(shown)));
        todo
    }

    fn put_back(&self) -> FromHolder {
        FromHolder::ShellPutBack(PutBack {
            bytes: self.screen.put_back(),
            talks: self.screen.talks(),
        })
    }

    fn acknowledge(&mut self, lane: Lane) -> Option<Todo> {
        if self.took < self.acknowledged + ACKNOWLEDGED {
            return None;
        }
        self.acknowledged = self.took;
        let bytes = self.took;
        Some(Todo::Send(lane, ShellInput::Seen { bytes }))
    }
}
