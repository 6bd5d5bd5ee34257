//! The user's clipboard, behind the rights to read and to set it. What only ends things needs no right.

use std::sync::Arc;

use sightline_clipboard::{ClipboardError, Desk, Happened, Manner, System};
use sightline_ends::consent::{Grant, Granted, kind};
use sightline_ends::content::Form;
use sightline_program::clock::unix_ms;

/// The desktop's clipboard with the grants for it.
pub struct UserClipboard {
    desk: Desk,
    read: Option<Grant<kind::ReadClipboard>>,
    set: Option<Grant<kind::SetClipboard>>,
}

fn alive<C: Granted>(grant: Option<&Grant<C>>) -> bool {
    grant.is_some_and(|grant| grant.check(unix_ms()).is_ok())
}

impl UserClipboard {
    /// Watches what the user copies, if that may be read. `tell` is called from another thread.
    pub fn open(
        read: Option<Grant<kind::ReadClipboard>>,
        set: Option<Grant<kind::SetClipboard>>,
        tell: Box<dyn Fn(Happened) + Send>,
    ) -> Result<UserClipboard, ClipboardError> {
        let manner = Manner {
            watch: alive(read.as_ref()),
            secret: false,
        };
        let desk = Desk::open(None, manner, tell)?;
        Ok(UserClipboard { desk, read, set })
    }

    /// What is read from here on is read by this grant.
    pub fn may_read(&mut self, grant: Grant<kind::ReadClipboard>) {
        self.read = Some(grant);
    }

    pub fn may_set(&mut self, grant: Grant<kind::SetClipboard>) {
        self.set = Some(grant);
    }

    pub fn end_reading(&mut self) {
        self.read = None;
        self.desk.set_watch(false);
    }

    /// What the technician put there goes.
    pub fn end_setting(&mut self) {
        self.set = None;
        self.desk.offer(&[]);
    }
}

impl System for UserClipboard {
    fn fetch(&mut self, form: Form) {
        if alive(self.read.as_ref()) {
            self.desk.fetch(form);
        }
    }

    fn offer(&mut self, forms: &[Form]) {
        if forms.is_empty() || alive(self.set.as_ref()) {
            self.desk.offer(forms);
        }
    }

    fn give(&mut self, form: Form, content: Result<Arc<Vec<u8>>, String>) {
        if content.is_err() || alive(self.set.as_ref()) {
            self.desk.give(form, content);
        }
    }
}
