//! The queries of the reference are well formed.

use std::fs;

#[test]
fn every_query_of_the_reference_is_well_formed() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/query-language.md");
    let page = fs::read_to_string(page).expect("the reference is in the repository");
    let blocks: Vec<&str> = page
        .split("```apptuit\n")
        .skip(1)
        .map(|rest| rest.split("```").next().expect("a block"))
        .collect();
    assert!(blocks.len() >= 5, "only {} blocks", blocks.len());
    for block in blocks {
        if let Err(error) = apptuit_query::check(block) {
            panic!("{error}");
        }
    }
}
