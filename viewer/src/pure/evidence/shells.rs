//! Terminals' two directions as events.

use std::collections::BTreeMap;
use std::time::Duration;

use sightline_ends::content::{ShellInput, ShellOutput};
use sightline_protocol::record::Header;

use super::event::{Event, at};
use super::lines::{self, Lines};

/// A terminal's two directions.
#[derive(Default)]
struct Terminal {
    output: Lines,
    output_from: Option<Header>,
    input: Lines,
    input_from: Option<Header>,
}

/// The terminals that are open, by lane.
#[derive(Default)]
pub struct Shells(BTreeMap<u32, Terminal>);

impl Shells {
    /// What ends because time has passed.
    pub fn due(&mut self, now: Duration, out: &mut Vec<Event>) {
        for (lane, terminal) in &mut self.0 {
            let (output, input) = (terminal.output.due(now), terminal.input.due(now));
            let made = [
                shell("shell-output", *lane, terminal.output_from.as_ref(), output),
                shell("shell-input", *lane, terminal.input_from.as_ref(), input),
            ];
            out.extend(made.into_iter().flatten());
        }
    }

    /// What is left of all of them.
    pub fn finish(&mut self, out: &mut Vec<Event>) {
        let lanes: Vec<u32> = self.0.keys().copied().collect();
        lanes.into_iter().for_each(|lane| self.end(lane, out));
    }

    pub fn input(&mut self, header: &Header, input: &ShellInput, out: &mut Vec<Event>) {
        let lane = header.lane.0;
        let terminal = self.0.entry(lane).or_default();
        let size = |kind, columns: &u16, rows: &u16| {
            Event::new(header, kind, format!("{columns} × {rows} characters"))
                .with("sightline.columns", *columns)
                .with("sightline.rows", *rows)
        };
        match input {
            ShellInput::Open {
                columns,
                rows,
                term,
                command,
            } => {
                let open = size("shell-open", columns, rows).with("sightline.term", term.as_str());
                out.push(match command.is_empty() {
                    true => open,
                    false => open.with("process.command_line", command.as_str()),
                });
            }
            ShellInput::Resize { columns, rows } => out.push(size("shell-resize", columns, rows)),
            ShellInput::Seen { .. } => {}
            ShellInput::Close => out.push(Event::new(header, "shell-close", "")),
            ShellInput::Data(bytes) => {
                terminal.input_from = Some(*header);
                // A keyboard's Enter is a return, its BackSpace mostly a delete.
                let bytes: Vec<u8> = bytes
                    .iter()
                    .flat_map(|byte| match byte {
                        b'\r' => b"\n".to_vec(),
                        0x7f => b"\x08\x1b[P".to_vec(),
                        byte => vec![*byte],
                    })
                    .collect();
                let runs = terminal.input.take(at(header), &bytes);
                let made = runs
                    .into_iter()
                    .filter_map(|run| shell("shell-input", lane, Some(header), Some(run)));
                out.extend(made);
            }
        }
    }

    pub fn output(&mut self, header: &Header, output: &ShellOutput, out: &mut Vec<Event>) {
        let lane = header.lane.0;
        match output {
            ShellOutput::Opened { program } => {
                out.push(Event::new(header, "shell-opened", program.as_str()));
            }
            ShellOutput::Exited { code } => {
                self.end(lane, out);
                out.push(
                    Event::new(header, "shell-exit", format!("exit code {code}"))
                        .with("process.exit_code", *code),
                );
            }
            ShellOutput::Failed { why } => {
                out.push(Event::new(header, "shell-failed", why.as_str()));
            }
            ShellOutput::Data(bytes) => {
                let terminal = self.0.entry(lane).or_default();
                terminal.output_from = Some(*header);
                let runs = terminal.output.take(at(header), bytes);
                let made = runs
                    .into_iter()
                    .filter_map(|run| shell("shell-output", lane, Some(header), Some(run)));
                out.extend(made);
            }
        }
    }

    fn end(&mut self, lane: u32, out: &mut Vec<Event>) {
        let Some(mut terminal) = self.0.remove(&lane) else {
            return;
        };
        for run in terminal.input.finish() {
            out.extend(shell(
                "shell-input",
                lane,
                terminal.input_from.as_ref(),
                Some(run),
            ));
        }
        for run in terminal.output.finish() {
            out.extend(shell(
                "shell-output",
                lane,
                terminal.output_from.as_ref(),
                Some(run),
            ));
        }
    }
}

fn shell(
    kind: &'static str,
    lane: u32,
    from: Option<&Header>,
    run: Option<lines::Run>,
) -> Option<Event> {
    let (from, run) = (from?, run?);
    Some(Event {
        at: run.at,
        lane: Some(lane),
        ..Event::new(from, kind, run.text)
    })
}
