//! Disks without room, on either side.

use sightline_tests::disk::Disk;

use super::*;

const MB: u64 = 1 << 20;
/// What a full disk gets back.
const GIVEN_BACK: u64 = 64 * MB;
/// So much is there when the disk is filled: what is given back does not take all of it.
const THERE: u64 = 100 * MB;
/// What the transfer may take while the disk is filled, and finds full then.
const SOME: u64 = 8 * MB;

/// Room for the file and what a disk keeps free, and little more.
fn disk() -> anyhow::Result<Option<Disk>> {
    let Some(disk) = Disk::mount(400)? else {
        return Ok(None);
    };
    disk.leave(INTERRUPTED as u64 + GIVEN_BACK + MB)?;
    Ok(Some(disk))
}

/// Fills the disk in the middle of a transfer, whose command says `full`; the transfer goes on where it was when there is room.
fn fills_up(
    scene: &mut Scene,
    disk: &Disk,
    full: &str,
    copy: impl Fn(&mut Scene) -> anyhow::Result<Program>,
) -> anyhow::Result<()> {
    let part = disk.path().join(".large.sightline-part");
    let mut first = copy(scene)?;
    wait_for_part(&part, THERE)?;
    disk.leave(SOME)?;
    let why = failure(&mut first)?;
    assert!(why.contains(full), "{why}");
    let left = part.metadata()?.len();
    assert!(left >= THERE - GIVEN_BACK, "{left} bytes were kept");
    assert!(disk.free()? >= GIVEN_BACK - MB, "the computer can go on");
    assert!(!disk.path().join("large").exists());

    let mut refused = copy(scene)?;
    let why = failure(&mut refused)?;
    assert!(why.contains("no room for it: 167.8 MB where"), "{why}");

    fs::remove_file(disk.ballast())?;
    let mut again = copy(scene)?;
    let first = loop {
        let progress = again.events.wait("progress", SOON)?;
        if progress["bytes"] != 0 {
            break progress["bytes"].as_u64();
        }
    };
    assert!(first >= Some(left), "{first:?} after {left} bytes");
    assert_eq!(again.exit_code(SOON)?, 0);
    assert!(!part.exists());
    Ok(())
}

/// A large file that does not fit at once; gives who copies it the scene, the file and where to.
fn large_file_arrives(
    full: &str,
    copy: impl Fn(&mut Scene, &Path, &Path) -> anyhow::Result<Program>,
) -> anyhow::Result<()> {
    let Some(disk) = disk()? else { return Ok(()) };
    let (world, user) = world()?;
    let mut scene = session(world, user)?;
    agree(&mut scene)?;
    let from = scene.at("from")?;
    let file = from.join("large");
    fs::write(&file, large(INTERRUPTED))?;
    fills_up(&mut scene, &disk, full, |scene| {
        copy(scene, &file, disk.path())
    })?;
    assert_eq!(tree(disk.path())?, tree(&from)?);
    Ok(())
}

#[test]
fn the_users_disk_fills_up_and_it_goes_on_when_there_is_room() -> anyhow::Result<()> {
    large_file_arrives("the user's disk is full", |scene, from, to| {
        scene.send(from, to, &[])
    })
}

#[test]
fn the_technicians_disk_fills_up_and_it_goes_on_when_there_is_room() -> anyhow::Result<()> {
    large_file_arrives("the technician's disk is full", |scene, from, to| {
        scene.fetch(from, to)
    })
}

#[test]
fn a_disk_that_takes_no_more_files_says_so_once() -> anyhow::Result<()> {
    let Some(disk) = Disk::mount_with("size=200m,nr_inodes=300")? else {
        return Ok(());
    };
    let (world, user) = world()?;
    let mut scene = session(world, user)?;
    agree(&mut scene)?;
    let folder = scene.at("from")?.join("many");
    fs::create_dir(&folder)?;
    for n in 0..600 {
        fs::write(folder.join(n.to_string()), n.to_string())?;
    }
    let mut send = scene.send(&folder, disk.path(), &[])?;
    let why = failure(&mut send)?;
    assert!(why.contains("the user's disk is full ("), "{why}");
    assert!(!send.events.has("not_copied"), "once is enough");
    assert!(
        !disk.path().join("many").exists(),
        "nothing that is not whole"
    );
    disk.remount("nr_inodes=3000")?;
    let mut again = scene.send(&folder, disk.path(), &[])?;
    assert_eq!(again.events.wait("copied", SOON)?["files"], 600);
    assert_eq!(tree(&disk.path().join("many"))?, tree(&folder)?);
    Ok(())
}
