//! Reading the shared fixtures.

use std::path::Path;

use serde_json::Value;

pub(crate) fn bytes(path: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    std::fs::read(root.join(path)).expect("the fixture is there")
}

pub(crate) fn json(path: &str) -> Value {
    parsed(&bytes(path))
}

pub(crate) fn parsed(json: &[u8]) -> Value {
    serde_json::from_slice(json).expect("it is JSON")
}

/// The rows of a table below its comments and header, each cell as JSON, the first as plain text.
pub(crate) fn rows(path: &str) -> Vec<(String, Vec<Value>)> {
    let text = String::from_utf8(bytes(path)).expect("the table is text");
    let lines = text.lines().skip_while(|line| line.starts_with('#')).skip(1);
    let row = |line: &str| {
        let mut cells = line.split('\t');
        let first = cells.next().expect("a line has a cell").to_owned();
        (first, cells.map(|cell| parsed(cell.as_bytes())).collect())
    };
    lines.map(row).collect()
}
