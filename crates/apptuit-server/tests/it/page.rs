//! The files of the web page.

use crate::support::TestServer;

#[test]
fn every_file_of_the_page_is_served_with_its_type() {
    let server = TestServer::start();
    for (path, media_type, beginning) in [
        ("/", "text/html; charset=utf-8", "<!doctype html>"),
        ("/app.js", "text/javascript; charset=utf-8", "//"),
        ("/style.css", "text/css; charset=utf-8", "/*"),
        ("/icon.svg", "image/svg+xml", "<svg"),
        (
            "/uPlot.iife.min.js",
            "text/javascript; charset=utf-8",
            "/*! https://github.com/leeoniya/uPlot",
        ),
        ("/uPlot.min.css", "text/css; charset=utf-8", ".uplot"),
    ] {
        let reply = server.get(path);
        assert_eq!((reply.status, reply.header("content-type")), (200, Some(media_type)), "{path}");
        assert!(reply.text().starts_with(beginning), "{path}");
        let policy = reply.header("content-security-policy").expect(path);
        assert!(policy.starts_with("default-src 'self';"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
}

#[test]
fn everything_the_page_refers_to_is_there() {
    let server = TestServer::start();
    let mut files = vec!["/".to_owned()];
    let mut seen = 0;
    while let Some(path) = files.get(seen).cloned() {
        seen += 1;
        let reply = server.get(&path);
        assert_eq!(reply.status, 200, "{path}");
        if path.contains("uPlot") {
            continue;
        }
        for quoted in reply.text().split('"').skip(1).step_by(2) {
            let is_file = [".js", ".css", ".svg"].iter().any(|end| quoted.ends_with(end));
            if quoted.starts_with('/') && is_file && !files.iter().any(|file| file == quoted) {
                files.push(quoted.to_owned());
            }
        }
    }
    assert!(seen >= 6, "{files:?}");
}

#[test]
fn a_file_the_browser_has_is_not_sent_again() {
    let server = TestServer::start();
    let first = server.get("/app.js");
    let tag = first.header("etag").expect("a tag").to_owned();
    assert_eq!(first.header("cache-control"), Some("no-cache"));
    let again = server.send("GET", "/app.js", &[("If-None-Match", &tag)], b"");
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(server.send("GET", "/", &[("If-None-Match", &tag)], b"").status, 200);
}
