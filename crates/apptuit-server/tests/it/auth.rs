//! Tokens and tenants.

use std::net::SocketAddr;

use apptuit_server::{Server, TokenFile};

use crate::support::{Reply, TestServer, assert_fails, config, point};

fn with_tokens() -> TestServer {
    TestServer::with(|config| {
        let tokens = "# who may call\nsecret-a weather\nsecret-b traffic\n";
        config.tokens = Some(TokenFile::parse(tokens).expect("a token file"));
    })
}

fn as_caller(server: &TestServer, token: &str, method: &str, path: &str, body: &str) -> Reply {
    let header = format!("Bearer {token}");
    server.send(method, path, &[("Authorization", &header)], body.as_bytes())
}

#[test]
fn data_of_tenants_never_mixes() {
    let server = with_tokens();
    let body = point("m", "of-a", 60, 1.0);
    assert_eq!(as_caller(&server, "secret-a", "POST", "/api/put", &body).status, 204);
    let query = "/api/query?start=0&q=fetch('m')";
    assert_eq!(as_caller(&server, "secret-a", "GET", query, "").values(), [1.0]);
    let other = as_caller(&server, "secret-b", "GET", query, "");
    assert_fails(&other, 400, "ERROR_FETCHING_FROM_DATASOURCE", "Requested metrics(m) not found");
    let names = "/api/suggest?type=tagv";
    assert_eq!(as_caller(&server, "secret-a", "GET", names, "").text(), r#"["of-a"]"#);
    assert_eq!(as_caller(&server, "secret-b", "GET", names, "").text(), "[]");
    let completion = "/api/query/complete?q=fetch('";
    let candidates =
        |caller| as_caller(&server, caller, "GET", completion, "").json()["candidates"].clone();
    assert_eq!(candidates("secret-a")[0]["text"], "m");
    assert_eq!(candidates("secret-b"), serde_json::json!([]));
}

#[test]
fn the_token_may_be_the_name_or_the_password_of_basic() {
    let server = with_tokens();
    // By the base64 of coreutils: `secret-a:` and `collector:secret-a`.
    for basic in ["Basic c2VjcmV0LWE6", "Basic Y29sbGVjdG9yOnNlY3JldC1h"] {
        let headers = [("Authorization", basic)];
        let body = point("m", "a", 60, 1.0);
        assert_eq!(server.send("POST", "/api/put", &headers, body.as_bytes()).status, 204);
    }
}

#[test]
fn wrong_and_missing_tokens_are_refused_everywhere_but_at_the_page_and_the_health() {
    let server = with_tokens();
    for (method, path) in [
        ("POST", "/api/put?details"),
        ("GET", "/api/query?start=0&q=fetch('m')"),
        ("POST", "/api/query"),
        ("GET", "/api/query/complete?q=fetch('"),
        ("GET", "/api/query/functions"),
        ("GET", "/api/suggest?type=metrics"),
    ] {
        let missing = server.send(method, path, &[], b"");
        assert_fails(
            &missing,
            401,
            "ERROR_AUTHENTICATION",
            "there is no token: expected the header `Authorization: Bearer TOKEN`",
        );
        assert_eq!(missing.header("www-authenticate"), Some("Bearer"));
        let wrong = as_caller(&server, "secret-c", method, path, "");
        assert_fails(&wrong, 401, "ERROR_AUTHENTICATION", "the token is not known");
        assert!(!wrong.text().contains("secret-c"));
    }
    for (header, message) in [
        ("Bearer", "the header `Authorization` has no token: expected `Bearer TOKEN`"),
        ("Digest secret-a", "the header `Authorization` is neither `Bearer` nor `Basic`"),
        ("Basic !", "the header `Authorization: Basic` is not base64"),
    ] {
        let reply = server.send("POST", "/api/put", &[("Authorization", header)], b"[]");
        assert_fails(&reply, 401, "ERROR_AUTHENTICATION", message);
    }
    let failed = server.get("/api/query?start=0&q=1").json();
    assert_eq!(failed["outputs"], serde_json::json!([]));
    assert_eq!((server.get("/health").status, server.get("/").status), (200, 200));
}

#[test]
fn without_tokens_any_token_is_as_good_as_none() {
    let server = TestServer::start();
    let body = point("m", "a", 60, 1.0);
    assert_eq!(as_caller(&server, "anything", "POST", "/api/put", &body).status, 204);
    let odd = server.send("GET", "/api/suggest?type=metrics", &[("Authorization", "?")], b"");
    assert_eq!(odd.text(), r#"["m"]"#);
}

#[test]
fn an_address_beyond_this_machine_needs_tokens_or_consent() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = config(folder.path());
    config.listen = SocketAddr::from(([0, 0, 0, 0], 0));
    let refused = Server::bind(config).expect_err("nobody agreed to it").to_string();
    assert!(refused.starts_with("will not listen on `0.0.0.0:0` without tokens"), "{refused}");
    assert_eq!(folder.path().read_dir().expect("a folder").count(), 0, "nothing was opened");
}

#[test]
fn a_token_file_is_read_and_its_mistakes_are_numbered() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tokens");
    std::fs::write(&file, "secret-a weather\nsecret-b\n").expect("a file");
    let error = TokenFile::read(&file).expect_err("a line is wrong").to_string();
    let place = format!("token file `{}`, line 2", file.display());
    assert_eq!(error, format!("{place}: expected a token and a tenant, separated by blanks"));
    std::fs::write(&file, "secret-a weather\n").expect("a file");
    let tokens = TokenFile::read(&file).expect("a token file");
    assert_eq!(tokens.tenants().collect::<Vec<_>>(), ["weather"]);
    let missing = TokenFile::read(&folder.path().join("none")).expect_err("there is none");
    assert!(missing.to_string().starts_with("cannot read `"), "{missing}");
}

/// A visitor's browser sends such requests for any page it has open.
#[test]
fn without_tokens_other_sites_are_refused_and_with_them_the_token_decides() {
    let origin = ("Origin", "https://elsewhere.example");
    let body = point("m", "a", 60, 1.0);
    let open = TestServer::with(|_| {});
    let refused = open.send("POST", "/api/put", &[origin], body.as_bytes());
    assert_fails(
        &refused,
        403,
        "ERROR_FORBIDDEN",
        "origin `https://elsewhere.example` is another site: without tokens only the own page is answered",
    );
    let names = open.send("GET", "/api/suggest?type=metrics", &[], b"");
    assert_eq!(names.text(), "[]");
    let closed = with_tokens();
    let headers = [origin, ("Authorization", "Bearer secret-a")];
    assert_eq!(closed.send("POST", "/api/put", &headers, body.as_bytes()).status, 204);
}
