//! An operating system whose clipboard is not supported yet: says so.

use std::sync::Arc;

use sightline_ends::content::Form;

use crate::{ClipboardError, Happened, Manner, System};

/// Cannot be opened.
pub enum Desk {}

impl Desk {
    pub fn open(
        _display: Option<&str>,
        _manner: Manner,
        _tell: Box<dyn Fn(Happened) + Send>,
    ) -> Result<Desk, ClipboardError> {
        let system = std::env::consts::OS;
        Err(ClipboardError::None(format!("{system} is not supported")))
    }

    pub fn set_watch(&mut self, _watch: bool) {}
}

impl System for Desk {
    fn fetch(&mut self, _form: Form) {}
    fn offer(&mut self, _forms: &[Form]) {}
    fn give(&mut self, _form: Form, _content: Result<Arc<Vec<u8>>, String>) {}
}
