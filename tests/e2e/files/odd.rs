//! What is no file, and names that other systems would not tell apart.

use std::os::unix::fs::{FileTypeExt, symlink};

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};

use super::*;

/// A folder of which only `real` can be copied; what else is in it, and why it stays.
fn fill_with_traps(folder: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("real"), "1")?;
    let secret = folder.parent().expect("it is in one").join("secret");
    fs::create_dir_all(&secret)?;
    fs::write(secret.join("key"), "secret")?;
    symlink(secret.join("key"), folder.join("link"))?;
    symlink("../secret", folder.join("linked folder"))?;
    symlink("nowhere", folder.join("dangling"))?;
    mknodat(CWD, folder.join("pipe"), FileType::Fifo, Mode::RUSR, 0)?;
    drop(std::os::unix::net::UnixListener::bind(
        folder.join("socket"),
    )?);
    let (link, other) = ("links are not sent", "it is neither a file nor a folder");
    let mut left_out: Vec<_> = ["link", "linked folder", "dangling"]
        .map(|n| (n, link))
        .into();
    left_out.extend(["pipe", "socket"].map(|name| (name, other)));
    // Only root makes devices. This one never ends.
    let device = folder.join("zero");
    let zero = makedev(1, 5);
    if mknodat(CWD, &device, FileType::CharacterDevice, Mode::RUSR, zero).is_ok() {
        assert!(device.metadata()?.file_type().is_char_device());
        left_out.push(("zero", other));
    }
    let named = |(name, why): (&str, &str)| (format!("traps/{name}"), why.to_owned());
    Ok(left_out.into_iter().map(named).collect())
}

#[test]
fn links_pipes_and_devices_stay_where_they_are_and_are_named() -> anyhow::Result<()> {
    let (world, user) = world()?;
    let mut scene = session(world, user)?;
    agree(&mut scene)?;
    let (from, to) = (scene.at("from")?, scene.at("to")?);
    let traps = from.join("traps");
    let expected = fill_with_traps(&traps)?;
    let mut send = scene.send(&traps, &to, &[])?;
    assert_eq!(left_out(&mut send)?, expected);
    assert_eq!(send.exit_code(SOON)?, 3);
    let arrived: Vec<_> = tree(&to)?.into_keys().collect();
    assert_eq!(arrived, [b"traps".to_vec(), b"traps/real".to_vec()]);

    // From the user the reasons come with the names in them.
    let back = scene.at("back")?;
    let mut fetch = scene.fetch(&traps, &back)?;
    let reasons = left_out(&mut fetch)?;
    assert_eq!(fetch.exit_code(SOON)?, 3);
    assert_eq!(tree(&back)?, tree(&to)?);
    let text = fetch.events.heard().join("\n");
    for (path, why) in &expected {
        assert!(
            text.contains(&format!("{path}: {why}")),
            "{path} in {reasons:?}"
        );
    }

    // One that is asked for by itself.
    let mut pipe = scene.send(&traps.join("pipe"), &to, &[])?;
    assert!(failure(&mut pipe)?.contains("pipe: it is neither a file nor a folder"));
    let mut pipe = scene.fetch(&traps.join("pipe"), &back)?;
    assert!(failure(&mut pipe)?.contains("pipe: it is neither a file nor a folder"));
    Ok(())
}

#[test]
fn names_that_differ_in_case_or_are_as_long_as_names_can_be_stay_apart() -> anyhow::Result<()> {
    let (world, user) = world()?;
    let mut scene = session(world, user)?;
    agree(&mut scene)?;
    let (from, to, back) = (scene.at("from")?, scene.at("to")?, scene.at("back")?);
    let folder = from.join("names");
    fs::create_dir_all(folder.join("Folder"))?;
    fs::create_dir_all(folder.join("folder"))?;
    for name in ["README", "Readme", "readme", "Folder/x", "folder/X"] {
        fs::write(folder.join(name), name)?;
    }
    // Alike in all but the last of 255 bytes, and not UTF-8.
    for last in [b'1', b'2', 0xff] {
        let name = [vec![b'n'; 254], vec![last]].concat();
        fs::write(folder.join(OsStr::from_bytes(&name)), [last])?;
    }
    // Resumable ones, whose parts need names of their own.
    for last in ["3", "4"] {
        let name = format!("{}{last}", "n".repeat(254));
        fs::write(folder.join(&name), large(5 << 20))?;
    }
    for path in [folder.clone(), folder.join("n".repeat(254) + "4")] {
        let mut send = scene.send(&path, &to, &[])?;
        assert!(left_out(&mut send)?.is_empty());
        let mut fetch = scene.fetch(&path, &back)?;
        assert!(left_out(&mut fetch)?.is_empty());
    }
    assert_eq!(tree(&to.join("names"))?, tree(&folder)?);
    assert_eq!(tree(&back)?, tree(&to)?);
    Ok(())
}
