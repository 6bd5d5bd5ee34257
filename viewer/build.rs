//! Says so when films would be coded slowly: openh264 builds without nasm, 2.4 times slower, and says nothing.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=PATH");
    let x86 = std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch.starts_with("x86"));
    let there = Command::new("nasm").arg("-v").output().is_ok();
    if x86 && !there {
        println!(
            "cargo::warning=nasm is missing: `sightline export --mp4` will be 2.4 times slower. \
             Install it (scripts/setup.sh does), then `cargo clean -p openh264-sys2` and build again."
        );
    }
}
