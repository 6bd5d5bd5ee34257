#!/bin/sh
# Installs what building and testing need from Debian (or Ubuntu). Does nothing where everything is there.
set -eu

packages="
build-essential pkg-config nasm
libxcb1-dev libxcb-shm0-dev libxcb-randr0-dev libxkbcommon-dev
libxkbcommon-x11-0 libxcursor1 libxi6 libxrandr2 libx11-xcb1
strace xvfb xterm openbox x11-apps x11-utils x11-xserver-utils x11-xkb-utils xkb-data xauth xdotool xclip imagemagick
tigervnc-standalone-server tigervnc-tools
fonts-dejavu-core ffmpeg vim tmux procps iproute2
python3 python3-cryptography
"

# What only the benches compare with.
if [ "${1:-}" = bench ]; then
    packages="$packages tigervnc-viewer tigervnc-scraping-server coturn valgrind openssh-server openssh-client mosh"
fi

missing=""
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q "install ok installed" || missing="$missing $package"
done

if [ -n "$missing" ]; then
    echo "installing:$missing"
    as_root=""
    if [ "$(id -u)" -ne 0 ]; then
        as_root="sudo"
    fi
    $as_root apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

if ! command -v cargo >/dev/null; then
    echo "Rust is missing: install it from https://rustup.rs (or apt-get install rustup), then run this again" >&2
    exit 1
fi
