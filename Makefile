# A newcomer's two commands are `make demo` and `make test`; both set up what they need.

CARGO ?= cargo

.PHONY: demo test bench build setup fmt

demo: setup
	$(CARGO) build --release --workspace --bins
	$(CARGO) run --release --quiet -p sightline-tests --bin sightline-demo

# The programs first: the end-to-end tests start them.
test: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) build --workspace --bins
	$(CARGO) test --workspace

# Needs a quiet machine; each table has its baseline in the same run.
bench: setup
	@./scripts/setup.sh bench
	$(CARGO) build --release --workspace --bins
	$(CARGO) bench -p sightline-picture
	@./scripts/instructions.sh
	$(CARGO) run --release --quiet -p sightline-tests --bin bench_latency
	$(CARGO) run --release --quiet -p sightline-tests --bin bench_lines
	$(CARGO) run --release --quiet -p sightline-tests --bin bench_idle
	$(CARGO) run --release --quiet -p sightline-tests --bin bench_verify
	$(CARGO) run --release --quiet -p sightline --example bench_replay
	$(CARGO) bench -p sightline-relay --bench forward
	$(CARGO) run --release --quiet -p sightline-tests --bin bench_picture

build: setup
	$(CARGO) build --release -p sightline-relay -p sightline-agent -p sightline

fmt:
	$(CARGO) fmt --all

setup:
	@./scripts/setup.sh
