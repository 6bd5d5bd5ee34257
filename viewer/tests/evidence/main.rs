//! Export and search by the real program, on recordings with every kind of content.

mod made;

use std::path::Path;
use std::process::{Command, Output};

use made::Made;
use serde_json::{Value, json};
use sightline_ends::content::{Button, Input, Scene, ShellInput, ShellOutput};

fn sightline(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sightline"))
        .args(args)
        .env_remove("SIGHTLINE_KEY")
        .output()
        .unwrap()
}

fn succeeds(args: &[&str]) -> String {
    let output = sightline(args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn fails(args: &[&str]) -> String {
    let output = sightline(args);
    assert_eq!(output.status.code(), Some(1), "{args:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn objects(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A session in which everything happens.
fn full() -> Made {
    let mut made = Made::new();
    made.screen(10, (640, 480), 0x0033_6699);
    made.title(20, "Inbox – Mail");
    made.keys(1_000, &[0x70, 0x61, 0x78, 0xff08, 0x73, 0x73, 0xff0d]);
    let button = Button::Left;
    made.input(2_000, &Input::Button { button, down: true });
    let term = "xterm-256color".to_owned();
    made.shell_input(
        3_000,
        2,
        &ShellInput::Open {
            columns: 100,
            rows: 30,
            term,
            command: String::new(),
        },
    );
    made.shell_output(
        3_100,
        2,
        &ShellOutput::Opened {
            program: "/bin/bash".into(),
        },
    );
    made.shell_output(
        3_200,
        2,
        &ShellOutput::Data(b"\x1b[1mtess\x1b[0m$ ls Gr\xc3".to_vec()),
    );
    made.shell_output(3_300, 2, &ShellOutput::Data(b"\xbc\xc3\x9fe\r\n".to_vec()));
    made.shell_input(
        3_400,
        2,
        &ShellInput::Resize {
            columns: 120,
            rows: 40,
        },
    );
    made.shell_output(3_500, 2, &ShellOutput::Exited { code: 3 });
    made.says(4_000, "=HYPERLINK(\"http://evil\")");
    made.file(5_000, "driver.deb");
    made.title(6_000, "Inbox – Mail");
    made.paint(7_000, (0, 0, 320, 240), 0x00ff_ffff);
    made
}

#[test]
fn events_come_as_json_lines_and_name_everything_that_happened() {
    let mut made = full();
    let (file, key) = (made.save("a.slrec"), made.key("all.auditor"));
    let events = objects(&succeeds(&["export", &file, "--key", &key, "--jsonl", "-"]));
    let by = |action: &str| -> Vec<&Value> {
        events
            .iter()
            .filter(|e| e["event.action"] == action)
            .collect()
    };
    let began = by("began")[0];
    assert_eq!(began["@timestamp"], "2027-01-15T08:00:00Z");
    assert_eq!(began["sightline.ticket"], "T-17");
    let typed = by("typed")[0];
    assert_eq!(typed["message"], "pax[BackSpace]ss[Return]");
    assert_eq!(typed["sightline.typed"], "pass");
    assert_eq!(typed["user.name"], "Tess Technician");
    assert_eq!(typed["@timestamp"], "2027-01-15T08:00:01Z");
    assert_eq!(by("window").len(), 1, "the same title is told once");
    assert_eq!(by("shell-output")[0]["message"], "tess$ ls Grüße");
    assert_eq!(by("shell-exit")[0]["process.exit_code"], 3);
    assert_eq!(by("file")[0]["file.name"], "driver.deb");
    assert_eq!(by("pictures")[0]["sightline.updates"], 2);
    assert_eq!(by("ended")[0]["message"], "the session ended");
    assert!(by("sealed").is_empty());
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["event.sequence"], number);
        assert!(
            event
                .as_object()
                .unwrap()
                .values()
                .all(|v| !v.is_object() && !v.is_array())
        );
    }
}

#[test]
fn what_a_key_does_not_open_is_said_to_be_there() {
    let mut made = full();
    let (file, key) = (made.save("a.slrec"), made.key("eyes.auditor"));
    let events = objects(&succeeds(&["export", &file, "--key", &key, "--jsonl", "-"]));
    let sealed: Vec<_> = events
        .iter()
        .filter(|e| e["event.action"] == "sealed")
        .map(|e| e["sightline.class"].as_str().unwrap())
        .collect();
    assert_eq!(sealed, ["input", "shell", "file", "chat"]);
    let text = serde_json::to_string(&events).unwrap();
    assert!(text.contains("Inbox – Mail") && !text.contains("driver.deb"));
    let why = fails(&["export", &file, "--key", &key, "--cast", "-"]);
    assert!(
        why.contains("does not open the recording's terminals"),
        "{why}"
    );
}

#[test]
fn a_table_runs_no_formulas() {
    let mut made = full();
    let (file, key) = (made.save("a.slrec"), made.key("all.auditor"));
    let table = succeeds(&["export", &file, "--key", &key, "--csv", "-"]);
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    assert_eq!(reader.headers().unwrap().len(), 11);
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let chat = rows.iter().find(|row| &row[2] == "chat").unwrap();
    assert_eq!(&chat[3], "'=HYPERLINK(\"http://evil\")");
}

#[test]
fn a_terminal_becomes_a_cast_of_either_version() {
    let mut made = full();
    let (file, key) = (made.save("a.slrec"), made.key("all.auditor"));
    let lines = objects(&succeeds(&["export", &file, "--key", &key, "--cast", "-"]));
    assert_eq!(lines[0]["version"], 3);
    assert_eq!(lines[0]["term"]["cols"], 100);
    assert_eq!(lines[0]["timestamp"], 1_800_000_003);
    assert_eq!(
        lines[1..],
        [
            json!([0.2, "o", "\u{1b}[1mtess\u{1b}[0m$ ls Gr"]),
            json!([0.1, "o", "üße\r\n"]),
            json!([0.1, "r", "120x40"]),
            json!([0.1, "x", "3"]),
        ]
    );
    let args = [
        "export",
        &file,
        "--key",
        &key,
        "--cast",
        "-",
        "--cast-version",
        "2",
    ];
    let lines = objects(&succeeds(&args));
    assert_eq!(
        (&lines[0]["version"], &lines[0]["width"]),
        (&json!(2), &json!(100))
    );
    assert_eq!(lines[2], json!([0.3, "o", "üße\r\n"]));

    let data = ShellOutput::Data(b"second\n".to_vec());
    made.shell_output(8_000, 5, &data);
    let file = made.save("two.slrec");
    let why = fails(&["export", &file, "--key", &key, "--cast", "-"]);
    assert!(
        why.contains("--shell 2 (at 00:00:03, /bin/bash)") && why.contains("--shell 5"),
        "{why}"
    );
    let args = [
        "export", &file, "--key", &key, "--cast", "-", "--shell", "5",
    ];
    assert!(succeeds(&args).contains("second"));
}

#[test]
fn an_export_is_placed_whole_and_replaces_nothing_unasked() {
    let mut made = full();
    let (file, key) = (made.save("a.slrec"), made.key("all.auditor"));
    let out = made.path("out.jsonl").display().to_string();
    std::fs::write(&out, "mine").unwrap();
    let args = ["export", &file, "--key", &key, "--jsonl", &out];
    assert!(fails(&args).contains("--force"));
    assert_eq!(std::fs::read_to_string(&out).unwrap(), "mine");
    succeeds(&[&args[..], &["--force"]].concat());
    assert!(
        std::fs::read_to_string(&out)
            .unwrap()
            .contains("driver.deb")
    );

    let late = made.path("late.mp4").display().to_string();
    let args = [
        "export", &file, "--key", &key, "--mp4", &late, "--from", "1:00:00",
    ];
    assert!(fails(&args).contains("he recording ends at 7.0 s"));
    let names: Vec<String> = std::fs::read_dir(made.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        !names
            .iter()
            .any(|n| n.contains("late") || n.contains("partial")),
        "{names:?}"
    );
}

#[test]
fn a_recording_that_was_cut_off_is_exported_as_far_as_it_goes() {
    let mut made = full();
    let (file, key) = (made.save_torn("torn.slrec"), made.key("all.auditor"));
    let events = objects(&succeeds(&["export", &file, "--key", &key, "--jsonl", "-"]));
    let last = events.last().unwrap()["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(last.contains("cannot be read to its end"), "{last}");
}

fn probe(film: &Path) -> Value {
    let output = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-show_streams",
            "-show_packets",
            "-of",
            "json",
        ])
        .arg(film)
        .output()
        .expect("Debian package ffmpeg");
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Red, green and blue at a place of the film, some seconds in.
fn pixel(film: &Path, at: &str, x: u32, y: u32) -> [u8; 3] {
    // Behind the input, the time cuts what is shown, not what is stored.
    let crop = format!("fps=20,crop=2:2:{x}:{y},format=rgb24");
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(film)
        .args([
            "-ss",
            at,
            "-frames:v",
            "1",
            "-vf",
            &crop,
            "-f",
            "rawvideo",
            "-",
        ])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout[..3].try_into().unwrap()
}

fn near(found: [u8; 3], wanted: [u8; 3]) -> bool {
    found.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) <= 12)
}

/// A small screen, a larger one, an odd one, and a long time in which nothing happens.
fn resized() -> Made {
    let mut made = Made::new();
    made.screen(0, (320, 200), 0x0000_8000);
    made.paint(500, (0, 0, 100, 100), 0x00ff_ffff);
    made.scene(1_000, &Scene::Pointer { x: 200, y: 150 });
    made.screen(2_000, (401, 301), 0x0000_0080);
    made.paint(30_000, (0, 0, 50, 50), 0x00ff_ffff);
    made
}

#[test]
fn a_film_is_one_that_browsers_play() {
    let mut made = resized();
    let (file, key) = (made.save("a.slrec"), made.key("all.auditor"));
    let film = made.path("a.mp4");
    let out = film.display().to_string();
    let said = succeeds(&["--json", "export", &file, "--key", &key, "--mp4", &out]);
    assert_eq!(objects(&said)[0]["event"], "exported");

    let found = probe(&film);
    let stream = &found["streams"][0];
    let expected = [
        ("codec_name", "h264"),
        ("codec_tag_string", "avc1"),
        ("pix_fmt", "yuv420p"),
        ("color_space", "bt709"),
        ("color_range", "tv"),
    ];
    for (name, value) in expected {
        assert_eq!(stream[name], value, "{name}");
    }
    assert_eq!(
        (&stream["width"], &stream["height"]),
        (&json!(402), &json!(302))
    );
    assert_eq!(stream["duration"], "30.000000");

    let times: Vec<f64> = found["packets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|packet| packet["pts_time"].as_str().unwrap().parse().unwrap())
        .collect();
    assert!(
        times
            .windows(2)
            .all(|two| two[1] > two[0] && two[1] - two[0] <= 2.001),
        "{times:?}"
    );
    for change in [0.5, 1.0, 2.0] {
        assert!(times.contains(&change), "a frame at {change}: {times:?}");
    }
    let bytes = std::fs::read(&film).unwrap();
    let place = |name: &[u8]| bytes.windows(4).position(|part| part == name).unwrap();
    assert!(place(b"moov") < place(b"mdat"), "the index comes first");

    // The small screen lies in the middle: (402 - 320) / 2, (302 - 200) / 2.
    assert!(near(pixel(&film, "0.2", 20, 150), [0, 0, 0]));
    assert!(near(pixel(&film, "0.2", 60, 70), [0, 128, 0]));
    assert!(near(pixel(&film, "0.6", 60, 70), [255, 255, 255]));
    let pointer = (41 + 200 + 4, 51 + 150 + 4);
    assert!(near(pixel(&film, "1.5", pointer.0, pointer.1), [255, 0, 0]));
    assert!(near(pixel(&film, "15", 20, 20), [0, 0, 128]));
}

#[test]
fn a_part_of_a_film_begins_with_what_was_there() {
    let mut made = resized();
    let (file, key) = (made.save("a.slrec"), made.key("all.auditor"));
    let film = made.path("part.mp4");
    let out = film.display().to_string();
    let args = [
        "export", &file, "--key", &key, "--mp4", &out, "--from", "0.7", "--to", "0:01.7",
    ];
    succeeds(&args);
    let stream = &probe(&film)["streams"][0];
    assert_eq!(stream["duration"], "1.000000");
    assert_eq!(
        (&stream["width"], &stream["height"]),
        (&json!(320), &json!(200))
    );
    assert!(near(pixel(&film, "0.1", 60, 70), [255, 255, 255]));
}

#[test]
fn a_search_finds_words_in_everything_people_and_programs_wrote() {
    let mut made = full();
    let (file, key) = (made.save("in/b/a.slrec"), made.key("all.auditor"));
    let folder = made.path("in").display().to_string();
    let search = |words: &str| sightline(&["search", &folder, words, "--key", &key]);
    let cases = [
        ("PASS", "00:00:01  typed  pass"),
        ("pax", "00:00:01  typed  pax[BackSpace]ss[Return]"),
        ("grüsse TESS", "00:00:03  shell-output  tess$ ls Grüße"),
        ("hyperlink", "00:00:04  chat  =HYPERLINK"),
        ("driver", "00:00:05  file  driver.deb"),
        ("mail inbox", "00:00:00  window  Inbox – Mail"),
        (
            "t-17",
            "00:00:00  began  …on: the printer does not print; ticket: T-17",
        ),
    ];
    for (words, expected) in cases {
        let output = search(words);
        assert_eq!(output.status.code(), Some(0), "{words}: {output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            text.starts_with(&format!("{file}  {expected}")),
            "{words}: {text}"
        );
        assert_eq!(text.lines().count(), 1, "{words}: {text}");
    }
    assert_eq!(search("inbox driver").status.code(), Some(1));
    assert_eq!(search("  ").status.code(), Some(1));
    let output = sightline(&["search", "-w", "driver", &folder, "--key", &key]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let output = sightline(&["search", &folder, "--key", &key]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("and then the words"), "{said}");

    made.save_torn("in/a.slrec");
    std::fs::write(made.path("in/c.slrec"), "no recording").unwrap();
    let output = search("driver");
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 2);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        errors.contains("c.slrec: ") && errors.contains("not a Sightline recording"),
        "{errors}"
    );

    let said = sightline(&["--json", "search", &file, "driver", "--key", &key]).stdout;
    let found = &objects(&String::from_utf8(said).unwrap())[0];
    assert_eq!(
        (&found["event"], &found["kind"]),
        (&json!("found"), &json!("file"))
    );
    assert_eq!(found["matches"], json!(["driver"]));

    let eyes = made.key("eyes.auditor");
    let output = sightline(&["search", &file, "driver", "--key", &eyes]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("class file that this key does not open")
    );
}

/// For measuring by hand: `cargo test -p sightline --test evidence recordings_to_measure -- --ignored`, then time `export`
/// and `search` of a release build on what lies in `$SIGHTLINE_MEASURE`.
#[test]
#[ignore = "makes large files"]
fn recordings_to_measure_with() {
    let folder = std::path::PathBuf::from(std::env::var_os("SIGHTLINE_MEASURE").unwrap());
    let mut made = Made::new();
    // Ten minutes at 1920 × 1080: typing, a pointer that moves, a window that changes, every other minute nothing.
    let text: Vec<u32> = (0..800 * 600_u32)
        .map(|n| {
            if (n / 3).wrapping_mul(2_654_435_761) >> 29 == 0 {
                0
            } else {
                0x00ff_ffff
            }
        })
        .collect();
    for second in 0..600_u64 {
        let ms = second * 1000;
        if second % 30 == 0 {
            made.screen(ms, (1920, 1080), 0x0033_6699);
        }
        if second / 60 % 2 == 1 {
            continue;
        }
        for step in 0..20 {
            let at = ms + step * 50;
            let x = (second * 20 + step) as i32;
            made.scene(
                at,
                &Scene::Pointer {
                    x: x % 1900,
                    y: 300,
                },
            );
            if step % 2 == 0 {
                let column = (second * 10 + step / 2) as u32 * 10 % 1800;
                made.paint(at, (column, 800, 9, 18), 0x00ff_ffff);
            }
        }
        if second % 5 == 0 {
            let turned = (second as usize * 7_919) % text.len();
            let pixels = [&text[turned..], &text[..turned]].concat();
            made.pixels(ms + 999, (300, 100, 800, 600), &pixels);
        }
    }
    std::fs::copy(made.save("film.slrec"), folder.join("film.slrec")).unwrap();

    let mut made = Made::new();
    // 200 MB of a terminal's log, 4 KiB a record.
    let mut log = String::new();
    for line in 0..50_000_u64 {
        let lines: String = (0..40)
            .map(|n| format!("\x1b[32minfo\x1b[0m service[{line}]: request {n} took 17 ms, status 200, Zürich, bytes 5120; all is well here\r\n"))
            .collect();
        log.clear();
        log.push_str(&lines);
        let data = ShellOutput::Data(log.as_bytes().to_vec());
        made.shell_output(line, 2, &data);
    }
    std::fs::copy(made.save("log.slrec"), folder.join("log.slrec")).unwrap();
    std::fs::copy(made.path("all.auditor"), folder.join("all.auditor")).unwrap();
}
