//! What fuzzers start from, and what they have found, breaks nothing: `fuzz/README.md`.

use std::fs;
use std::path::Path;

#[path = "../../../../fuzz/src/open.rs"]
mod file;

/// Runs the files of a folder of `fuzz/` whose names begin so, and gives how many there are.
fn run(folder: &str, prefix: &str) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(folder);
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("the folder is kept") {
        let path = entry.expect("an entry can be read").path();
        let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
        if name.starts_with(prefix) && !name.starts_with('.') {
            file::open(&fs::read(path).expect("a file can be read"));
            count += 1;
        }
    }
    count
}

#[test]
fn files_that_fuzzers_start_from_break_nothing() {
    assert!(run("corpus/open", "") > 10);
}

#[test]
fn files_that_a_fuzzer_has_found_break_nothing() {
    run("regressions", "open-");
}
