//! The workloads draw what they say: every step changes the screen, shows its number, and is the same in every run.

use std::time::Duration;

use sightline_tests::display::{Display, Image};
use sightline_tests::workload::{Kind, Options, Workload, mark, stamps};

/// Steps of each workload that are looked at.
const STEPS: u32 = 3;

/// The screen at the start and after each step.
fn look(display: &Display, kind: Kind) -> anyhow::Result<Vec<Image>> {
    let mut workload = Workload::open(display.name(), kind, Options::default())?;
    let mut seen = vec![display.screenshot()?];
    for _ in 0..STEPS {
        workload.step()?;
        seen.push(display.screenshot()?);
    }
    Ok(seen)
}

#[test]
fn every_workload_changes_the_screen_and_says_so_the_same_way_every_time() -> anyhow::Result<()> {
    let display = Display::bare(640, 480)?;
    let behind_mark = |image: &Image| image.crop(0, 24, 640, 456);
    for kind in Kind::ALL {
        let seen = look(&display, kind)?;
        for (number, image) in (0..).zip(&seen) {
            let side = u32::from(mark::SIDE);
            let block = image.crop(0, 0, side, side);
            let colour = mark::colour(number);
            assert!(
                block.pixels.iter().all(|p| *p == colour),
                "{kind:?} {number}"
            );
            assert_eq!(mark::number(colour), number);
        }
        for pair in seen.windows(2) {
            let changed = behind_mark(&pair[0]) != behind_mark(&pair[1]);
            assert_eq!(changed, kind != Kind::Idle, "{kind:?}");
        }
        assert!(look(&display, kind)? == seen, "{kind:?} differs");
    }
    Ok(())
}

#[test]
fn copied_and_painted_scrolling_show_the_same() -> anyhow::Result<()> {
    let display = Display::bare(640, 480)?;
    let copied = look(&display, Kind::Scrolling)?;
    let painted = look(&display, Kind::Repainting)?;
    assert!(copied == painted);
    Ok(())
}

#[test]
fn a_workload_keeps_its_rate_and_ends_in_time() -> anyhow::Result<()> {
    let display = Display::bare(640, 480)?;
    let options = Options {
        rate: Some(20.0),
        ..Options::default()
    };
    let mut workload = Workload::open(display.name(), Kind::Typing, options)?;
    let mut steps = Vec::new();
    let stop = std::sync::atomic::AtomicBool::new(false);
    workload.run(Duration::from_millis(500), &stop, |step| steps.push(step))?;
    // A busy machine may make fewer of them, never more.
    assert!((1..=10).contains(&steps.len()), "{}", steps.len());
    assert!(
        steps
            .windows(2)
            .all(|pair| pair[1].number == pair[0].number + 1)
    );
    assert!(steps.windows(2).all(|pair| pair[1].at > pair[0].at));
    Ok(())
}

#[test]
fn stamps_say_the_step_wherever_the_work_has_moved_them() -> anyhow::Result<()> {
    let display = Display::bare(1920, 1080)?;
    let options = Options {
        stamped: true,
        ..Options::default()
    };
    for kind in [Kind::Scrolling, Kind::Video] {
        let mut workload = Workload::open(display.name(), kind, options)?;
        let places = workload.places();
        let oldest = places.iter().map(|place| place.older).max();
        let newest = 1 + oldest.expect("places");
        for _ in 0..newest {
            workload.step()?;
        }
        let image = display.screenshot()?;
        let (width, height) = (stamps::WIDTH.into(), stamps::HEIGHT.into());
        for place in places {
            let stamp = image.crop(place.x as u32, place.y as u32, width, height);
            let number = stamps::read(&stamp.pixels);
            assert_eq!(number, Some(newest - place.older), "{kind:?} {place:?}");
        }
    }
    Ok(())
}
