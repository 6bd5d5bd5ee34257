//! One terminal of a recording as an asciicast.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use sightline_ends::content::{ShellInput, ShellOutput};
use sightline_ends::replay::Content;
use sightline_protocol::record::Class;

use super::output::Meter;
use super::source::{Auditor, Source};
use crate::pure::evidence::cast::{Cast, Head, Version};
use crate::pure::evidence::rows::clock;

/// A terminal as the recording knows it.
struct Shell {
    opened: Duration,
    columns: u16,
    rows: u16,
    term: String,
    program: String,
}

/// Writes terminal `wanted`, or the only one there is. Returns its lane's number.
pub fn write(
    file: &Path,
    auditor: &Auditor,
    (version, wanted): (Version, Option<u32>),
    out: &mut impl Write,
    meter: &mut Meter,
) -> anyhow::Result<u32> {
    let mut source = Source::open(file, auditor)?;
    let shells = list(&mut source)?;
    let lane = choose(&shells, wanted)?;
    let shell = &shells[&lane];
    let verified = &source.verified;
    let head = Head {
        columns: shell.columns,
        rows: shell.rows,
        term: shell.term.clone(),
        unix_s: verified.manifest.started_ms / 1000 + shell.opened.as_secs(),
        title: format!("{}, terminal {lane}", verified.credential.name),
        program: shell.program.clone(),
    };
    let mut cast = Cast::begin(BufWriter::new(out), version, &head, shell.opened)?;
    let mut source = Source::open(file, auditor)?;
    while let Some((header, content)) = source.next_content()? {
        meter.at(source.fraction(), source.length);
        if header.class != Class::Shell || header.lane.0 != lane {
            continue;
        }
        let at = Duration::from_micros(header.time_us);
        match content {
            Content::ShellOutput(ShellOutput::Data(bytes)) => cast.output(at, &bytes)?,
            Content::ShellOutput(ShellOutput::Exited { code }) => cast.exit(at, code)?,
            Content::ShellInput(ShellInput::Resize { columns, rows }) => {
                cast.resize(at, columns, rows)?;
            }
            _ => {}
        }
    }
    cast.finish()?;
    Ok(lane)
}

/// The recording's terminals by lane.
fn list(source: &mut Source) -> anyhow::Result<BTreeMap<u32, Shell>> {
    let mut shells = BTreeMap::new();
    let mut sealed = 0_u64;
    while let Some(raw) = source.next_raw()? {
        if raw.header.class != Class::Shell {
            continue;
        }
        let at = Duration::from_micros(raw.header.time_us);
        let content = source.open_raw(&raw)?;
        if content == Content::Sealed {
            sealed += 1;
            continue;
        }
        // 80 × 24 is what every terminal was once, should it never have been said.
        let shell = shells.entry(raw.header.lane.0).or_insert(Shell {
            opened: at,
            columns: 80,
            rows: 24,
            term: String::new(),
            program: String::new(),
        });
        match content {
            Content::ShellInput(ShellInput::Open {
                columns,
                rows,
                term,
                ..
            }) => (shell.columns, shell.rows, shell.term) = (columns, rows, term),
            Content::ShellOutput(ShellOutput::Opened { program }) => shell.program = program,
            _ => {}
        }
    }
    if shells.is_empty() && sealed > 0 {
        bail!("this key does not open the recording's terminals");
    }
    Ok(shells)
}

fn choose(shells: &BTreeMap<u32, Shell>, wanted: Option<u32>) -> anyhow::Result<u32> {
    let listed: Vec<String> = shells
        .iter()
        .map(|(lane, shell)| {
            format!(
                "--shell {lane} (at {}, {})",
                clock(shell.opened.as_micros() as i64),
                shell.program
            )
        })
        .collect();
    let listed = listed.join(", ");
    match (wanted, shells.len()) {
        (_, 0) => bail!("the recording has no terminal"),
        (Some(lane), _) if shells.contains_key(&lane) => Ok(lane),
        (Some(lane), _) => bail!("the recording has no terminal {lane}; it has {listed}"),
        (None, 1) => Ok(*shells.keys().next().unwrap_or(&0)),
        (None, _) => bail!("the recording has several terminals: choose one with {listed}"),
    }
}
