#!/bin/sh
# Runs the benches one after the other and ends with one table: what was measured, what is wanted, what others need.
# A part that fails is named there and takes no other part's numbers away. What each part printed stays in target/bench/.
# With names of parts as arguments only those: codec instructions latency lines cable shell idle files verify replay forward picture.
set -u

wanted=" $* "
target=${CARGO_TARGET_DIR:-target}
built=$target/release
logs=$target/bench
failed=""
names=""
mkdir -p "$logs"

# part NAME MINUTES COMMAND...: more minutes than it ever takes on two cores; one that hangs must not hold up the rest.
part() {
    name=$1
    minutes=$2
    shift 2
    case "$wanted" in
    "  " | *" $name "*) ;;
    *) return ;;
    esac
    log=$logs/$name.txt
    printf '\n== %s (load %s)\n' "$name" "$(cut -d ' ' -f 1 /proc/loadavg)"
    { timeout "${minutes}m" "$@"; echo $? >"$logs/code"; } 2>&1 | tee "$log"
    code=$(cat "$logs/code")
    names="$names $log"
    if [ "$code" -ne 0 ]; then
        why=$(grep -v '^ *$' "$log" | tail -1 | tr '|' '/' | cut -c 1-120)
        [ "$code" -ne 124 ] || why="not done after $minutes minutes"
        echo "=> $name | $why | | see $log | failed ($code)" | tee -a "$log"
        failed="$failed $name"
    fi
}

cargo build --release --workspace --bins || exit 1
part codec 15 cargo bench -q -p sightline-picture
part instructions 30 ./scripts/instructions.sh
part latency 20 "$built/bench_latency"
part lines 20 "$built/bench_lines"
part cable 20 "$built/bench_cable"
part shell 10 "$built/bench_shell"
part idle 5 "$built/bench_idle"
part files 20 "$built/bench_files"
part verify 10 "$built/bench_verify"
part replay 15 cargo run --release --quiet -p sightline --example bench_replay
part forward 15 cargo bench -q -p sightline-relay --bench forward
part picture 30 "$built/bench_picture"

if [ -z "$names" ]; then
    echo "no part is called that: $*" >&2
    exit 1
fi
# shellcheck disable=SC2086 # the names are ours and have no blanks
"$built/bench_table" $names
if [ -n "$failed" ]; then
    echo
    echo "failed:$failed" >&2
    exit 1
fi
