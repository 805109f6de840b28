//! Every input that a fuzzer starts from or has found, once more: what is kept in `fuzz/` must not
//! need a fuzzer to be seen.

use std::fs;
use std::path::Path;

#[path = "../../../../fuzz/src/client.rs"]
#[expect(unreachable_pub, reason = "the programs of the fuzzers reach it")]
mod targets;

type Target = fn(&[u8]);

const TARGETS: [(&str, Target); 5] = [
    ("answer", targets::answer),
    ("put_answer", targets::put_answer),
    ("tags", targets::tags),
    ("name", targets::name),
    ("spool", targets::spool),
];

/// The files of a folder of `fuzz/` whose names begin so.
fn kept(folder: &str, beginning: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(folder);
    let files =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> =
        files.map(|entry| entry.expect("an entry of the folder").path()).collect();
    files.retain(|file| {
        let name = file.file_name().expect("a name").to_string_lossy();
        name.starts_with(beginning) && !name.starts_with('.')
    });
    files.sort();
    files.iter().map(|file| fs::read(file).expect("a file is readable")).collect()
}

#[test]
fn what_fuzzers_of_the_client_start_from_breaks_nothing() {
    for (name, target) in TARGETS {
        let seeds = kept(&format!("corpus/{name}"), "");
        assert!(seeds.len() > 10, "{name} has {} seeds", seeds.len());
        // Each, and each with a byte changed or cut off here and there.
        for seed in seeds {
            target(&seed);
            for at in 0..seed.len() {
                target(&seed[..at]);
                let mut changed = seed.clone();
                changed[at] ^= [1, 0x20, 0x80][at % 3];
                target(&changed);
            }
        }
    }
}

#[test]
fn what_a_fuzzer_of_the_client_has_found_is_mended() {
    for (name, target) in TARGETS {
        for input in kept("regressions", &format!("{name}-")) {
            target(&input);
        }
    }
}
