//! The user is asked, and only the user answers; what shows that someone watches stays, and stops them.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use sightline_agent::platform::x11::indicator::X11Indicator;
use sightline_agent::platform::x11::prompt::WindowPrompt;
use sightline_agent::platform::{
    Answer, Asked, Choice, Indicator, Message, Prompt, Question, SmallQuestion, Talk, UserWish,
    Watching,
};
use sightline_protocol::capability::{Capabilities, Capability};
use x11rb::connection::RequestConnection;
use x11rb::protocol::xinput::{
    ConnectionExt as _, DEVICE_BUTTON_PRESS_EVENT, DEVICE_BUTTON_RELEASE_EVENT, Device,
};
use x11rb::protocol::xproto::{AtomEnum, ConnectionExt as _, MapState, PropMode};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use super::rfb::Person;
use super::xserver::{XServer, eventually, temporary};

/// Longer than the window's grace.
const SETTLE: Duration = Duration::from_millis(1000);
/// Height in pixels of the talk below the consent window's buttons.
const TALK: i32 = 137;

fn question(seconds: u64) -> Question {
    Question {
        technician: "Mira Kovač".into(),
        organisation: "Example Help Desk".into(),
        asked: Capabilities::of(&[
            Capability::View,
            Capability::Control,
            Capability::ReadClipboard,
            Capability::SetClipboard,
            Capability::Chat,
        ]),
        reason: "The printer on the second floor does not print; I would like to look at its settings with you.".into(),
        ticket: "HD-20418".into(),
        notes: vec![
            "This session is recorded. The recording can be read by Example Help Desk's auditors only.".into(),
            "You can stop at any time: with the Stop button at the top of the screen, or with Ctrl+Alt+End.".into(),
        ],
        deadline: Instant::now() + Duration::from_secs(seconds),
    }
}

fn watching() -> Watching {
    Watching {
        technician: "Mira Kovač".into(),
        organisation: "Example Help Desk".into(),
        allowed: Capabilities::of(&[Capability::View, Capability::Control]),
        paused: false,
        silent: None,
        said: Some("Tess: would you open the printer's window, please?".into()),
    }
}

/// A server with a person in front of it.
struct Desk {
    server: XServer,
    person: Person,
    conn: RustConnection,
    root: u32,
}

/// A window as it is on the screen.
#[derive(Clone, Copy, Debug)]
struct Place {
    x: i32,
    y: i32,
    width: i32,
    height: i32,
    has_talk: bool,
}

impl Place {
    /// Height of the talk below the buttons; a small question has none.
    fn talk(self) -> i32 {
        if self.has_talk { TALK } else { 0 }
    }

    /// In the field to write in.
    fn field(self) -> (i32, i32) {
        (self.x + 120, self.y + self.height - 36)
    }

    /// In the middle of the button at the window's lower right (Allow) or left (Deny).
    fn button(self, left: bool) -> (i32, i32) {
        let part = if left {
            self.width / 4
        } else {
            self.width * 3 / 4
        };
        (self.x + part, self.y + self.height - 41 - self.talk())
    }
}

impl Desk {
    fn new() -> Desk {
        let socket = temporary("rfb");
        let server = XServer::xvnc(1280, 800, &socket);
        eventually("the RFB socket", || socket.exists());
        let person = Person::connect(&socket);
        let (conn, root) = server.connect();
        Desk {
            server,
            person,
            conn,
            root,
        }
    }

    fn ask(&self, question: Question) -> (Box<dyn Asked>, Receiver<Answer>) {
        let (asked, answers, _) = self.ask_and_listen(question);
        (asked, answers)
    }

    /// With what the user writes to the technician.
    fn ask_and_listen(
        &self,
        question: Question,
    ) -> (Box<dyn Asked>, Receiver<Answer>, Receiver<String>) {
        let prompt = WindowPrompt::open(Some(&self.server.display)).unwrap();
        let (sender, answers) = channel();
        let answer = Box::new(move |answer| sender.send(answer).unwrap());
        let (sender, words) = channel();
        let say = Box::new(move |text| drop(sender.send(text)));
        (prompt.ask(question, say, answer).unwrap(), answers, words)
    }

    /// The window of that title, if it is shown.
    fn find(&self, title: &str) -> Option<Place> {
        let tree = self.conn.query_tree(self.root).unwrap().reply().unwrap();
        tree.children.into_iter().find_map(|window| {
            let attributes = self.conn.get_window_attributes(window).unwrap();
            let (name, kind) = (AtomEnum::WM_NAME, AtomEnum::STRING);
            let name = self.conn.get_property(false, window, name, kind, 0, 99);
            let shown = attributes.reply().ok()?.map_state == MapState::VIEWABLE;
            let named = name.unwrap().reply().ok()?.value == title.as_bytes();
            let at = self.conn.get_geometry(window).unwrap().reply().ok()?;
            (shown && named).then_some(Place {
                x: at.x.into(),
                y: at.y.into(),
                width: at.width.into(),
                height: at.height.into(),
                has_talk: title == "Remote support request",
            })
        })
    }

    fn prompt(&self) -> Place {
        let mut place = None;
        eventually("the consent window", || {
            place = self.find("Remote support request");
            place.is_some()
        });
        place.unwrap()
    }

    /// What a program does: moves the pointer and clicks, by the server's test extension.
    fn program_clicks(&self, (x, y): (i32, i32)) {
        let (x, y) = (x.to_string(), y.to_string());
        self.server
            .output("xdotool", &["mousemove", &x, &y, "click", "1"]);
    }

    /// A picture for people to look at, where the environment names a directory for it.
    fn picture(&self, name: &str) {
        if let Ok(directory) = std::env::var("SIGHTLINE_PICTURES") {
            let path = format!("{directory}/{name}.png");
            self.server.output("import", &["-window", "root", &path]);
        }
    }
}

fn silent(answers: &Receiver<Answer>) {
    let answer = answers.recv_timeout(Duration::from_millis(400));
    assert_eq!(answer, Err(RecvTimeoutError::Timeout));
}

fn answer(answers: &Receiver<Answer>) -> Answer {
    answers.recv_timeout(Duration::from_secs(3)).unwrap()
}

#[test]
fn programs_cannot_agree_but_a_person_can() {
    let mut desk = Desk::new();
    let (asked, answers) = desk.ask(question(60));
    let place = desk.prompt();
    let allow = place.button(false);
    // The window has just appeared: this click was meant for something else.
    desk.person.click(allow);
    silent(&answers);
    std::thread::sleep(SETTLE);
    desk.picture("prompt");
    for _ in 0..3 {
        desk.program_clicks(allow);
    }
    // The keyboard is the window's, so these come here too: to Allow and press it.
    let keys = ["key", "Tab", "Tab", "Tab", "Tab", "Tab", "Tab", "Return"];
    desk.server.output("xdotool", &keys);
    silent(&answers);
    desk.picture("prompt-refused");
    // The window grew by a line that says so, and Allow is where it was.
    assert!(desk.prompt().height > place.height);
    desk.person.click(allow);
    assert_eq!(answer(&answers), Answer::Allow(question(60).asked));
    eventually("the window goes", || {
        desk.find("Remote support request").is_none()
    });
    drop(asked);
}

#[test]
fn a_small_question_is_answered_by_a_person_too() {
    let mut desk = Desk::new();
    let prompt = WindowPrompt::open(Some(&desk.server.display)).unwrap();
    let ask = || {
        let question = SmallQuestion {
            title: "Mira Kovač wants to copy files to your computer".into(),
            lines: vec![
                "Quarterly report.pdf".into(),
                "photos".into(),
                "and 7 more".into(),
                "212 files, 48.3 MB".into(),
                "Into: /home/mira/Downloads".into(),
                "Files of the same name there are replaced.".into(),
            ],
            all: "all files of this session, both ways".into(),
            deadline: Instant::now() + Duration::from_secs(60),
        };
        let (sender, answers) = channel();
        let answer = Box::new(move |choice| sender.send(choice).unwrap());
        (prompt.ask_small(question, answer).unwrap(), answers)
    };
    let place = |desk: &Desk| {
        let mut place = None;
        eventually("the question's window", || {
            place = desk.find("Remote support question");
            place.is_some()
        });
        place.unwrap()
    };
    let (_asked, answers) = ask();
    let at = place(&desk);
    std::thread::sleep(SETTLE);
    desk.picture("small-question");
    desk.program_clicks(at.button(false));
    let silent = answers.recv_timeout(Duration::from_millis(400));
    assert_eq!(silent, Err(RecvTimeoutError::Timeout));
    std::thread::sleep(SETTLE);
    desk.person.click(at.button(false));
    let given = answers.recv_timeout(Duration::from_secs(3));
    assert_eq!(given, Ok(Choice::Allow));
    eventually("the window goes", || {
        desk.find("Remote support question").is_none()
    });
    let (_asked, answers) = ask();
    let at = place(&desk);
    std::thread::sleep(SETTLE);
    desk.person.click(at.button(true));
    let given = answers.recv_timeout(Duration::from_secs(3));
    assert_eq!(given, Ok(Choice::Refuse));
}

#[test]
fn a_message_that_looks_like_a_click_is_refused() {
    use x11rb::protocol::xproto::{BUTTON_PRESS_EVENT, ButtonPressEvent, EventMask};
    let desk = Desk::new();
    let (_asked, answers) = desk.ask(question(60));
    let place = desk.prompt();
    std::thread::sleep(SETTLE);
    let (x, y) = place.button(false);
    let child = desk.conn.query_pointer(desk.root).unwrap().reply().unwrap();
    let tree = desk.conn.query_tree(desk.root).unwrap().reply().unwrap();
    for window in tree.children {
        for kind in [BUTTON_PRESS_EVENT, BUTTON_PRESS_EVENT + 1] {
            let event = ButtonPressEvent {
                response_type: kind,
                detail: 1,
                sequence: 0,
                time: 0,
                root: desk.root,
                event: window,
                child: child.child,
                root_x: x as i16,
                root_y: y as i16,
                event_x: (x - place.x) as i16,
                event_y: (y - place.y) as i16,
                state: 0u16.into(),
                same_screen: true,
            };
            desk.conn
                .send_event(false, window, EventMask::NO_EVENT, event)
                .unwrap()
                .check()
                .unwrap();
        }
    }
    silent(&answers);
    assert!(desk.prompt().height > place.height, "and the user is told");
}

/// XTEST can also speak for a device by XInput 1; that must not pass as the device either.
#[test]
fn a_click_in_the_name_of_a_real_device_is_refused() {
    let mut desk = Desk::new();
    let (_asked, answers) = desk.ask(question(60));
    let allow = desk.prompt().button(false);
    std::thread::sleep(SETTLE);
    // Where the real pointer is, the impostor's click lands.
    desk.person.point(allow);
    let extension = desk.conn.extension_information("XInputExtension");
    let first = extension.unwrap().unwrap().first_event;
    let all = desk.conn.xinput_xi_query_device(Device::ALL).unwrap();
    for info in all.reply().unwrap().infos {
        for kind in [DEVICE_BUTTON_PRESS_EVENT, DEVICE_BUTTON_RELEASE_EVENT] {
            let device = info.deviceid as u8;
            let fake = desk
                .conn
                .xtest_fake_input(first + kind, 1, 0, 0, 0, 0, device);
            let _ = fake.unwrap().check(); // a keyboard has no buttons
        }
    }
    silent(&answers);
    std::thread::sleep(SETTLE);
    desk.person.click(allow);
    assert!(
        matches!(answer(&answers), Answer::Allow(_)),
        "a real one still counts"
    );
}

#[test]
fn a_person_can_deny() {
    let mut desk = Desk::new();
    let (_asked, answers) = desk.ask(question(60));
    let deny = desk.prompt().button(true);
    std::thread::sleep(SETTLE);
    desk.person.click(deny);
    assert_eq!(answer(&answers), Answer::Deny);
}

#[test]
fn a_person_can_narrow_it_by_keyboard() {
    const TAB: u32 = 0xff09;
    const ENTER: u32 = 0xff0d;
    let mut desk = Desk::new();
    let (_asked, answers) = desk.ask(question(60));
    desk.prompt();
    std::thread::sleep(SETTLE);
    desk.person.keys(&[TAB]);
    desk.person.keys(&[' '.into()]); // unticks "view", and with it control
    desk.picture("prompt-narrowed");
    for _ in 0..6 {
        desk.person.keys(&[TAB]);
    }
    desk.person.keys(&[ENTER]);
    let left = Capabilities::of(&[
        Capability::ReadClipboard,
        Capability::SetClipboard,
        Capability::Chat,
    ]);
    assert_eq!(answer(&answers), Answer::Allow(left));
}

#[test]
fn no_answer_means_timed_out_and_a_question_can_be_taken_away() {
    let desk = Desk::new();
    let (_asked, answers) = desk.ask(question(1));
    assert_eq!(answer(&answers), Answer::TimedOut);

    let (asked, answers) = desk.ask(question(60));
    desk.prompt();
    drop(asked);
    assert!(desk.find("Remote support request").is_none());
    assert_eq!(answers.recv(), Err(std::sync::mpsc::RecvError));
}

#[test]
fn the_question_outlives_the_server_until_its_deadline() {
    let mut desk = Desk::new();
    let (_asked, answers) = desk.ask(question(2));
    desk.prompt();
    desk.server.kill();
    assert_eq!(answer(&answers), Answer::TimedOut);
}

#[test]
fn on_a_dense_screen_everything_is_larger() {
    let desk = Desk::new();
    let (asked, _) = desk.ask(question(60));
    let before = desk.prompt();
    drop(asked);
    let (property, kind) = (AtomEnum::RESOURCE_MANAGER, AtomEnum::STRING);
    let resources = b"*color: blue\nXft.dpi:\t144\n";
    desk.conn
        .change_property8(PropMode::REPLACE, desk.root, property, kind, resources)
        .unwrap()
        .check()
        .unwrap();
    let (asked, _) = desk.ask(question(60));
    let place = desk.prompt();
    // By as much as fits this low screen.
    assert!(place.width > before.width * 9 / 8, "{place:?} {before:?}");
    std::thread::sleep(Duration::from_millis(300));
    desk.picture("prompt-dense");
    drop(asked);

    // But never beyond the edge.
    let mut long = question(60);
    long.reason = "one reason more ".repeat(40);
    long.notes = vec![long.reason.clone(); 3];
    let (_asked, _) = desk.ask(long);
    let place = desk.prompt();
    assert!(place.y >= 0 && place.y + place.height <= 800, "{place:?}");
    std::thread::sleep(Duration::from_millis(300));
    desk.picture("prompt-long");
}

#[test]
fn the_indicator_stops_at_a_click_and_at_the_hot_key() {
    let mut desk = Desk::new();
    let (sender, stops) = channel();
    let stop = Box::new(move |wish| sender.send(wish).unwrap());
    let indicator = X11Indicator::show(Some(&desk.server.display), watching(), stop).unwrap();
    let place = desk.find("Remote support").unwrap();
    std::thread::sleep(Duration::from_millis(200));
    desk.picture("indicator");
    let stopped = |by: &str| {
        let wish = stops.recv_timeout(Duration::from_secs(3)).expect(by);
        assert_eq!(wish, UserWish::Stop);
    };
    let on_stop = |p: Place| (p.x + p.width - 40, p.y + p.height / 2);
    desk.person.click(on_stop(place));
    stopped("a person");
    desk.program_clicks(on_stop(place));
    stopped("a program");
    for lock in [None, Some("Caps_Lock"), Some("Num_Lock")] {
        if let Some(lock) = lock {
            desk.server.output("xdotool", &["key", lock]);
        }
        desk.server.output("xdotool", &["key", "ctrl+alt+End"]);
        stopped(lock.unwrap_or("no lock"));
    }
    assert!(stops.try_recv().is_err(), "once each");

    // It can be moved out of the way, and is still the same.
    desk.person.drag((place.x + 30, place.y + 10), (300, 500));
    eventually("it moves", || desk.find("Remote support").unwrap().y > 400);
    let moved = desk.find("Remote support").unwrap();
    desk.person.click(on_stop(moved));
    stopped("a person, elsewhere");
    assert!(stops.try_recv().is_err(), "moving it stops nothing");

    indicator.update(Watching {
        technician: "A colleague with a very long name that needs some room".into(),
        ..watching()
    });
    eventually("it grows", || {
        desk.find("Remote support").unwrap().width > place.width
    });
    desk.picture("indicator-moved");
    drop(indicator);
    assert!(desk.find("Remote support").is_none());
}

#[test]
fn the_indicator_stays_in_front() {
    let desk = Desk::new();
    let indicator = X11Indicator::show(Some(&desk.server.display), watching(), Box::new(|_| ()));
    let indicator = indicator.unwrap();
    let place = desk.find("Remote support").unwrap();
    let _xterm = desk.server.run("xterm", &["-geometry", "200x60+0+0"]);
    let on_top = |name: &str| {
        let tree = desk.conn.query_tree(desk.root).unwrap().reply().unwrap();
        let top = *tree.children.last().unwrap();
        let (property, kind) = (AtomEnum::WM_NAME, AtomEnum::STRING);
        let reply = desk.conn.get_property(false, top, property, kind, 0, 99);
        let title = reply.unwrap().reply().map(|r| r.value).unwrap_or_default();
        tree.children.len() > 1 && title == name.as_bytes()
    };
    eventually("xterm is there", || {
        desk.conn
            .query_tree(desk.root)
            .unwrap()
            .reply()
            .unwrap()
            .children
            .len()
            > 1
    });
    eventually("the indicator is in front", || on_top("Remote support"));
    assert!(place.y < 20 && place.x > 200);
    drop(indicator);
}

#[test]
fn a_taken_hot_key_is_replaced_and_named() {
    use x11rb::protocol::xproto::GrabMode;
    let desk = Desk::new();
    let mode = GrabMode::ASYNC;
    let control_alt = 0b1100u16;
    let end = 115; // evdev's code
    desk.conn
        .grab_key(false, desk.root, control_alt.into(), end, mode, mode)
        .unwrap()
        .check()
        .unwrap();
    let (sender, stops) = channel();
    let stop = Box::new(move |wish| sender.send(wish).unwrap());
    let _indicator = X11Indicator::show(Some(&desk.server.display), watching(), stop).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    desk.picture("indicator-other-key");
    desk.server.output("xdotool", &["key", "ctrl+alt+End"]);
    assert!(stops.recv_timeout(Duration::from_millis(300)).is_err());
    desk.server
        .output("xdotool", &["key", "ctrl+alt+shift+End"]);
    stops.recv_timeout(Duration::from_secs(3)).unwrap();
}

fn technician(text: &str) -> Talk {
    Talk::Said(Message {
        own: false,
        text: text.into(),
    })
}

/// Types it, key by key.
fn types(desk: &mut Desk, text: &str) {
    for c in text.chars() {
        let symbol = match c {
            '\n' => 0xff0d,
            ' '..='~' | '\u{a0}'..='\u{ff}' => c.into(),
            _ => 0x0100_0000 + u32::from(c),
        };
        desk.person.keys(&[symbol]);
    }
}

fn silent_words(words: &Receiver<String>) {
    let said = words.recv_timeout(Duration::from_millis(600));
    assert_eq!(said, Err(RecvTimeoutError::Timeout));
}

#[test]
fn the_user_can_talk_before_the_answer_and_no_letter_is_one() {
    let mut desk = Desk::new();
    let (asked, answers, words) = desk.ask_and_listen(question(60));
    let place = desk.prompt();
    std::thread::sleep(SETTLE);
    asked.talk(technician(
        "Hello, this is Mira. Is the printer's lamp green? http://example.org",
    ));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(desk.prompt().height, place.height, "nothing moves");
    desk.picture("prompt-talk");
    desk.person.click(place.field());
    // Spaces and Enter among them: in the field they are text and "send", and press no button.
    types(&mut desk, "No, it is Red é!\n");
    let said = words.recv_timeout(Duration::from_secs(3));
    assert_eq!(said.as_deref(), Ok("No, it is Red é!"));
    silent(&answers);
    asked.talk(Talk::Said(Message {
        own: true,
        text: "No, it is Red é!".into(),
    }));
    for n in 0..60 {
        asked.talk(technician(&format!("message {n} ").repeat(20)));
    }
    asked.talk(Talk::NotSent(
        "no more than 50 messages before the answer".into(),
    ));
    std::thread::sleep(Duration::from_millis(300));
    desk.picture("prompt-talk-long");
    assert_eq!(desk.prompt().height, place.height, "nothing moves");
    desk.person.click(place.button(false));
    assert_eq!(answer(&answers), Answer::Allow(question(60).asked));
}

#[test]
fn no_program_writes_to_the_technician_in_the_users_name() {
    let mut desk = Desk::new();
    let (_asked, answers, words) = desk.ask_and_listen(question(60));
    let place = desk.prompt();
    std::thread::sleep(SETTLE);
    desk.program_clicks(place.field());
    desk.server.output("xdotool", &["type", "yes please"]);
    desk.server.output("xdotool", &["key", "Return"]);
    silent_words(&words);
    // With the keyboard in the field by a person's own hand, a program's keys still are none.
    desk.person.click(place.field());
    types(&mut desk, "I ");
    desk.server.output("xdotool", &["type", "do "]);
    types(&mut desk, "not");
    desk.server.output("xdotool", &["key", "Return"]);
    silent_words(&words);
    types(&mut desk, "\n");
    let said = words.recv_timeout(Duration::from_secs(3));
    assert_eq!(said.as_deref(), Ok("I not"));
    silent(&answers);
}

/// Where the indicator's button to write is.
fn on_write(place: Place) -> (i32, i32) {
    (place.x + 50, place.y + place.height - 17)
}

#[test]
fn the_user_writes_in_a_window_that_takes_the_keyboard_only_by_a_persons_click() {
    let mut desk = Desk::new();
    let (sender, wishes) = channel();
    let wish = Box::new(move |wish| drop(sender.send(wish)));
    let indicator = X11Indicator::show(Some(&desk.server.display), watching(), wish).unwrap();
    indicator.talk(technician("before you opened it"));
    let place = desk.find("Remote support").unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let focus = |desk: &Desk| desk.conn.get_input_focus().unwrap().reply().unwrap().focus;
    let before = focus(&desk);
    desk.person.click(on_write(place));
    eventually("the window to write in", || {
        desk.find("Remote support chat").is_some()
    });
    let window = desk.find("Remote support chat").unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(focus(&desk), before, "it takes the keyboard from nobody");
    desk.picture("chat-window");
    let field = (window.x + 100, window.y + window.height - 46);
    // The technician's own hands, or any program's.
    desk.program_clicks(field);
    desk.server.output("xdotool", &["type", "I agree"]);
    desk.server.output("xdotool", &["key", "Return"]);
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(focus(&desk), before);
    assert!(wishes.try_recv().is_err());
    desk.picture("chat-window-refused");
    desk.person.click(field);
    types(&mut desk, "Grüße, it blinks\n");
    let wish = wishes.recv_timeout(Duration::from_secs(3));
    assert_eq!(wish, Ok(UserWish::Say("Grüße, it blinks".into())));
    indicator.talk(Talk::Said(Message {
        own: true,
        text: "Grüße, it blinks".into(),
    }));
    for n in 0..30 {
        indicator.talk(technician(&format!("Then press the button {n} times.")));
    }
    std::thread::sleep(Duration::from_millis(300));
    desk.picture("chat-window-talk");
    // A program that types while the person has the keyboard in the field adds nothing.
    desk.server.output("xdotool", &["type", "more"]);
    types(&mut desk, "ok\n");
    let wish = wishes.recv_timeout(Duration::from_secs(3));
    assert_eq!(wish, Ok(UserWish::Say("ok".into())));
    drop(indicator);
    assert!(desk.find("Remote support chat").is_none());
    assert!(desk.find("Remote support").is_none());
}
