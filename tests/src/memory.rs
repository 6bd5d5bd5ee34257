//! What another process has in its memory.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::Context;

/// Bytes searched at a time.
const PIECE: usize = 1 << 20;

/// Resident memory of a process in bytes.
pub fn resident(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
    let kilobytes: u64 = kilobytes.context("no VmRSS")?.parse()?;
    Ok(kilobytes * 1024)
}

/// Which of the needles are somewhere in the readable memory of a process.
pub fn find_in_process(pid: u32, needles: &[Vec<u8>]) -> anyhow::Result<Vec<bool>> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps"))?;
    let mut memory = File::open(format!("/proc/{pid}/mem"))?;
    let mut found = vec![false; needles.len()];
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let kernels = line.ends_with("[vvar]") || line.ends_with("[vsyscall]");
        if !rights.starts_with('r') || kernels {
            continue;
        }
        let (from, to) = range.split_once('-').context("a strange map")?;
        let (from, to) = (u64::from_str_radix(from, 16)?, u64::from_str_radix(to, 16)?);
        memory.seek(SeekFrom::Start(from))?;
        // A mapping may end or go while we read.
        let _ = search((&mut memory).take(to - from), needles, &mut found);
    }
    Ok(found)
}

/// Which of the needles are in any file below a folder (or in that file).
pub fn find_in_files(path: &Path, needles: &[Vec<u8>]) -> anyhow::Result<Vec<bool>> {
    let mut found = vec![false; needles.len()];
    let mut open = vec![path.to_owned()];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            for entry in std::fs::read_dir(&path)? {
                open.push(entry?.path());
            }
        } else if path.is_file() {
            // Sockets hold nothing.
            search(File::open(&path)?, needles, &mut found)?;
        }
    }
    Ok(found)
}

fn search(mut input: impl Read, needles: &[Vec<u8>], found: &mut [bool]) -> std::io::Result<()> {
    let overlap = needles.iter().map(Vec::len).max().unwrap_or(1) - 1;
    let mut window = Vec::new();
    loop {
        let kept = window.len();
        let more = (&mut input).take(PIECE as u64).read_to_end(&mut window)?;
        if more == 0 && kept <= overlap {
            break;
        }
        for (needle, found) in needles.iter().zip(found.iter_mut()) {
            *found = *found || contains(&window, needle);
        }
        if more == 0 {
            break;
        }
        window.drain(..window.len().saturating_sub(overlap));
    }
    Ok(())
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    let Some((first, rest)) = needle.split_first() else {
        return false;
    };
    let mut from = 0;
    while let Some(at) = haystack[from..].iter().position(|byte| byte == first) {
        from += at + 1;
        if haystack[from..].starts_with(rest) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_found_across_pieces_and_what_is_not_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = vec![7; 3 * PIECE];
        bytes[PIECE - 2..PIECE + 3].copy_from_slice(b"heron");
        bytes[3 * PIECE - 5..].copy_from_slice(b"stork");
        std::fs::write(folder.path().join("a"), &bytes).unwrap();
        let needles = [b"heron".to_vec(), b"stork".to_vec(), b"crane".to_vec()];
        let found = find_in_files(folder.path(), &needles).unwrap();
        assert_eq!(found, [true, true, false]);
    }

    #[test]
    fn ones_own_memory_is_searched() {
        let planted = format!("planted-{}", std::process::id()).into_bytes();
        let found = find_in_process(std::process::id(), std::slice::from_ref(&planted)).unwrap();
        assert_eq!(found, [true]);
        assert!(resident(std::process::id()).unwrap() > 1 << 20);
    }
}
