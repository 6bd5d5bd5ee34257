//! Exit codes, one table for all programs.

use std::process::ExitCode;

use sightline_protocol::close::CloseCode;
use sightline_protocol::verify::Fault;

/// A search that could not read everything it was asked to read, or a transfer that left files behind.
pub const PARTLY: u8 = 3;

/// The table as the programs' `--help` shows it.
pub fn table() -> String {
    let mut lines = vec![
        "Exit codes:".to_owned(),
        "   0  done, or the session ended in order".to_owned(),
        "   1  it could not be done, and the message says why; `search` found nothing".to_owned(),
        "   2  wrong usage".to_owned(),
        "   3  not everything: `search` could not read some, `send` or `fetch` not copy some; the messages say what"
            .to_owned(),
    ];
    for code in CloseCode::ALL.iter().filter(|code| code.exit_code() != 0) {
        lines.push(format!("  {:>2}  {}", code.exit_code(), code.sentence()));
    }
    lines.push("`verify` ends with the first fault that it found:".to_owned());
    for fault in Fault::ALL {
        lines.push(format!(
            "  {:>2}  {}: {}",
            fault.exit_code(),
            fault.word(),
            fault.meaning()
        ));
    }
    lines.join("\n")
}

/// The exit code for how a session ended.
pub fn code(code: CloseCode) -> ExitCode {
    ExitCode::from(code.exit_code())
}
