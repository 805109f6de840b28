//! Every input that a fuzzer starts from or has found, once more: what is kept in `fuzz/` must not
//! need a fuzzer to be seen.

use std::fs;
use std::path::Path;

#[path = "../../../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "the programs of the fuzzers reach it")]
mod targets;

type Target = fn(&[u8]);

/// The folder of a target's seeds, its name, and the target.
const TARGETS: [(&str, &str, Target); 5] = [
    ("text", "parser", targets::parser),
    ("text", "printer", targets::printer),
    ("text", "planner", targets::planner),
    ("filter", "filter", targets::filter),
    ("engine", "engine", targets::engine),
];

/// The files of a folder of `fuzz/`, by name.
fn kept(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(folder);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("an entry of the folder is readable"))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.'))
        .collect();
    files.sort();
    let read = |name: String| (fs::read(folder.join(&name)).expect("a file is readable"), name);
    files.into_iter().map(read).map(|(bytes, name)| (name, bytes)).collect()
}

#[test]
fn what_fuzzers_start_from_breaks_nothing() {
    for (folder, name, target) in TARGETS {
        let seeds = kept(&format!("corpus/{folder}"));
        assert!(seeds.len() > 10, "{name} has {} seeds", seeds.len());
        for (file, bytes) in seeds {
            println!("{name} on {file}");
            target(&bytes);
        }
    }
}

#[test]
fn what_a_fuzzer_has_found_is_mended() {
    let found = kept("regressions");
    for (file, bytes) in found {
        let of_target = |(_, name, _): &&(_, &str, _)| file.starts_with(&format!("{name}-"));
        // Other crates' tests run those of their targets.
        let Some((_, _, target)) = TARGETS.iter().find(of_target) else { continue };
        println!("{file}");
        target(&bytes);
    }
}
