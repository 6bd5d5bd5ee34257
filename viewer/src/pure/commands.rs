//! What commands and the program that holds a session say to each other: framed as on the wire (PROTOCOL.md §2). The
//! panels of that program's own window say the same, without a wire.

use serde::{Deserialize, Serialize};
use sightline_ends::content::{Amount, Collision, Facts, FileNote, Form, PathBytes};
use sightline_ends::transfer::Progress;
use sightline_protocol::capability::Capabilities;
use sightline_protocol::messages;

/// Of these messages. Another one is refused: both are one program, of which somebody installed a newer one meanwhile.
pub const VERSION: u16 = 3;

/// Who has joined a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClientId {
    /// A command, counted as they come.
    Command(u64),
    /// A part of the window of the program that holds it.
    Window(Seat),
}

/// What in the window is as one command to the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Seat {
    Chat,
    Facts,
    /// One terminal, counted as they are opened.
    Terminal(u32),
    /// The view into the user's folders.
    Folder,
    /// One transfer of files, counted as they are begun.
    Transfer(u32),
}

/// The session that a command has joined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    pub version: u16,
    pub computer: String,
    pub technician: String,
    pub organisation: String,
    pub allowed: Capabilities,
}

/// A terminal that a command wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenShell {
    pub columns: u16,
    pub rows: u16,
    pub term: String,
    /// Empty: the user's shell.
    pub command: String,
}

/// A terminal that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Counts the session's terminals from 1.
    pub number: u32,
    pub program: String,
}

/// A program's output, as far as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Bytes of output that it stands for: what is left out was taken, too.
    pub taken: u64,
    #[serde(with = "sightline_protocol::octets")]
    pub bytes: Vec<u8>,
}

/// How the technician's terminal is put back when it shows the other one no more, however that comes about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutBack {
    pub bytes: Vec<u8>,
    /// It sends what nobody typed (the mouse), and what is under way must not be taken for typed.
    pub talks: bool,
}

/// One terminal of the session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    pub number: u32,
    pub program: String,
    pub command: String,
    /// A command shows it now.
    pub shown: bool,
}

/// Files that a command sends or fetches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesOrder {
    /// To send: absolute paths here. To fetch: paths at the user's.
    pub paths: Vec<PathBytes>,
    /// The folder at the other end; to fetch, an absolute path here.
    pub to: PathBytes,
    /// None: the command is asked if it comes to that.
    pub collision: Option<Collision>,
}

/// What becomes of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FilesNews {
    /// So much is to go over; the user is being asked.
    Asking(Amount),
    /// These are there already: the command says what to do with them.
    Exists(Vec<PathBytes>),
    Allowed(Amount),
    Progress(Progress),
    /// This one is in its place, with its path in the transfer.
    Placed(String, FileNote),
    /// This one was there already, and stays.
    Skipped(String),
    /// This one did not come, for that reason.
    Failed(String, String),
    /// It is over; so many are in their places.
    Done(u64),
    /// It ended too early, for this reason.
    Ended(String),
}

/// A part of what is in a folder of the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListingPart {
    pub path: PathBytes,
    pub entries: Vec<sightline_ends::content::Listed>,
    pub last: bool,
}

messages! {
    /// Command → the program that holds the session.
    pub enum FromCommand {
        /// A message for the user.
        Say(String) = 10, 20_000;
        /// The closing note.
        Note(String) = 11, 20_000;
        /// What was said so far is to be told.
        Listen(()) = 12, 0;
        AskFacts(()) = 20, 0;
        OpenShell(OpenShell) = 30, 65_536;
        /// A terminal's number (none: the newest that nobody shows), columns and rows.
        AttachShell((Option<u32>, u16, u16)) = 31, 16;
        /// As typed.
        Keys(Vec<u8>) = 32, 70_000;
        /// Columns and rows.
        Resize((u16, u16)) = 33, 4;
        /// The terminal goes on without us.
        Detach(()) = 34, 0;
        HangUp(()) = 35, 0;
        /// Bytes of output that were shown since the last of these.
        Took(u64) = 36, 8;
        ListShells(()) = 37, 0;
        SendFiles(FilesOrder) = 40, 1_048_576;
        FetchFiles(FilesOrder) = 41, 131_072;
        ListFolder(PathBytes) = 42, 8_192;
        /// The answer to `FilesNews::Exists`.
        Choose(Collision) = 43, 16;
        /// The command gives its transfer up.
        StopFiles(()) = 44, 0;
        /// What the user copied, in this form, or the first that there is.
        GetClipboard(Option<Form>) = 50, 8;
        /// The next piece of what goes on the user's clipboard; after the last one it can be pasted there.
        PutClipboard((Form, Vec<u8>, bool)) = 51, 70_000;
    }
}

messages! {
    /// The program that holds the session → command.
    pub enum FromHolder {
        /// Comes first.
        Welcome(Welcome) = 101, 4_096;
        /// What is allowed changed, and why.
        Allowed((Capabilities, String)) = 102, 20_000;
        /// What the command wanted cannot be, for this reason.
        Refused(String) = 103, 20_000;
        /// The session is over, with a code of `sightline_protocol::close`.
        Over(u16) = 104, 2;
        /// Done as wanted, where nothing else answers.
        Done(()) = 105, 0;
        /// A message of the user.
        Said(String) = 110, 20_000;
        /// A message of the technician, sent by another of his programs.
        Wrote(String) = 112, 20_000;
        /// A message from before, and whether it was the technician's own.
        SaidBefore((bool, String)) = 111, 20_000;
        Facts(Box<Facts>) = 120, 524_288;
        ShellReady(Ready) = 130, 20_000;
        /// For the terminal.
        ShellOutput(Shown) = 131, 1_048_576;
        /// For the terminal, of our own making.
        ShellBytes(Vec<u8>) = 132, 4_194_304;
        /// From now on; comes before what makes it so.
        ShellPutBack(PutBack) = 137, 20_000;
        ShellExited(i32) = 133, 4;
        /// There is no terminal (any more), for this reason.
        ShellFailed(String) = 134, 20_000;
        Shells(Vec<Listed>) = 135, 1_048_576;
        /// The program there wanted to set the technician's clipboard. Said once.
        ShellWantedClipboard(()) = 136, 0;
        Files(FilesNews) = 140, 262_144;
        Listing(ListingPart) = 141, 262_144;
        /// The next piece of what the user copied, and whether it is the last.
        Clipboard((Form, Vec<u8>, bool)) = 150, 70_000;
    }
}
