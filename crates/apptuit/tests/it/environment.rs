//! The variables of the environment, each in a process of its own that has them.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread::JoinHandle;
use std::time::Duration;

use apptuit::{Client, DataPoint, Timestamp};

/// Tells the child whether it passes tags, or ignores those of the environment.
const MODE: &str = "TEST_MODE";

/// What the child prints is between these, one a line: the harness prints too.
const MARK: &str = "told: ";

/// Not a test of its own: what the others run, with variables.
#[test]
#[ignore = "the tests beside it run it in a process with the variables they set"]
fn child() {
    let mode = std::env::var(MODE).unwrap_or_default();
    let builder = Client::builder().timeout(Duration::from_secs(10));
    let builder = match &*mode {
        "ignore" => builder.ignore_environment(),
        "ignore-tags" => builder.ignore_environment_tags(),
        "tags" => builder.global_tag("own", "1"),
        "endpoint" => builder.endpoint("http://127.0.0.1:1"),
        _ => builder,
    };
    let mut told = Vec::new();
    match builder.build() {
        Err(error) => told.push(format!("error {error}")),
        Ok(client) => {
            told.push(format!("endpoint {}", client.endpoint()));
            told.push(format!("tags {}", client.global_tags()));
            told.extend(client.warnings().iter().map(|warning| format!("warning {warning}")));
            if mode == "send" {
                let at = Timestamp::from_secs(1);
                let sent = client.send(&[DataPoint::new(("m", [("k", "v")]), at, 1.0)]);
                told.push(format!(
                    "sent {}",
                    sent.map_or_else(|e| e.to_string(), |()| "all".into())
                ));
            }
        }
    }
    let mut out = std::io::stdout().lock();
    for line in told {
        writeln!(out, "\n{MARK}{line}").expect("a pipe takes it");
    }
}

/// What the child tells in an environment of these variables alone.
fn told(variables: &[(&str, &str)]) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().expect("this test is a program"));
    child.args(["--exact", "environment::child", "--ignored", "--nocapture"]).env_clear();
    let output = child.envs(variables.iter().copied()).output().expect("it runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let told: Vec<_> =
        text.lines().filter_map(|line| line.strip_prefix(MARK)).map(str::to_owned).collect();
    assert!(!told.is_empty(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    told
}

/// Answers the requests of one connection until one is a put; gives the lines of all heads.
fn serve_once() -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut heads = Vec::new();
        loop {
            let head = head_of(&stream);
            let is_connect = head[0].starts_with("CONNECT ");
            let length = |line: &String| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("content-length").then(|| value.parse().ok())?
            };
            let mut body = vec![0; head.iter().find_map(length).unwrap_or(0)];
            stream.read_exact(&mut body).expect("the whole body");
            heads.extend(head);
            let status = if is_connect { "200 Connected" } else { "204 No Content" };
            write!(stream, "HTTP/1.1 {status}\r\n\r\n").expect("it is read");
            if !is_connect {
                return heads;
            }
        }
    });
    (address, server)
}

/// Byte by byte: what follows the head is left where it is.
fn head_of(mut stream: &TcpStream) -> Vec<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a head");
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("text");
    head.trim_end().split("\r\n").map(str::to_owned).collect()
}

#[test]
fn token_tags_and_endpoint_are_those_of_the_environment() {
    let told = told(&[
        ("APPTUIT_API_TOKEN", "t"),
        ("APPTUIT_TAGS", r#"dc: eu, url: http://x:1/y, team: "a, b""#),
        ("APPTUIT_API_ENDPOINT", "http://127.0.0.1:4242/"),
    ]);
    let expected = ["endpoint http://127.0.0.1:4242", "tags {dc:eu, team:a, b, url:http://x:1/y}"];
    assert_eq!(told, expected);
}

#[test]
fn old_names_are_read_with_a_warning_and_go_after_the_new_ones() {
    let old = [("APPTUIT_PY_TOKEN", "t"), ("APPTUIT_PY_TAGS", "a: old")];
    let warning =
        |old, new| format!("warning the variable `{old}` is deprecated, expected `{new}`");
    let expected = [
        "endpoint https://api.apptuit.ai".to_owned(),
        "tags {a:old}".to_owned(),
        warning("APPTUIT_PY_TOKEN", "APPTUIT_API_TOKEN"),
        warning("APPTUIT_PY_TAGS", "APPTUIT_TAGS"),
    ];
    assert_eq!(told(&old), expected);
    let both = [&old[..], &[("APPTUIT_API_TOKEN", "t"), ("APPTUIT_TAGS", "a: new")]].concat();
    assert_eq!(told(&both), ["endpoint https://api.apptuit.ai", "tags {a:new}"]);
}

#[test]
fn what_is_passed_goes_before_the_environment() {
    let variables = [
        ("APPTUIT_API_TOKEN", "t"),
        ("APPTUIT_TAGS", "a: env"),
        ("APPTUIT_API_ENDPOINT", "http://127.0.0.1:4242"),
    ];
    let with = |mode| told(&[&variables[..], &[(MODE, mode)]].concat());
    assert_eq!(with("endpoint"), ["endpoint http://127.0.0.1:1", "tags {a:env}"]);
    assert_eq!(with("tags"), ["endpoint http://127.0.0.1:4242", "tags {own:1}"]);
    assert_eq!(with("ignore-tags"), ["endpoint http://127.0.0.1:4242", "tags {}"]);
    let expected = "error there is no API token: pass one or set APPTUIT_API_TOKEN";
    assert_eq!(with("ignore"), [expected]);
}

#[test]
fn an_empty_variable_is_none() {
    let variables =
        [("APPTUIT_API_TOKEN", "t"), ("APPTUIT_TAGS", " "), ("APPTUIT_API_ENDPOINT", "")];
    assert_eq!(told(&variables), ["endpoint https://api.apptuit.ai", "tags {}"]);
    assert!(told(&[("APPTUIT_API_TOKEN", "")])[0].contains("no API token"));
}

#[test]
fn a_variable_that_makes_no_sense_is_named() {
    let token = ("APPTUIT_API_TOKEN", "t");
    let bad_tags = told(&[token, ("APPTUIT_TAGS", "a")]);
    assert!(bad_tags[0].contains("APPTUIT_TAGS has `a`"), "{bad_tags:?}");
    let bad_endpoint = told(&[token, ("APPTUIT_API_ENDPOINT", "here")]);
    assert!(bad_endpoint[0].contains("APPTUIT_API_ENDPOINT) is `here`"), "{bad_endpoint:?}");
}

#[test]
fn requests_go_through_the_proxy_of_the_environment_and_around_it() {
    let names = [("HTTP_PROXY", "NO_PROXY"), ("http_proxy", "no_proxy"), ("ALL_PROXY", "NO_PROXY")];
    for (proxy, around) in names {
        let (address, server) = serve_once();
        let proxied = format!("http://{address}");
        let variables = [
            ("APPTUIT_API_TOKEN", "t"),
            ("APPTUIT_API_ENDPOINT", "http://apptuit.invalid:4242"),
            (proxy, &*proxied),
            (MODE, "send"),
        ];
        assert_eq!(told(&variables)[2], "sent all", "{proxy}");
        let lines = server.join().unwrap();
        assert_eq!(lines[0], "CONNECT apptuit.invalid:4242 HTTP/1.1");
        assert!(lines.iter().any(|line| line == "POST /api/put?details HTTP/1.1"), "{lines:?}");

        let (address, server) = serve_once();
        let endpoint = format!("http://{address}");
        let variables = [
            ("APPTUIT_API_TOKEN", "t"),
            ("APPTUIT_API_ENDPOINT", &*endpoint),
            (proxy, "http://127.0.0.1:1"),
            (around, "example.com, 127.0.0.1"),
            (MODE, "send"),
        ];
        assert_eq!(told(&variables)[2], "sent all", "{around}");
        assert_eq!(server.join().unwrap()[0], "POST /api/put?details HTTP/1.1");
    }
}

#[test]
fn a_proxy_is_that_of_the_scheme_and_in_lower_case_first() {
    let (address, server) = serve_once();
    let proxied = format!("http://{address}");
    let closed = "http://127.0.0.1:1";
    let variables = [
        ("APPTUIT_API_TOKEN", "t"),
        ("APPTUIT_API_ENDPOINT", "http://apptuit.invalid:4242"),
        ("http_proxy", &*proxied),
        ("HTTP_PROXY", closed),
        ("https_proxy", closed),
        ("all_proxy", closed),
        (MODE, "send"),
    ];
    assert_eq!(told(&variables)[2], "sent all");
    server.join().unwrap();
}

/// There `HTTP_PROXY` is a header that anybody can send.
#[test]
fn a_script_of_a_web_server_does_not_take_a_proxy_from_its_caller() {
    let (address, server) = serve_once();
    let endpoint = format!("http://{address}");
    let variables = [
        ("APPTUIT_API_TOKEN", "t"),
        ("APPTUIT_API_ENDPOINT", &*endpoint),
        ("HTTP_PROXY", "http://127.0.0.1:1"),
        ("REQUEST_METHOD", "GET"),
        (MODE, "send"),
    ];
    assert_eq!(told(&variables)[2], "sent all");
    server.join().unwrap();
}

/// The token is what says who sends; a file of passwords for the host has no say.
#[test]
fn a_netrc_is_not_read() {
    let home = tempfile::tempdir().unwrap();
    let netrc = home.path().join(".netrc");
    std::fs::write(&netrc, "machine 127.0.0.1 login joe password wrong\n").unwrap();
    let (address, server) = serve_once();
    let variables = [
        ("APPTUIT_API_TOKEN", "t"),
        ("APPTUIT_API_ENDPOINT", &format!("http://{address}")),
        ("HOME", home.path().to_str().unwrap()),
        ("NETRC", netrc.to_str().unwrap()),
        (MODE, "send"),
    ];
    assert_eq!(told(&variables)[2], "sent all");
    let head = server.join().unwrap();
    let credentials: Vec<_> =
        head.iter().filter(|line| line.to_ascii_lowercase().starts_with("authorization")).collect();
    assert_eq!(credentials.len(), 1);
    assert!(credentials[0].ends_with("Bearer t"), "{credentials:?}");
}

#[cfg(feature = "tls")]
#[test]
fn certificates_are_those_of_the_first_variable_that_names_some() {
    let folder = tempfile::tempdir().unwrap();
    let pem = folder.path().join("cert.pem");
    std::fs::write(&pem, include_str!("../../../apptuit-server/tests/it/tls/cert.pem")).unwrap();
    let pem = pem.to_str().unwrap();
    let token = ("APPTUIT_API_TOKEN", "t");
    let (rest, missing) = (["endpoint https://api.apptuit.ai", "tags {}"], "/nowhere/ca.pem");
    let variables = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"];
    for (n, variable) in variables.into_iter().enumerate() {
        // Those after it do not matter.
        let mut set = vec![token, (variable, pem)];
        set.extend(variables[n + 1..].iter().map(|later| (*later, missing)));
        assert_eq!(told(&set), rest, "{variable}");
        let refused = told(&[token, (variable, missing)]);
        assert!(refused[0].contains(&format!("{variable} names `{missing}`")), "{refused:?}");
    }
    // A folder, which holds something else too.
    std::fs::write(folder.path().join("notes.txt"), "nothing").unwrap();
    let folder = folder.path().to_str().unwrap();
    assert_eq!(told(&[token, ("REQUESTS_CA_BUNDLE", folder)]), rest);
}

/// The certificate is trusted, and is one for `localhost`.
#[cfg(feature = "tls")]
#[test]
fn a_certificate_is_good_for_the_host_it_names_and_no_other() {
    use apptuit_server::ServerConfig;

    use crate::end_to_end::{certificate, start_with};

    let folder = tempfile::tempdir().unwrap();
    let files = certificate(folder.path());
    let trusted = files.cert.to_str().unwrap().to_owned();
    let running = start_with(ServerConfig { tls: Some(files), ..ServerConfig::default() });
    let port = running.server.local_addr().port();
    let sent = |host: &str| {
        let endpoint = format!("https://{host}:{port}");
        let variables = [
            ("APPTUIT_API_TOKEN", "t"),
            ("APPTUIT_API_ENDPOINT", &*endpoint),
            ("SSL_CERT_FILE", &*trusted),
            (MODE, "send"),
        ];
        told(&variables).swap_remove(2)
    };
    assert_eq!(sent("localhost"), "sent all");
    let refused = sent("127.0.0.1");
    let expected = format!("sent cannot send to `https://127.0.0.1:{port}`: ");
    assert!(refused.starts_with(&expected), "{refused}");
    assert!(refused.contains("localhost") && refused.contains("certificate"), "{refused}");
    running.server.stop().unwrap();
}

/// The page has all variables this crate reads, and no others.
#[test]
fn the_page_lists_what_is_read() {
    let page = include_str!("../../../../docs/reference/environment.md");
    let code = include_str!("../../src/client/environment.rs");
    let code = code.split("#[cfg(test)]").next().unwrap();
    let is_name = |word: &&str| {
        word.contains('_') && word.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_')
    };
    // Names are what the code has in quotes, and what the page has first in a line of its tables.
    let mut read: Vec<_> = code.split('"').skip(1).step_by(2).filter(is_name).collect();
    let section = |title: &str| {
        let part = page.split("\n## ").find(|part| part.starts_with(title)).expect(title);
        let cells = part.lines().filter_map(|line| line.strip_prefix('|')?.split('|').next());
        cells.flat_map(|cell| cell.split('`')).filter(is_name).collect::<Vec<_>>()
    };
    let mut listed = ["The client", "Proxies", "Certificates"].map(section).concat();
    for names in [&mut listed, &mut read] {
        names.sort_unstable();
        names.dedup();
    }
    assert_eq!(listed, read);
}
