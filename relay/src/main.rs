use std::process::ExitCode;

fn main() -> ExitCode {
    sightline_relay::cli::main()
}
