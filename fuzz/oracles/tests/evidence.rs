//! The promise of the recording: what is whole is what was sent, and everything else is named.

use sightline_oracles::evidence::{Dice, Ending, long, mutations, story, trusted, verify, word};

#[test]
fn a_thousand_honest_sessions_raise_no_alarm() {
    let trusted = trusted();
    let (mut whole, mut unclean) = (0, 0);
    for seed in 0..1_000 {
        let told = story(seed, 200);
        let verdict = verify(&told.file, &trusted).expect("a recording");
        assert_eq!(verdict.findings, [], "story {seed}");
        match told.ending {
            Ending::InOrder => {
                assert_eq!(verdict.unclean, Vec::<String>::new(), "story {seed}");
                whole += 1;
            }
            Ending::Cut | Ending::Killed => unclean += 1,
        }
    }
    assert!(
        whole > 300 && unclean > 300,
        "{whole} whole, {unclean} unclean"
    );
}

#[test]
fn whatever_is_done_to_a_recording_is_found() {
    let trusted = trusted();
    let mut dice = Dice(7);
    let mut done = 0;
    let whole = (0..).map(|seed| (seed, story(seed, 120)));
    let whole = whole
        .filter(|(_, told)| told.ending == Ending::InOrder)
        .take(6);
    for (seed, told) in whole {
        let other = story(seed + 10_000, 120);
        for mutation in mutations(&told.file, |bound| dice.roll(bound)) {
            let changed = mutation.apply(&told.file, &other.file);
            if changed == told.file {
                continue;
            }
            let verdict = verify(&changed, &trusted);
            assert_ne!(word(&verdict), "whole", "story {seed}: {mutation:?}");
            done += 1;
        }
    }
    assert!(done > 2_000, "{done}");
}

#[test]
fn a_long_recording_for_measuring_is_whole() {
    let mut file = Vec::new();
    let length = long(&mut file, 120, 10, 2_000);
    assert_eq!(length, file.len() as u64);
    assert_eq!(word(&verify(&file, &trusted())), "whole");
}
