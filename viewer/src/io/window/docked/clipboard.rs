//! The technician's own clipboard, for text of the panels. Read when a person pastes, and at no other time.

use arboard::{Clipboard as Board, GetExtLinux, LinuxClipboardKind, SetExtLinux};

/// Longer text is not pasted, in bytes: nobody types that, and each message of it is sealed and recorded.
const LONGEST: usize = 1 << 20;

/// Opened when it is first needed.
#[derive(Default)]
pub(super) struct Clipboard(Option<Board>);

impl Clipboard {
    fn board(&mut self) -> Option<&mut Board> {
        if self.0.is_none() {
            let opened = Board::new();
            self.0 = opened
                .inspect_err(|error| tracing::warn!("no clipboard: {error}"))
                .ok();
        }
        self.0.as_mut()
    }

    /// What Ctrl+V pastes.
    pub(super) fn text(&mut self) -> Option<String> {
        self.read(LinuxClipboardKind::Clipboard)
    }

    /// What the middle button pastes.
    pub(super) fn selected(&mut self) -> Option<String> {
        self.read(LinuxClipboardKind::Primary)
    }

    fn read(&mut self, kind: LinuxClipboardKind) -> Option<String> {
        let text = self.board()?.get().clipboard(kind).text().ok()?;
        (text.len() <= LONGEST).then_some(text)
    }

    pub(super) fn set_text(&mut self, text: String) {
        self.write(LinuxClipboardKind::Clipboard, text);
    }

    pub(super) fn set_selected(&mut self, text: String) {
        self.write(LinuxClipboardKind::Primary, text);
    }

    fn write(&mut self, kind: LinuxClipboardKind, text: String) {
        if let Some(board) = self.board()
            && let Err(error) = board.set().clipboard(kind).text(text)
        {
            tracing::warn!("the clipboard does not take the text: {error}");
        }
    }
}
