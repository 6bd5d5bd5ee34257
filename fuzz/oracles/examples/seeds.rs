//! Writes each check's seeds into `fuzz/corpus/NAME/`, for a fuzzer to begin with.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    for oracle in sightline_oracles::ALL {
        let folder = corpus.join(oracle.name);
        std::fs::create_dir_all(&folder)?;
        for (n, seed) in (oracle.seeds)().into_iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{n}")), seed)?;
        }
    }
    Ok(())
}
