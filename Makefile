# A newcomer's two commands are `make demo` and `make test`; both set up what they need.

CARGO ?= cargo

.PHONY: demo test bench build setup fmt

# Run as it was built: `cargo run -p` would choose other features, and build much of it once more.
demo: setup
	$(CARGO) build --release --workspace --bins
	@"$${CARGO_TARGET_DIR:-target}/release/sightline-demo"

# The programs first: the end-to-end tests start them.
test: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	@if command -v cargo-deny > /dev/null; then $(CARGO) deny check bans licenses sources; \
	else echo "cargo-deny is not installed: what the programs are made of is not checked."; fi
	$(CARGO) build --workspace --bins
	$(CARGO) test --workspace

# Needs a quiet machine and some forty minutes; each part has its baseline in the same run. One table at the end.
bench: setup
	@./scripts/setup.sh bench
	@./scripts/bench.sh

build: setup
	$(CARGO) build --release -p sightline-relay -p sightline-agent -p sightline

fmt:
	$(CARGO) fmt --all

setup:
	@./scripts/setup.sh
