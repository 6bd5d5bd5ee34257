//! A recording as JSON lines or as a table.

use std::io::{BufWriter, Write};

use super::output::Meter;
use super::source::Source;
use crate::pure::evidence::event::Event;
use crate::pure::evidence::events::Events;
use crate::pure::evidence::rows::{COLUMNS, Session};

/// How events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    JsonLines,
    Csv,
}

enum Writer<W: Write> {
    JsonLines(BufWriter<W>),
    Csv(Box<csv::Writer<W>>),
}

/// Writes every event; returns how many.
pub fn write(
    source: &mut Source,
    format: Format,
    out: &mut impl Write,
    meter: &mut Meter,
) -> anyhow::Result<u64> {
    let session = source.session();
    let mut log = Log {
        session,
        number: 0,
        writer: match format {
            Format::JsonLines => Writer::JsonLines(BufWriter::new(out)),
            Format::Csv => {
                let mut table = csv::Writer::from_writer(out);
                table.write_record(COLUMNS)?;
                Writer::Csv(Box::new(table))
            }
        },
    };
    let mut events = Events::default();
    log.write(&source.began())?;
    while let Some((header, content)) = source.next_content()? {
        for event in events.take(&header, &content) {
            log.write(&event)?;
        }
        meter.at(source.fraction(), source.length);
    }
    for event in events.finish() {
        log.write(&event)?;
    }
    log.write(&source.ended())?;
    match log.writer {
        Writer::JsonLines(mut out) => out.flush()?,
        Writer::Csv(mut table) => table.flush()?,
    }
    Ok(log.number)
}

struct Log<W: Write> {
    session: Session,
    number: u64,
    writer: Writer<W>,
}

impl<W: Write> Log<W> {
    fn write(&mut self, event: &Event) -> anyhow::Result<()> {
        match &mut self.writer {
            Writer::JsonLines(out) => {
                writeln!(out, "{}", self.session.object(self.number, event))?;
            }
            Writer::Csv(table) => table.write_record(self.session.cells(self.number, event))?,
        }
        self.number += 1;
        Ok(())
    }
}
