//! What the technician types and clicks arrives, as it was, and nothing stays pressed.

use std::time::{Duration, Instant};

use sightline_agent::platform::Hands;
use sightline_agent::platform::x11::hands::X11Hands;
use sightline_ends::content::{Button, Input};
use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{ConnectionExt as _, CreateWindowAux, EventMask, WindowClass};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use super::xserver::{Running, XServer, eventually, grant, temporary};

const CAPS_LOCK: u32 = 0xffe5;
const NUM_LOCK: u32 = 0xff7f;
const SHIFT: u32 = 0xffe1;
const CONTROL: u32 = 0xffe3;
const ALT_GR: u32 = 0xfe03;

/// 25 characters that no single keyboard has together.
const MIXED: &str = "aZ5 äöüß€@{[]}\\~ñÇЖ中😀'\"#";

fn inject(hands: &mut X11Hands, input: Input) {
    hands.inject(&grant(), &input).unwrap();
}

fn key(hands: &mut X11Hands, keysym: u32, down: bool) {
    inject(hands, Input::Key { keysym, down });
}

fn click(hands: &mut X11Hands, keysym: u32) {
    key(hands, keysym, true);
    key(hands, keysym, false);
}

/// As the viewer numbers characters.
fn keysym(c: char) -> u32 {
    match u32::from(c) {
        latin if latin < 0x100 => latin,
        other => 0x0100_0000 + other,
    }
}

/// xterm with a program that writes what it is typed into a file.
struct Terminal {
    file: std::path::PathBuf,
    _xterm: Running,
}

impl Terminal {
    fn open(server: &XServer, hands: &mut X11Hands) -> Terminal {
        let file = temporary("typed");
        let script = format!("stty raw -echo; : > {0}; exec cat >> {0}", file.display());
        let args = ["-u8", "-geometry", "80x24+0+0", "-e", "sh", "-c", &script];
        let xterm = server.run("xterm", &args);
        eventually("xterm's shell", || file.exists());
        inject(hands, Input::Pointer { x: 100, y: 100 });
        Terminal {
            file,
            _xterm: xterm,
        }
    }

    /// Waits until it is all there, and says what is.
    fn expect(&self, text: &str, what: &str) {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let typed = std::fs::read(&self.file).unwrap();
            let typed = String::from_utf8_lossy(&typed).into_owned();
            if typed == text {
                return;
            }
            let enough = typed.chars().count() >= text.chars().count();
            if Instant::now() > deadline || (enough && !text.starts_with(&typed)) {
                panic!("{what}:\n  sent {text:?}\n  came {typed:?}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn clear(&self) {
        std::fs::write(&self.file, "").unwrap();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

fn type_keys(hands: &mut X11Hands, text: &str) {
    for c in text.chars() {
        click(hands, keysym(c));
    }
}

#[test]
fn five_hundred_mixed_characters_arrive() {
    let server = XServer::xvfb(800, 600);
    let mut hands = X11Hands::open(Some(&server.display)).unwrap();
    let terminal = Terminal::open(&server, &mut hands);
    let text = MIXED.repeat(20);
    let began = Instant::now();
    type_keys(&mut hands, &text);
    println!("{} keys in {:?}", text.chars().count(), began.elapsed());
    terminal.expect(&text, "as keys");

    terminal.clear();
    inject(&mut hands, Input::Text(text.clone()));
    terminal.expect(&text, "as text");

    // More different characters than there are spare keys.
    terminal.clear();
    let many: String = ('Ж'..='я').chain('一'..='丿').chain('α'..='ω').collect();
    let began = Instant::now();
    inject(&mut hands, Input::Text(many.clone()));
    println!(
        "{} new characters in {:?}",
        many.chars().count(),
        began.elapsed()
    );
    terminal.expect(&many, "many new characters");
}

#[test]
fn locks_and_other_layouts_do_not_corrupt_what_is_typed() {
    let server = XServer::xvfb(800, 600);
    let mut hands = X11Hands::open(Some(&server.display)).unwrap();
    let terminal = Terminal::open(&server, &mut hands);
    for layout in ["us", "de", "fr", "ru,us", "gr"] {
        server.output("setxkbmap", &[layout]);
        for locks in [&[][..], &[CAPS_LOCK], &[NUM_LOCK], &[CAPS_LOCK, NUM_LOCK]] {
            for lock in locks {
                click(&mut hands, *lock);
            }
            terminal.clear();
            type_keys(&mut hands, MIXED);
            for digit in 0xffb0..=0xffb9 {
                click(&mut hands, digit); // the keypad's
            }
            let expected = format!("{MIXED}0123456789");
            terminal.expect(&expected, &format!("layout {layout}, locks {locks:x?}"));
            for lock in locks {
                click(&mut hands, *lock);
            }
        }
    }
}

#[test]
fn held_modifiers_take_part() {
    let server = XServer::xvfb(800, 600);
    let mut hands = X11Hands::open(Some(&server.display)).unwrap();
    let terminal = Terminal::open(&server, &mut hands);
    key(&mut hands, SHIFT, true);
    type_keys(&mut hands, "AB!/7x"); // a layout where Shift+7 is "/", and two that need no Shift here
    key(&mut hands, SHIFT, false);
    key(&mut hands, ALT_GR, true);
    type_keys(&mut hands, "@€{");
    key(&mut hands, ALT_GR, false);
    key(&mut hands, CONTROL, true);
    type_keys(&mut hands, "cC");
    key(&mut hands, CONTROL, false);
    // Case changes while the key is down: the same key must go up.
    key(&mut hands, SHIFT, true);
    key(&mut hands, 'Q'.into(), true);
    key(&mut hands, SHIFT, false);
    key(&mut hands, 'q'.into(), false);
    type_keys(&mut hands, "z");
    terminal.expect("AB!/7x@€{\u{3}\u{3}Qz", "with modifiers");
    assert_nothing_pressed(&server);
}

#[test]
fn a_held_key_repeats_as_often_as_the_technician_says() {
    let server = XServer::xvfb(800, 600);
    let mut hands = X11Hands::open(Some(&server.display)).unwrap();
    let terminal = Terminal::open(&server, &mut hands);
    for symbol in ['a', 'Ж', '!'] {
        for _ in 0..5 {
            key(&mut hands, keysym(symbol), true);
        }
        std::thread::sleep(Duration::from_millis(1200)); // the server itself would have repeated by now
        key(&mut hands, keysym(symbol), false);
    }
    terminal.expect("aaaaaЖЖЖЖЖ!!!!!", "repeated");
}

/// A window that hears of buttons.
fn listening_window(server: &XServer) -> RustConnection {
    let (conn, root) = server.connect();
    let window = conn.generate_id().unwrap();
    let events = EventMask::BUTTON_PRESS | EventMask::BUTTON_RELEASE | EventMask::EXPOSURE;
    let attributes = CreateWindowAux::new().event_mask(events);
    conn.create_window(
        0,
        window,
        root,
        0,
        0,
        400,
        400,
        0,
        WindowClass::INPUT_OUTPUT,
        0,
        &attributes,
    )
    .unwrap();
    conn.map_window(window).unwrap();
    conn.sync().unwrap();
    while !matches!(conn.wait_for_event().unwrap(), Event::Expose(_)) {}
    conn
}

/// The buttons pressed and released so far, as signed numbers.
fn buttons(conn: &RustConnection) -> Vec<i32> {
    conn.sync().unwrap();
    let mut heard = Vec::new();
    while let Some(event) = conn.poll_for_event().unwrap() {
        match event {
            Event::ButtonPress(e) => heard.push(e.detail.into()),
            Event::ButtonRelease(e) => heard.push(-i32::from(e.detail)),
            _ => {}
        }
    }
    heard
}

#[test]
fn buttons_and_wheel() {
    let server = XServer::xvfb(800, 600);
    let window = listening_window(&server);
    let mut hands = X11Hands::open(Some(&server.display)).unwrap();
    inject(&mut hands, Input::Pointer { x: 37, y: 91 });
    let at = window.query_pointer(window.setup().roots[0].root);
    let at = at.unwrap().reply().unwrap();
    assert_eq!((at.root_x, at.root_y), (37, 91));
    for (button, number) in [
        (Button::Left, 1),
        (Button::Middle, 2),
        (Button::Right, 3),
        (Button::Back, 8),
        (Button::Forward, 9),
    ] {
        inject(&mut hands, Input::Button { button, down: true });
        inject(
            &mut hands,
            Input::Button {
                button,
                down: false,
            },
        );
        // Up again means nothing.
        inject(
            &mut hands,
            Input::Button {
                button,
                down: false,
            },
        );
        assert_eq!(buttons(&window), [number, -number]);
    }
    let mut wheel = |dx, dy| {
        inject(&mut hands, Input::Wheel { dx, dy });
        buttons(&window)
    };
    assert_eq!(wheel(0, 240), [5, -5, 5, -5]);
    assert_eq!(wheel(0, -120), [4, -4]);
    assert_eq!(wheel(120, 0), [7, -7]);
    assert_eq!(wheel(-120, 0), [6, -6]);
    assert!(wheel(0, 50).is_empty());
    assert!(wheel(0, 50).is_empty());
    assert_eq!(wheel(0, 50), [5, -5], "thirds of a notch add up");
    assert!(wheel(0, -100).is_empty(), "the other direction starts anew");
    assert_eq!(wheel(i32::MAX, i32::MIN).len(), 200, "bounded");
    // Off the screen: at its edge.
    inject(&mut hands, Input::Pointer { x: 1 << 20, y: -7 });
    let at = window.query_pointer(window.setup().roots[0].root);
    let at = at.unwrap().reply().unwrap();
    assert_eq!((at.root_x, at.root_y), (799, 0));
}

fn assert_nothing_pressed(server: &XServer) {
    let (conn, root) = server.connect();
    let keys = conn.query_keymap().unwrap().reply().unwrap().keys;
    assert_eq!(keys, [0; 32], "keys");
    let pointer = conn.query_pointer(root).unwrap().reply().unwrap();
    assert_eq!(u16::from(pointer.mask) & 0x1fff, 0, "buttons or modifiers");
}

#[test]
fn everything_held_is_released() {
    let server = XServer::xvfb(800, 600);
    let press = |hands: &mut X11Hands| {
        for symbol in [CONTROL, SHIFT, ALT_GR, keysym('A'), keysym('中'), 0xff0d] {
            key(hands, symbol, true);
        }
        for button in [Button::Left, Button::Right] {
            inject(hands, Input::Button { button, down: true });
        }
        let (conn, _) = server.connect();
        let keys = conn.query_keymap().unwrap().reply().unwrap().keys;
        assert_eq!(keys.iter().map(|b| b.count_ones()).sum::<u32>(), 6);
    };
    let mut hands = X11Hands::open(Some(&server.display)).unwrap();
    press(&mut hands);
    hands.release_all().unwrap();
    assert_nothing_pressed(&server);
    hands.release_all().unwrap();
    press(&mut hands);
    inject(&mut hands, Input::ReleaseAll);
    assert_nothing_pressed(&server);
    press(&mut hands);
    drop(hands);
    assert_nothing_pressed(&server);
}

#[test]
fn the_keyboard_map_is_given_back() {
    let server = XServer::xvfb(800, 600);
    let (conn, _) = server.connect();
    let map = || {
        let setup = conn.setup();
        let count = setup.max_keycode - setup.min_keycode + 1;
        let reply = conn.get_keyboard_mapping(setup.min_keycode, count);
        let reply = reply.unwrap().reply().unwrap();
        let width = reply.keysyms_per_keycode.into();
        let keys = reply.keysyms.chunks_exact(width);
        keys.map(|symbols| symbols.iter().filter(|s| **s != 0).copied().collect())
            .collect::<Vec<Vec<u32>>>()
    };
    let before = map();
    let mut hands = X11Hands::open(Some(&server.display)).unwrap();
    inject(&mut hands, Input::Text("äЖ中😀".into()));
    assert!(map() != before);
    drop(hands);
    assert_eq!(map(), before);
}

#[test]
fn made_up_symbols_do_nothing() {
    let server = XServer::xvfb(800, 600);
    let mut hands = X11Hands::open(Some(&server.display)).unwrap();
    for symbol in [0, 7, 0x0100_0000, 0x0100_d800, 0x0120_0000, u32::MAX] {
        click(&mut hands, symbol);
    }
    inject(&mut hands, Input::Text("\u{0}\u{1b}\u{7f}".into()));
    key(&mut hands, 'a'.into(), false); // never went down
    assert_nothing_pressed(&server);
}

#[test]
fn a_dead_server_is_an_error_and_no_hang() {
    let mut server = XServer::xvfb(800, 600);
    let mut hands = X11Hands::open(Some(&server.display)).unwrap();
    key(&mut hands, 'a'.into(), true);
    server.kill();
    let began = Instant::now();
    for input in [Input::Pointer { x: 1, y: 1 }, Input::Text("b".into())] {
        assert!(hands.inject(&grant(), &input).is_err());
    }
    assert!(hands.release_all().is_err());
    drop(hands);
    assert!(began.elapsed() < Duration::from_secs(2));
}
