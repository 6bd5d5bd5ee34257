//! Says what makes video slow.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=PATH");
    let arch = std::env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let assembler = Command::new("nasm").arg("-v").output();
    // openh264 builds without it, and then codes its pictures in C alone.
    if arch == "x86_64" && assembler.is_err() {
        println!(
            "cargo::warning=nasm is not installed: video will take 2.4 times the processor time"
        );
    }
}
