//! What commands that joined the session, and the window's panels, want of it, and what the agent says for them.

use serde_json::json;
use sightline_ends::clipboard::Broken;
use sightline_ends::content::{CHAT_CAP, Chat};
use sightline_ends::session::{AgentSays, TechnicianSays};
use sightline_ends::text::harmless;
use sightline_protocol::capability::Capability;
use sightline_protocol::close::CloseCode;

use super::Running;
use super::clipboard::ClipboardEvent;
use super::files::FilesEvent;
use super::shells::Todo;
use crate::io::local::{ClientId, FromCommand, FromHolder, Joined, VERSION, Welcome};

/// Messages that are told to a command that comes to listen: an hour of talk.
const CHAT_KEPT: usize = 200;

impl Running {
    pub(super) fn joined(&mut self, joined: Joined) {
        match joined {
            Joined::Came(id, hears) => {
                self.clients.came(id, hears);
                self.clients.tell(id, FromHolder::Welcome(self.welcome()));
            }
            Joined::Says(id, says) => self.command(id, says),
            Joined::Left(id) => {
                let todo = self.shells.detach(id);
                self.clients.left(id);
                self.shell(todo);
                self.files.left(id);
                self.clipboard.left(id);
                self.unused();
            }
        }
    }

    fn welcome(&self) -> Welcome {
        Welcome {
            version: VERSION,
            computer: self.bar.user.clone(),
            technician: self.bar.technician.clone(),
            organisation: self.bar.organisation.clone(),
            allowed: self.machine.allowed(),
        }
    }

    /// What a command wants of the session.
    pub(super) fn command(&mut self, id: ClientId, says: FromCommand) {
        let now = self.clock.now();
        match says {
            FromCommand::Say(text) => {
                self.remember(true, &text);
                let wrote = FromHolder::Wrote(text.clone());
                self.clients.tell_others(Some(id), &wrote);
                self.tell(&TechnicianSays::Chat(Chat::Say { text }));
                self.clients.tell(id, FromHolder::Done(()));
            }
            FromCommand::Listen(()) => {
                for before in &self.chat {
                    let before = FromHolder::SaidBefore(before.clone());
                    self.clients.tell(id, before);
                }
            }
            FromCommand::Note(text) => {
                self.machine.note(text, now);
                self.clients.tell(id, FromHolder::Done(()));
            }
            FromCommand::AskFacts(()) => self.machine.ask_facts(now),
            FromCommand::OpenShell(wanted) => {
                if !self.machine.allowed().contains(Capability::Shell) {
                    let why = "the user has not allowed you to run commands".to_owned();
                    return self.clients.tell(id, FromHolder::ShellFailed(why));
                }
                let todo = self.shells.open(id, wanted);
                self.shell(todo);
            }
            FromCommand::AttachShell((number, columns, rows)) => {
                let todo = self.shells.attach(id, number, columns, rows);
                self.shell(todo);
            }
            FromCommand::Keys(keys) => {
                let todo = self.shells.keys(id, keys);
                self.shell(todo);
            }
            FromCommand::Resize((columns, rows)) => {
                let todo = self.shells.resize(id, columns, rows);
                self.shell(todo);
            }
            FromCommand::Detach(()) => {
                let todo = self.shells.detach(id);
                self.shell(todo);
                self.clients.tell(id, FromHolder::Done(()));
            }
            FromCommand::HangUp(()) => {
                let todo = self.shells.hang_up(id);
                self.shell(todo);
                self.clients.tell(id, FromHolder::Done(()));
            }
            FromCommand::Took(bytes) => {
                let todo = self.shells.took(id, bytes);
                self.shell(todo);
            }
            FromCommand::ListShells(()) => {
                let list = self.shells.list();
                self.clients.tell(id, FromHolder::Shells(list));
            }
            FromCommand::SendFiles(order) => self.files.send(id, order),
            FromCommand::FetchFiles(order) => self.files.fetch(id, order),
            FromCommand::ListFolder(path) => self.files.list(id, path),
            FromCommand::Choose(collision) => self.files.choose(id, collision),
            FromCommand::StopFiles(()) => self.files.left(id),
            FromCommand::GetClipboard(form) => self.clipboard.get(id, form),
            FromCommand::PutClipboard((form, bytes, last)) => {
                self.clipboard.put(id, form, &bytes, last);
            }
        }
    }

    fn remember(&mut self, own: bool, text: &str) {
        if self.chat.len() == CHAT_KEPT {
            self.chat.pop_front();
        }
        self.chat.push_back((own, text.to_owned()));
    }

    fn shell(&mut self, todo: impl IntoIterator<Item = Todo>) {
        for todo in todo {
            match todo {
                Todo::Send(lane, input) => drop(self.tell(&TechnicianSays::Shell(lane, input))),
                Todo::Tell(id, message) => self.clients.tell(id, message),
            }
        }
    }

    /// Nobody uses a session any more that was made for a command.
    fn unused(&mut self) {
        if self.only_for_commands && self.clients.none() && !self.shells.any() {
            let now = self.clock.now();
            self.machine.leave(CloseCode::TechnicianLeft, now);
        }
    }

    pub(super) fn files_happened(&mut self, event: FilesEvent) {
        match event {
            FilesEvent::Say(message) => {
                if !self.tell(&TechnicianSays::File(message)) {
                    self.files.end_all("the user does not allow files");
                }
            }
            FilesEvent::Tell(id, message) => self.clients.tell(id, message),
        }
    }

    pub(super) fn clipboard_happened(&mut self, event: ClipboardEvent) {
        match event {
            ClipboardEvent::Say(says) => drop(self.tell(&says)),
            ClipboardEvent::Tell(id, message) => self.clients.tell(id, message),
            ClipboardEvent::Crossed(event, facts) => self.report.note(event, facts),
        }
    }

    fn clipboard_broken(&mut self, done: Result<(), Broken>) {
        if let Err(broken) = done {
            tracing::error!("clipboard: {broken}");
            let now = self.clock.now();
            self.machine.leave(CloseCode::ProtocolViolation, now);
        }
    }

    /// What the agent says beside the picture.
    pub(super) fn said(&mut self, says: AgentSays) {
        match says {
            AgentSays::Chat(Chat::Say { text }) => {
                let text = harmless(&text, CHAT_CAP);
                self.report.note("chat", json!({ "text": text }));
                self.remember(false, &text);
                self.clients.tell_all(&FromHolder::Said(text));
            }
            // The machine has compared it with what was said, and that was shown.
            AgentSays::Chat(Chat::Earlier { .. }) => {}
            AgentSays::Facts(facts) => self.clients.tell_all(&FromHolder::Facts(facts)),
            AgentSays::Shell(lane, output) => {
                let todo = self.shells.output(lane, output);
                self.shell(todo);
            }
            AgentSays::File(message) => {
                if let Some((id, message)) = self.files.handle(message) {
                    self.clients.tell(id, message);
                }
            }
            AgentSays::Clipboard(whose, message) => {
                let done = self.clipboard.said(whose, message);
                self.clipboard_broken(done);
            }
            AgentSays::ClipboardPart(part) => {
                let done = self.clipboard.part(&part);
                self.clipboard_broken(done);
            }
        }
    }
}
