//! A recording as events: what people read, search and feed to other systems. Keys become texts, terminals' bytes become
//! lines, pictures become counts, and what this auditor may not open is said to be there.

use std::collections::BTreeMap;
use std::time::Duration;

use sightline_ends::content::{Button, Chat, Control, Input, Scene};
use sightline_ends::replay::Content;
use sightline_protocol::record::{Class, Header};

use super::clipboards::Clipboards;
use super::event::{Event, at, micros};
use super::files;
use super::shells::Shells;
use super::typed::{self, Typing};

/// Pictures and movements are counted for so long before an event says how many: 60 s.
const COUNTED: Duration = Duration::from_secs(60);

/// Things of one kind that are counted.
struct Count {
    /// Where and when the first one was.
    first: Header,
    last: Duration,
    records: u64,
    bytes: u64,
    /// Pictures that were ended, or movements.
    times: u64,
}

impl Count {
    fn add(place: &mut Option<Count>, header: &Header, times: u64) {
        let count = place.get_or_insert_with(|| Count {
            first: *header,
            last: at(header),
            records: 0,
            bytes: 0,
            times: 0,
        });
        count.last = at(header);
        count.records += 1;
        count.bytes += u64::from(header.length);
        count.times += times;
    }
}

/// Makes events of records, in the order in which they stand. Holds what is not finished yet, and no more.
#[derive(Default)]
pub struct Events {
    typing: Typing,
    typing_from: Option<Header>,
    shells: Shells,
    clipboards: Clipboards,
    pictures: Option<Count>,
    pointing: Option<Count>,
    pointer: (i32, i32),
    title: Option<String>,
    size: Option<(u32, u32)>,
    closed: BTreeMap<Class, Option<Count>>,
    out: Vec<Event>,
}

impl Events {
    /// The events that are known with this record.
    pub fn take(&mut self, header: &Header, content: &Content) -> Vec<Event> {
        self.due(at(header));
        match content {
            Content::Scene(scene) => self.scene(header, scene),
            Content::Input(input) => self.input(header, input),
            Content::Control(control) => self.control(header, control),
            Content::ShellInput(input) => self.shells.input(header, input, &mut self.out),
            Content::ShellOutput(output) => self.shells.output(header, output, &mut self.out),
            Content::Chat(Chat::Say { text }) => {
                self.say(Event::new(header, "chat", text.as_str()))
            }
            Content::Chat(Chat::Earlier { text, ago_ms }) => {
                let event = Event::new(header, "chat", text.as_str());
                self.say(Event {
                    ago: Duration::from_millis(*ago_ms),
                    ..event.with("sightline.before_consent", true)
                });
            }
            Content::File(message) => self.out.extend(files::event(header, message)),
            Content::Clipboard(message) => {
                self.clipboards.message(header, message, &mut self.out);
            }
            Content::ClipboardPart(part) => self.clipboards.part(header, part, &mut self.out),
            Content::Facts(_) => self.say(Event::new(header, "facts", "the computer's state")),
            Content::Sealed => {
                Count::add(self.closed.entry(header.class).or_default(), header, 0);
            }
        }
        std::mem::take(&mut self.out)
    }

    /// What is left at the end of the recording.
    pub fn finish(&mut self) -> Vec<Event> {
        let run = self.typing.finish();
        self.typed(run);
        self.shells.finish(&mut self.out);
        self.counted();
        for (class, count) in std::mem::take(&mut self.closed) {
            let Some(count) = count else { continue };
            let (words, records) = (class.word(), count.records);
            let text = format!("{records} records of class {words} that this key does not open");
            let event = Event::new(&count.first, "sealed", text)
                .with("sightline.records", records)
                .with("sightline.bytes", count.bytes)
                .with("sightline.until_us", micros(count.last));
            self.out.push(Event {
                lane: None,
                ..event
            });
        }
        std::mem::take(&mut self.out)
    }

    fn say(&mut self, event: Event) {
        self.out.push(event);
    }

    /// What ends because time has passed.
    fn due(&mut self, now: Duration) {
        let run = self.typing.due(now);
        self.typed(run);
        self.shells.due(now, &mut self.out);
        let begun = [&self.pictures, &self.pointing].into_iter().flatten();
        if begun
            .map(|count| at(&count.first))
            .any(|first| now.saturating_sub(first) > COUNTED)
        {
            self.counted();
        }
    }

    fn counted(&mut self) {
        if let Some(count) = self.pictures.take() {
            let text = format!("{} picture updates", count.times);
            self.say(
                Event::new(&count.first, "pictures", text)
                    .with("sightline.updates", count.times)
                    .with("sightline.bytes", count.bytes)
                    .with("sightline.until_us", micros(count.last)),
            );
        }
        if let Some(count) = self.pointing.take() {
            let text = format!("{} movements of pointer and wheel", count.times);
            self.say(
                Event::new(&count.first, "pointing", text)
                    .with("sightline.movements", count.times)
                    .with("sightline.until_us", micros(count.last)),
            );
        }
    }

    fn scene(&mut self, header: &Header, scene: &Scene) {
        match scene {
            Scene::Update { last, .. } => Count::add(&mut self.pictures, header, u64::from(*last)),
            Scene::Layout(layout) if self.size != Some((layout.width, layout.height)) => {
                self.size = Some((layout.width, layout.height));
                let text = format!("{} × {} pixels", layout.width, layout.height);
                self.say(
                    Event::new(header, "screen", text)
                        .with("sightline.width", layout.width)
                        .with("sightline.height", layout.height)
                        .with("sightline.monitors", layout.monitors.len()),
                );
            }
            Scene::Window { title } if self.title.as_ref() != Some(title) => {
                self.title = Some(title.clone());
                self.say(Event::new(header, "window", title.as_str()));
            }
            Scene::Layout(_) | Scene::Window { .. } | Scene::Cursor(_) | Scene::Pointer { .. } => {}
        }
    }

    fn input(&mut self, header: &Header, input: &Input) {
        match input {
            Input::Pointer { x, y } => {
                self.pointer = (*x, *y);
                Count::add(&mut self.pointing, header, 1);
            }
            Input::Wheel { .. } => Count::add(&mut self.pointing, header, 1),
            Input::Button { button, down: true } => self.click(header, *button),
            Input::Button { .. } => {}
            Input::Key { keysym, down } => {
                self.typing_from = Some(*header);
                let runs = self.typing.key(at(header), *keysym, *down);
                self.typed(runs);
            }
            Input::Text(text) => {
                self.typing_from = Some(*header);
                let runs = self.typing.text(at(header), text);
                self.typed(runs);
            }
            Input::ReleaseAll => self.typing.release(),
        }
    }

    fn click(&mut self, header: &Header, button: Button) {
        let run = self.typing.finish();
        self.typed(run);
        let name = match button {
            Button::Left => "left",
            Button::Middle => "middle",
            Button::Right => "right",
            Button::Back => "back",
            Button::Forward => "forward",
        };
        let (x, y) = self.pointer;
        self.say(
            Event::new(header, "click", format!("{name} button at {x}, {y}"))
                .with("sightline.button", name)
                .with("sightline.x", x)
                .with("sightline.y", y),
        );
    }

    fn typed(&mut self, runs: impl IntoIterator<Item = typed::Run>) {
        let Some(from) = self.typing_from else {
            return;
        };
        for run in runs {
            let event =
                Event::new(&from, "typed", run.raw).with("sightline.typed", run.edited.as_str());
            self.out.push(Event {
                at: run.at,
                edited: Some(run.edited),
                ..event
            });
        }
    }

    fn control(&mut self, header: &Header, control: &Control) {
        match control {
            Control::Grants { capabilities, why } => self.say(
                Event::new(
                    header,
                    "grants",
                    format!("allowed from now on: {capabilities} ({why})"),
                )
                .with("sightline.allowed", capabilities.to_string()),
            ),
            Control::Refused { why } => self.say(Event::new(header, "refused", why.as_str())),
            Control::Bye { code } => {
                let sentence = sightline_protocol::close::CloseCode::from_number(*code).sentence();
                self.say(Event::new(header, "bye", sentence).with("sightline.close", *code));
            }
            Control::AskFacts => self.say(Event::new(header, "facts-asked", "how the computer is")),
            Control::Note { text } => self.say(Event::new(header, "note", text.as_str())),
            Control::Shown { .. }
            | Control::Mark { .. }
            | Control::Ping { .. }
            | Control::Pong { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use sightline_ends::content::ShellOutput;
    use sightline_protocol::id::{Author, Lane, SessionId};

    use super::*;

    fn header(class: Class, author: Author, ms: u64) -> Header {
        Header {
            session: SessionId([1; 16]),
            class,
            author,
            flags: 0,
            epoch: 0,
            lane: Lane(2),
            seq: 0,
            time_us: ms * 1000,
            length: 100,
        }
    }

    fn told(records: Vec<(Header, Content)>) -> Vec<(u64, &'static str, String)> {
        let mut events = Events::default();
        let mut all = Vec::new();
        for (header, content) in &records {
            all.extend(events.take(header, content));
        }
        all.extend(events.finish());
        all.into_iter()
            .map(|e| (e.at.as_millis() as u64, e.kind, e.edited.unwrap_or(e.text)))
            .collect()
    }

    #[test]
    fn words_from_before_the_consent_have_their_own_time() {
        let earlier = Chat::Earlier {
            text: "is it plugged in?".into(),
            ago_ms: 61_000,
        };
        let header = header(Class::Chat, Author::FIRST_TECHNICIAN, 1_000);
        let events = Events::default().take(&header, &Content::Chat(earlier));
        assert_eq!(events.len(), 1);
        assert_eq!(
            (events[0].kind, events[0].offset_us()),
            ("chat", -60_000_000)
        );
        // Whatever an author claims.
        let endless = Chat::Earlier {
            text: "long ago".into(),
            ago_ms: u64::MAX,
        };
        let events = Events::default().take(&header, &Content::Chat(endless));
        assert!(events[0].offset_us() < 0);
    }

    #[test]
    fn keys_lines_and_pictures_are_put_together() {
        let technician = |ms, input| {
            (
                header(Class::Input, Author::FIRST_TECHNICIAN, ms),
                Content::Input(input),
            )
        };
        let key = |ms, keysym| technician(ms, Input::Key { keysym, down: true });
        let output = |ms, bytes: &[u8]| {
            let data = ShellOutput::Data(bytes.to_vec());
            (
                header(Class::Shell, Author::AGENT, ms),
                Content::ShellOutput(data),
            )
        };
        let update = Scene::Update {
            frame: 0,
            last: true,
            bytes: vec![0; 9],
        };
        let picture = |ms| {
            (
                header(Class::Picture, Author::AGENT, ms),
                Content::Scene(update.clone()),
            )
        };
        let events = told(vec![
            picture(0),
            key(5, 0x68),
            picture(6),
            output(7, b"Gr\xc3"),
            key(8, 0x69),
            output(9, b"\xbc\xc3\x9fe\r\n$ "),
            technician(
                10,
                Input::Button {
                    button: Button::Left,
                    down: true,
                },
            ),
            (header(Class::Clipboard, Author::AGENT, 11), Content::Sealed),
            picture(70_000),
        ]);
        let kinds: Vec<_> = events
            .iter()
            .map(|(at, kind, text)| (*at, *kind, text.as_str()))
            .collect();
        assert_eq!(
            kinds,
            [
                (5, "typed", "hi"),
                (10, "click", "left button at 0, 0"),
                (9, "shell-output", "Grüße"),
                (0, "pictures", "2 picture updates"),
                (9, "shell-output", "$"),
                (70_000, "pictures", "1 picture updates"),
                (
                    11,
                    "sealed",
                    "1 records of class clipboard that this key does not open"
                ),
            ]
        );
    }
}
