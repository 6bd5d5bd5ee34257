//! Two implementations of PROTOCOL.md §6.5, one verdict: `tests/verify.py`, written from the text alone, says of every
//! recording the word that the program's own verifier says.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use sightline_oracles::evidence::{
    Dice, Ending, Mutation, entries, lies, mutations, sample, story, trusted, verify, word,
};

/// Honest sessions that both look at.
const HONEST: u64 = 100;
/// Sessions to which everything is done.
const TAMPERED: usize = 2;

/// Sessions to which two or three things are done.
const CHANGED_TWICE: u64 = 600;

/// A file of the repository's `tests`.
fn tests(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests")
        .join(name)
}

/// The first Python that can verify signatures.
fn python() -> &'static str {
    let can_verify = |python: &&str| {
        let import = Command::new(python)
            .args(["-c", "import cryptography"])
            .stderr(Stdio::null())
            .status();
        import.is_ok_and(|status| status.success())
    };
    ["python3", "/usr/bin/python3"]
        .into_iter()
        .find(can_verify)
        .expect("python3-cryptography is missing: run scripts/setup.sh")
}

/// What the second implementation says of each case.
fn second(cases: &[Case]) -> Vec<String> {
    let mut child = Command::new(python())
        .arg(tests("verify.py"))
        .arg("--batch")
        .arg(tests("vectors/bundle-v1.bin"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python starts");
    let mut stdin = child.stdin.take().expect("piped");
    let output = std::thread::scope(|scope| {
        scope.spawn(move || {
            for Case { file, .. } in cases {
                let length = (file.len() as u32).to_le_bytes();
                let sent = stdin
                    .write_all(&length)
                    .and_then(|()| stdin.write_all(file));
                if sent.is_err() {
                    return; // it gave up, and says why on its standard error
                }
            }
        });
        child.wait_with_output().expect("it ends")
    });
    assert!(output.status.success(), "tests/verify.py fails");
    let words = String::from_utf8(output.stdout).expect("words");
    words.lines().map(str::to_owned).collect()
}

struct Case {
    name: String,
    file: Vec<u8>,
}

fn agree(cases: &[Case]) {
    let trusted = trusted();
    let second = second(cases);
    println!("{} cases", cases.len());
    assert_eq!(second.len(), cases.len());
    let mut differing = 0;
    for (case, second) in cases.iter().zip(&second) {
        let verdict = verify(&case.file, &trusted);
        let first = word(&verdict);
        if first != second {
            differing += 1;
            let why = verdict.map(|verdict| verdict.findings.into_iter().next());
            println!("{}: {first} here, {second} there: {why:?}", case.name);
        }
    }
    assert_eq!(differing, 0, "of {} cases", cases.len());
}

#[test]
fn both_say_the_same_of_honest_sessions() {
    let cases: Vec<Case> = (0..HONEST)
        .map(|seed| Case {
            name: format!("story {seed}"),
            file: story(seed, 120).file,
        })
        .collect();
    agree(&cases);
}

#[test]
fn whoever_holds_keys_and_lies_gets_the_word_of_the_text_from_both() {
    let trusted = trusted();
    let mut cases = Vec::new();
    for lie in lies() {
        let verdict = verify(&lie.file, &trusted);
        assert_eq!(word(&verdict), lie.word, "{}: {verdict:?}", lie.name);
        cases.push(Case {
            name: lie.name.into(),
            file: lie.file,
        });
    }
    agree(&cases);
}

#[test]
fn both_say_the_same_of_whatever_was_tampered_with() {
    let mut dice = Dice(11);
    let whole = (0..).map(|seed| (seed, story(seed, 100)));
    let whole = whole
        .filter(|(_, told)| told.ending == Ending::InOrder)
        .take(TAMPERED);
    let mut cases = Vec::new();
    for (seed, told) in whole {
        let other = story(seed + 10_000, 100);
        for mutation in mutations(&told.file, |bound| dice.roll(bound)) {
            cases.push(Case {
                name: format!("story {seed}: {mutation:?}"),
                file: mutation.apply(&told.file, &other.file),
            });
        }
    }
    assert!(cases.len() > 1_000, "{}", cases.len());
    agree(&cases);
}

#[test]
fn both_say_the_same_when_one_change_follows_another() {
    let mut dice = Dice(17);
    let mut cases = Vec::new();
    for seed in 0..CHANGED_TWICE {
        let mut file = story(seed, 60).file;
        let other = story(seed + 10_000, 60).file;
        let mut name = format!("story {seed}");
        for _ in 0..2 + dice.roll(2) {
            let all = mutations(&file, |bound| dice.roll(bound));
            let mutation = &all[dice.roll(all.len())];
            if matches!(mutation, Mutation::Scratch { .. }) {
                continue; // nothing behind it would be read
            }
            file = mutation.apply(&file, &other);
            name += &format!(", {mutation:?}");
        }
        cases.push(Case { name, file });
    }
    agree(&cases);
}

#[test]
fn both_say_the_same_of_the_recorded_vector_whichever_byte_is_changed() {
    let (original, other) = (sample().file, story(1, 60).file);
    let mut dice = Dice(13);
    let mut all = mutations(&original, |bound| dice.roll(bound));
    for (entry, raw) in entries(&original).1.iter().enumerate() {
        for byte in 0..raw.body.len() {
            let bit = byte * 8 + dice.roll(8);
            all.push(Mutation::Flip { entry, bit });
        }
    }
    all.extend(
        (0..original.len())
            .step_by(5)
            .map(|byte| Mutation::Scratch {
                bit: byte * 8 + dice.roll(8),
            }),
    );
    let changed = all.iter().map(|mutation| Case {
        name: format!("vector: {mutation:?}"),
        file: mutation.apply(&original, &other),
    });
    let cut = (0..original.len()).step_by(5).map(|length| Case {
        name: format!("vector: {length} bytes"),
        file: original[..length].to_vec(),
    });
    let itself = Case {
        name: "vector".into(),
        file: original.clone(),
    };
    let cases: Vec<Case> = changed.chain(cut).chain([itself]).collect();
    agree(&cases);
}

#[test]
fn keys_wraps_records_and_digests_of_the_vector_follow_from_the_text() {
    let status = Command::new(python()).arg(tests("vectors.py")).status();
    assert!(status.expect("python starts").success());
}
