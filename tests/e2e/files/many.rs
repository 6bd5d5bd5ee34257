//! Many small files. `bench_files` has a hundred thousand.

use sightline_tests::measure::copying::{Copying, small_files};

use super::*;

const FILES: u64 = 4_000;
/// What the programs may need at most, in bytes: a picture's worth, and nothing for each file.
const MEMORY: u64 = 150 << 20;

#[test]
fn thousands_go_over_and_back_and_memory_stays_as_it_is() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let many = folder.path().join("many");
    small_files(&many, FILES, 1_000)?;
    let mut copying = Copying::begin(folder.path(), None)?;
    let before = copying.session.memory()?;
    copying.send(&many)?;
    copying.fetch("many")?;
    assert_eq!(tree(&copying.there.join("many"))?, tree(&many)?);
    assert_eq!(tree(&folder.path().join("back/many"))?, tree(&many)?);
    let after = copying.session.memory()?;
    assert!(
        after.iter().all(|bytes| *bytes <= MEMORY),
        "agent, sightline, relay: {before:?} before, {after:?} after"
    );
    Ok(())
}
