//! What the reference says holds: its queries are well formed, its examples give what they say, and
//! every function is in it.

use std::fs;

use apptuit_query::functions;

use crate::scripts::run_script;

fn page() -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/query-language.md");
    fs::read_to_string(page).expect("the reference is in the repository")
}

/// The blocks of a language, each with the number of its first line.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<(usize, &'a str)> {
    let fence = format!("```{language}\n");
    let starts = page.match_indices(&fence).map(|(at, fence)| at + fence.len());
    let block = |start| page[start..].split("```").next().expect("a block");
    starts.map(|start| (page[..start].lines().count() + 1, block(start))).collect()
}

#[test]
fn every_query_of_the_reference_is_well_formed() {
    let page = page();
    let blocks = blocks(&page, "apptuit");
    assert!(blocks.len() >= 2, "only {} blocks", blocks.len());
    for (line, block) in blocks {
        if let Err(error) = apptuit_query::check(block) {
            panic!("line {line}: {error}");
        }
    }
}

#[test]
fn every_worked_example_of_the_reference_gives_what_it_says() {
    let (page, mut failures) = (page(), String::new());
    let blocks = blocks(&page, "example");
    assert!(blocks.len() >= 20, "only {} blocks", blocks.len());
    for (line, block) in blocks {
        run_script(&format!("the block at line {line}"), block, &mut failures);
    }
    assert!(failures.is_empty(), "\n{failures}");
}

/// In the table of functions with the line that editors show, and in an example.
#[test]
fn every_function_is_in_the_reference_with_an_example() {
    let page = page();
    let examples: String = blocks(&page, "example").into_iter().map(|(_, block)| block).collect();
    for function in functions() {
        let row = format!("| [`{}`](#", function.example);
        let row = page.lines().find(|line| line.starts_with(&row)).expect(function.name);
        assert!(row.ends_with(&format!(") | {} |", function.about)), "{row}");
        let dot = if function.is_method { "." } else { "" };
        // The five largest are shown as two.
        let name = function.name.trim_end_matches(char::is_numeric);
        let called = format!("{dot}{name}");
        assert!(examples.contains(&called), "{called} has no example");
        for argument in function.arguments.iter().filter(|argument| argument.is_keyword) {
            let keyword = format!("{}=", argument.name);
            assert!(page.contains(&format!("`{keyword}")) || page.contains(&format!(" {keyword}")));
            assert!(examples.contains(&keyword), "{keyword} has no example");
        }
        if function.name == "downsample" {
            for (name, about) in &function.arguments[1].values {
                let row = format!("| `{name}` | {about}");
                assert!(page.contains(&row), "{row} is not in the reference");
                assert!(examples.contains(&format!("'{name}'")), "{name} has no example");
            }
        }
    }
}
