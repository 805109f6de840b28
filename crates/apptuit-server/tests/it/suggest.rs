//! Names by their first letters.

use serde_json::json;

use crate::support::{TestServer, assert_fails, point};

#[test]
fn names_are_completed() {
    let server = TestServer::start();
    let body = format!(
        "[{},{},{}]",
        point("node.cpu", "web1", 1, 1.0),
        point("node.memory", "web2", 1, 1.0),
        point("disk", "db", 1, 1.0)
    );
    assert_eq!(server.put("", body).status, 204);
    for (parameters, expected) in [
        ("type=metrics", json!(["disk", "node.cpu", "node.memory"])),
        ("type=metrics&q=node", json!(["node.cpu", "node.memory"])),
        ("type=metrics&q=node&max=1", json!(["node.cpu"])),
        ("type=metrics&q=none", json!([])),
        ("type=tagk", json!(["host"])),
        ("type=tagv&q=w", json!(["web1", "web2"])),
        ("type=tagv&max=0", json!([])),
        ("type=tagv&max=99999999", json!(["db", "web1", "web2"])),
    ] {
        let reply = server.get(&format!("/api/suggest?{parameters}"));
        assert_eq!((reply.status, reply.json()), (200, expected), "{parameters}");
    }
}

#[test]
fn names_of_tags_may_be_those_of_a_metric() {
    let server = TestServer::start();
    let body = r#"[{"metric":"cpu","timestamp":1,"value":1,"tags":{"host":"a","core":"0"}},
        {"metric":"disk","timestamp":1,"value":1,"tags":{"host":"b","path":"/"}}]"#;
    assert_eq!(server.put("", body).status, 204);
    for (parameters, expected) in [
        ("type=tagk&metric=cpu", json!(["core", "host"])),
        ("type=tagk&metric=cpu&q=h", json!(["host"])),
        ("type=tagk&metric=none", json!([])),
        ("type=tagv&metric=cpu", json!(["0", "a"])),
        ("type=tagv&metric=disk&key=host", json!(["b"])),
        ("type=tagv&key=host", json!(["a", "b"])),
        ("type=tagv&key=host&max=1", json!(["a"])),
    ] {
        let reply = server.get(&format!("/api/suggest?{parameters}"));
        assert_eq!((reply.status, reply.json()), (200, expected), "{parameters}");
    }
}

#[test]
fn twenty_five_names_are_told_unless_more_are_asked_for() {
    let server = TestServer::start();
    let points: Vec<_> = (0..40).map(|n| point(&format!("m{n}"), "a", 1, 1.0)).collect();
    assert_eq!(server.put("", format!("[{}]", points.join(","))).status, 204);
    let names = |parameters: &str| {
        let names = server.get(&format!("/api/suggest?type=metrics{parameters}")).json();
        names.as_array().expect("an array").len()
    };
    assert_eq!((names(""), names("&max=30"), names("&max=1000")), (25, 30, 40));
}

#[test]
fn what_cannot_be_completed_is_named() {
    let server = TestServer::start();
    for (parameters, message) in [
        ("", "parameter `type` is missing: expected `metrics`, `tagk` or `tagv`"),
        ("type=hosts", "parameter `type` is `hosts`: expected `metrics`, `tagk` or `tagv`"),
        ("type=metrics&max=few", "parameter `max` is `few`: expected a whole number"),
        ("type=metrics&max=-1", "parameter `max` is `-1`: expected a whole number"),
    ] {
        let reply = server.get(&format!("/api/suggest?{parameters}"));
        assert_fails(&reply, 400, "ERROR_INVALID_REQUEST", message);
    }
}
