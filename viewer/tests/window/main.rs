//! The window on a real X server: keys, mouse, pixels. Needs xvfb, xdotool, imagemagick and x11-xkb-utils.

mod screen;

use std::time::Duration;

use screen::{Demo, Scratch, Screen};
use sightline_ends::code::SessionCode;

/// Height of the bar on a display of usual density.
const BAR: usize = 28;

#[test]
fn keys_arrive_as_the_technicians_layout_makes_them() {
    let screen = Screen::new("900x700");
    let mut demo = Demo::start(&screen, &[]);
    screen.tool("mousemove 100 100");
    demo.drain();
    screen.tool("key a shift+A F5");
    demo.expect_all(&[
        "key 0x61 down",
        "key 0x61 up",
        "key 0xffe1 down",
        "key 0x41 down",
    ]);
    demo.expect_all(&[
        "key 0xffe1 up",
        "key 0x41 up",
        "key 0xffc2 down",
        "key 0xffc2 up",
    ]);
    screen.tool("key ctrl+c Tab KP_Enter Super_L");
    demo.expect_all(&[
        "key 0xffe3 down",
        "key 0x63 down",
        "key 0xffe3 up",
        "key 0x63 up",
    ]);
    demo.expect_all(&[
        "key 0xff09 down",
        "key 0xff09 up",
        "key 0xff8d down",
        "key 0xff8d up",
    ]);
    demo.expect_all(&["key 0xffeb down", "key 0xffeb up"]);

    screen.run("setxkbmap", &["de"]);
    std::thread::sleep(Duration::from_millis(300));
    screen.tool("key ISO_Level3_Shift+q");
    demo.expect_all(&[
        "key 0xfe03 down",
        "key 0x40 down",
        "key 0xfe03 up",
        "key 0x40 up",
    ]);
    screen.tool("key adiaeresis");
    demo.expect_all(&["key 0xe4 down", "key 0xe4 up"]);
    screen.tool("key EuroSign");
    demo.expect_all(&["key 0xfe03 down", "key 0x10020ac down"]);
    demo.expect_all(&["key 0xfe03 up", "key 0x10020ac up"]);
    screen.tool("key dead_acute e");
    demo.expect_all(&["text é"]);
    screen.tool("key e");
    demo.expect_all(&["key 0x65 down", "key 0x65 up"]);
}

#[test]
fn held_keys_are_let_go_when_the_window_loses_them() {
    let screen = Screen::new("900x700");
    let mut demo = Demo::start(&screen, &[]);
    demo.drain();
    screen.tool("keydown shift");
    demo.expect_all(&["key 0xffe1 down"]);
    // The keyboard goes to the root window.
    screen.tool("windowfocus 0");
    demo.expect_all(&["release all"]);
    screen.tool("keyup shift");
    assert!(demo.said().is_empty());
}

#[test]
fn places_in_the_window_mean_remote_pixels() {
    let screen = Screen::new("1000x800");
    let mut demo = Demo::start(&screen, &["--size", "600x400"]);
    demo.drain();
    // The window took the remote screen's size: 1:1 below the bar.
    screen.tool("mousemove 10 50");
    demo.expect_all(&["pointer 10 22"]);
    screen.tool("click 1 click 3");
    demo.expect_all(&[
        "button Left down",
        "button Left up",
        "button Right down",
        "button Right up",
    ]);
    screen.tool("click 8 click 9 click 2");
    demo.expect_all(&["button Back down", "button Back up", "button Forward down"]);
    demo.expect_all(&[
        "button Forward up",
        "button Middle down",
        "button Middle up",
    ]);
    screen.tool("click 4 click 5 click 7");
    demo.expect_all(&["wheel 0 -120", "wheel 0 120", "wheel 120 0"]);

    // A drag goes on outside the picture, at its edge.
    screen.tool("mousedown 1");
    demo.expect_all(&["button Left down"]);
    screen.tool("mousemove 900 14");
    demo.expect_all(&["pointer 599 0"]);
    screen.tool("mouseup 1");
    demo.expect_all(&["button Left up"]);

    // Half the size.
    screen.tool("mousemove 10 50");
    demo.drain();
    let found = screen.run("xdotool", &["search", "--name", "^Sightline"]);
    let window = String::from_utf8_lossy(&found).trim().to_owned();
    screen.tool(&format!("windowsize --sync {window} 300 228"));
    std::thread::sleep(Duration::from_millis(400));
    demo.drain();
    screen.tool("mousemove 100 128");
    demo.expect_all(&["pointer 200 201"]);
    screen.tool("mousemove 299 227");
    demo.expect_all(&["pointer 599 399"]);
}

#[test]
fn at_one_to_one_the_screen_shows_the_canvas_bit_for_bit() {
    let screen = Screen::new("1000x800");
    let dump = Scratch::new("exact");
    let mut demo = Demo::start(
        &screen,
        &["--size", "640x480", "--one", "--dump", dump.path()],
    );
    screen.picture().assert_shows(&dump.picture(), 0, BAR);

    demo.command("scribble 60");
    demo.expect("did scribble");
    demo.command(&format!("dump {}", dump.path()));
    demo.expect("did dump");
    screen.picture().assert_shows(&dump.picture(), 0, BAR);

    // The remote screen gets another size; at 1:1 it is centred.
    demo.command("screen 500x300");
    demo.expect("did screen");
    demo.command(&format!("dump {}", dump.path()));
    demo.expect("did dump");
    screen.picture().assert_shows(&dump.picture(), 70, BAR + 90);
}

#[test]
fn a_fitted_picture_drawn_in_parts_equals_one_drawn_at_once() {
    let screen = Screen::new("700x600");
    let mut demo = Demo::start(&screen, &["--size", "1111x777"]);
    demo.command("scribble 80");
    demo.expect("did scribble");
    let parts = screen.picture();
    let found = screen.run("xdotool", &["search", "--name", "^Sightline"]);
    let window = String::from_utf8_lossy(&found).trim().to_owned();
    // Hidden and shown again, it is drawn whole.
    screen.tool(&format!("windowunmap --sync {window}"));
    screen.tool(&format!("windowmap --sync {window}"));
    assert!(screen.picture().is_same_as(&parts));
}

#[test]
fn who_may_only_view_points_and_sends_nothing_else() {
    let screen = Screen::new("900x700");
    let mut demo = Demo::start(&screen, &["--view-only"]);
    demo.drain();
    screen.tool("mousemove 100 100 click 3 click 4 key a");
    assert!(demo.said().is_empty());
    screen.tool("mousemove 200 300 click 1 mousedown 1 mousemove 260 300 mouseup 1");
    let said = demo.said();
    assert!(said.len() >= 2, "a point and a stroke: {said:?}");
    assert!(
        said.iter().all(|line| line.starts_with("mark [(")),
        "{said:?}"
    );
    // The remote pointer is part of the picture then.
    let before = screen.picture();
    demo.command("pointer 300 200");
    demo.expect("did pointer");
    assert!(!screen.picture().is_same_as(&before));

    demo.command("grants view control");
    demo.expect("did grants");
    screen.tool("mousemove 120 100 key a");
    demo.expect_all(&["pointer 120 72", "key 0x61 down", "key 0x61 up"]);
    demo.command("grants view");
    demo.expect("did grants");
    screen.tool("key b");
    assert!(demo.said().is_empty());
}

#[test]
fn a_replay_obeys_keys_and_buttons() {
    let screen = Screen::new("900x800");
    let mut demo = Demo::start(&screen, &["--replay"]);
    demo.drain();
    screen.tool("key space Right Up");
    demo.expect_all(&["Replay(Pause)", "Replay(Seek(77s))", "Replay(Speed(2.0))"]);
    // The button at the left of the lower strip.
    screen.tool("mousemove 22 644 click 1");
    demo.expect_all(&["Replay(Pause)"]);
    screen.tool("key a");
    screen.tool("mousemove 300 300 click 1");
    assert!(demo.said().is_empty());
}

#[test]
fn the_end_is_said_and_closes_the_window() {
    let screen = Screen::new("900x700");
    let mut demo = Demo::start(&screen, &[]);
    demo.drain();
    // The red button at the right of the bar.
    screen.tool("mousemove 770 14 click 1");
    demo.expect_all(&["End"]);
    demo.command("ended The session has ended.");
    demo.expect("did ended");
    screen.tool("key a");
    assert!(demo.said().is_empty(), "nothing is sent any more");
    screen.tool("key Return");
    demo.expect_all(&["Closed", "result Ok(Closed)"]);
}

#[test]
fn a_window_in_which_nothing_happens_sleeps() {
    let screen = Screen::new("900x700");
    let mut demo = Demo::start(&screen, &[]);
    demo.drain();
    let switches = |demo: &Demo| {
        let path = format!("/proc/{}/status", demo.id());
        let status = std::fs::read_to_string(path).expect("it runs");
        let line = status
            .lines()
            .find(|line| line.starts_with("voluntary_ctxt"));
        line.map(str::to_owned)
    };
    let before = switches(&demo);
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(switches(&demo), before);
}

#[test]
fn a_code_is_asked_for_in_the_same_process() {
    let screen = Screen::new("900x700");
    let code = (0..10)
        .map(|check| format!("48213-507-219-884-{check}"))
        .find(|code| SessionCode::parse(code).is_ok())
        .expect("one check digit fits");
    let mut demo = Demo::spawn(&screen, &["--code"]);
    demo.settle(&screen);
    let digits: String = code.chars().filter(char::is_ascii_digit).collect();
    screen.tool(&format!("type {}9", &digits[..5]));
    screen.tool("key BackSpace");
    screen.tool(&format!("type {}", &digits[5..]));
    screen.tool("key Return");
    demo.expect(&format!("code {code}"));
    demo.expect("presented 0");
    demo.command("close");
    demo.expect("result Ok(Told)");
}
