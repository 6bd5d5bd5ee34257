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

build: setup
	$(CARGO) build --release -p sightline-relay -p sightline-agent -p sightline

fmt:
	$(CARGO) fmt --all

setup:
	@./scripts/setup.sh
