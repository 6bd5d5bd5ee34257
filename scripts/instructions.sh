#!/bin/sh
# How many instructions the picture codec takes, by callgrind: a number that a busy machine does not change.
# Counts what the encoder's patch and encode run, over all frames of each piece of work in benches/picture.rs.
# With names as arguments only those pieces. Takes some minutes.
set -eu

command -v valgrind >/dev/null || {
    echo "without instructions: apt-get install valgrind"
    exit 0
}

# With symbols, or callgrind could not tell the encoder from what draws the screens.
bench=$(CARGO_PROFILE_BENCH_STRIP=none cargo bench -q -p sightline-picture --no-run --message-format=json |
    sed -n 's/.*"name":"picture".*"executable":"\([^"]*\)".*/\1/p' | tail -1)
counts=$(mktemp)
trap 'rm -f "$counts"' EXIT

[ -x "$bench" ] || {
    echo "the bench of the picture codec was not built" >&2
    exit 1
}

echo
echo "Picture codec, millions of instructions in all frames (the first of each is a whole one)"
for work in ${*:-idle typing scroll paging drag first}; do
    valgrind --tool=callgrind --callgrind-out-file=/dev/null --collect-atstart=no \
        --toggle-collect="sightline_picture::encoder::Encoder::patch" \
        --toggle-collect="*sightline_picture::encoder::Encoder*::encode" \
        --toggle-collect="*sightline_picture::encoder::Encoder*::encode_by" \
        "$bench" "$work" >/dev/null 2>"$counts" || {
            echo "$work failed:" >&2
            tail -3 "$counts" >&2
            exit 1
        }
    number=$(sed -n 's/.*Collected : *\([0-9]*\).*/\1/p' "$counts")
    printf '%-8s %10s\n' "$work" "$(awk "BEGIN { printf \"%.2f\", ${number:-0} / 1e6 }")"
done
