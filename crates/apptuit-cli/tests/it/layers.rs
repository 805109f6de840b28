//! Dependencies point one way.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Who may depend on whom, in normal dependencies. Tests may use what they need.
const ARROWS: [(&str, &[&str]); 8] = [
    ("apptuit-model", &[]),
    ("apptuit-metrics", &["apptuit-model"]),
    ("apptuit-query", &["apptuit-model"]),
    ("apptuit-store", &["apptuit-model"]),
    ("apptuit", &["apptuit-metrics", "apptuit-model"]),
    ("apptuit-server", &["apptuit-metrics", "apptuit-model", "apptuit-query", "apptuit-store"]),
    (
        "apptuit-cli",
        &["apptuit", "apptuit-model", "apptuit-query", "apptuit-server", "apptuit-store"],
    ),
    ("apptuit-python", &["apptuit"]),
];

/// The normal dependencies among this workspace's crates.
fn arrows_of(metadata: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let packages = metadata["packages"].as_array().expect("cargo metadata lists packages");
    let name = |value: &Value| value["name"].as_str().expect("a package has a name").to_owned();
    let ours: BTreeSet<String> = packages.iter().map(name).collect();
    let normal = |package: &Value| {
        let all = package["dependencies"].as_array().expect("a package lists dependencies");
        let kept = all.iter().filter(|dependency| dependency["kind"].is_null());
        kept.map(name).filter(|dependency| ours.contains(dependency)).collect()
    };
    packages.iter().map(|package| (name(package), normal(package))).collect()
}

/// Each arrow that is not allowed, both ends named.
fn violations(arrows: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.into();
    let mut found = Vec::new();
    for (from, targets) in arrows {
        match allowed.get(from.as_str()) {
            None => found.push(format!("crate `{from}` is not in the list of arrows")),
            Some(may) => found.extend(
                targets
                    .iter()
                    .filter(|to| !may.contains(&to.as_str()))
                    .map(|to| format!("`{from}` must not depend on `{to}`")),
            ),
        }
    }
    found
}

#[test]
fn every_arrow_is_in_the_list() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let arrows = arrows_of(&metadata);
    assert_eq!(arrows.len(), ARROWS.len(), "the list names crates that do not exist: {arrows:?}");
    assert_eq!(violations(&arrows), Vec::<String>::new());
}

#[test]
fn a_forbidden_arrow_is_named_at_both_ends() {
    let arrows = BTreeMap::from([
        ("apptuit-model".to_owned(), BTreeSet::from(["apptuit-store".to_owned()])),
        ("apptuit-util".to_owned(), BTreeSet::new()),
    ]);
    assert_eq!(
        violations(&arrows),
        [
            "`apptuit-model` must not depend on `apptuit-store`",
            "crate `apptuit-util` is not in the list of arrows"
        ]
    );
}
