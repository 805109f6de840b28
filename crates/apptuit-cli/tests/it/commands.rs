//! What a person sees of `send`, `query`, `serve` and `demo`.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::server::ServerProcess;

/// Runs the command in an environment without our variables.
pub(super) fn apptuit(args: &[&str], input: &str) -> Output {
    apptuit_with(&[], args, input)
}

/// Runs the command in an environment with these of our variables.
fn apptuit_with(variables: &[(&str, &str)], args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_apptuit"))
        .args(args)
        .env_remove("APPTUIT_API_ENDPOINT")
        .env_remove("APPTUIT_API_TOKEN")
        .env_remove("APPTUIT_PY_TOKEN")
        .env_remove("APPTUIT_SPOOL_DIR")
        .env_remove("APPTUIT_TAGS")
        .env_remove("APPTUIT_PY_TAGS")
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    // A command that failed early does not read: that is no failure of the test.
    let _ = child.stdin.take().expect("stdin is piped").write_all(input.as_bytes());
    child.wait_with_output().expect("the command ends")
}

pub(super) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(super) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A server that holds three points of two series.
fn server_with_points() -> (tempfile::TempDir, ServerProcess) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let server = ServerProcess::start(dir.path());
    let lines = r#"{"metric":"room.celsius","timestamp":1500000000,"value":20,"tags":{"room":"lab"}}
{"metric":"room.celsius","timestamp":1500000060,"value":22.5,"tags":{"room":"lab"}}
[{"metric":"room.celsius","timestamp":1500000060,"value":18,"tags":{"room":"hall"}}]
"#;
    let sent = apptuit(&["send", "--endpoint", &server.endpoint()], lines);
    assert!(sent.status.success(), "{}", stderr(&sent));
    assert_eq!(stderr(&sent), "3 points stored\n");
    (dir, server)
}

const RANGE: [&str; 4] = ["--start", "1500000000", "--end", "2017-07-14T03:00:00Z"];

fn query(server: &ServerProcess, text: &str, flags: &[&str]) -> Output {
    let endpoint = server.endpoint();
    let args = [&["query", text, "--endpoint", &endpoint][..], &RANGE, flags].concat();
    apptuit(&args, "")
}

#[test]
fn a_query_is_explained() {
    let (_dir, server) = server_with_points();
    let explained = query(&server, "fetch('room_celsius').downsample('1m', 'avg')", &["--explain"]);
    let told = stdout(&explained);
    let start = "1: fetch `room_celsius` from 1500000000 to 1500001200: ";
    assert!(told.starts_with(start), "{told}{}", stderr(&explained));
    assert!(told.contains("\n   in the engine: downsample('1m', 'avg')\n"), "{told}");
    let unknown = query(&server, "A = 1\nfetch('room.gelsius')", &["--explain"]);
    assert!(
        !unknown.status.success() && stderr(&unknown).contains("line 2"),
        "{}",
        stderr(&unknown)
    );
}

#[test]
fn points_that_were_sent_come_back_as_a_table() {
    let (_dir, server) = server_with_points();
    let output = query(&server, "fetch('room_celsius')", &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    let expected = "\
room_celsius: 2 series, 2 rows
         time (UTC)  room_celsius{room:hall}  room_celsius{room:lab}
2017-07-14 02:40:00                        -                      20
2017-07-14 02:41:00                       18                    22.5
";
    assert_eq!(stdout(&output).trim_end(), expected.trim_end());
}

#[test]
fn csv_has_a_column_a_series_and_holes_where_there_is_no_point() {
    let (_dir, server) = server_with_points();
    let output = query(&server, "fetch('room_celsius')", &["--format", "csv"]);
    let expected = "\
timestamp,room_celsius{room:hall},room_celsius{room:lab}
1500000000,,20
1500000060,18,22.5
";
    assert_eq!(stdout(&output), expected, "{}", stderr(&output));
}

#[test]
fn json_has_a_line_a_series() {
    let (_dir, server) = server_with_points();
    let output =
        query(&server, "a = fetch('room_celsius').avg(); output(a)", &["--format", "json"]);
    let object: Value = serde_json::from_str(&stdout(&output)).expect("one line of JSON");
    assert_eq!(object["output"], "a");
    assert_eq!(object["dps"], serde_json::json!([[1_500_000_000, 20.0], [1_500_000_060, 20.25]]));
}

#[test]
fn a_plot_draws_dots_and_names_the_series() {
    let (_dir, server) = server_with_points();
    let output = query(&server, "fetch('room_celsius').tag_filter('room==lab')", &["--plot"]);
    let text = stdout(&output);
    assert!(text.chars().any(|c| ('\u{2801}'..='\u{28ff}').contains(&c)), "{text}");
    assert!(text.contains("room_celsius{room:lab}  now 22.5"), "{text}");
    assert!(text.contains("02:40:00") && text.contains("02:41:00"), "{text}");
}

#[test]
fn a_bad_line_is_named_and_the_good_ones_are_stored() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let server = ServerProcess::start(dir.path());
    let lines = r#"{"metric":"m","timestamp":1500000000,"value":1,"tags":{"k":"v"}}
not json
{"metric":"m","timestamp":1500000001,"value":"many","tags":{"k":"v"}}
{"metric":"m","timestamp":1500000002,"value":3}
{"metric":"m","timestamp":1500000003,"value":4,"tags":{"k":"v"}}
"#;
    let output = apptuit(&["send", "--endpoint", &server.endpoint()], lines);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    for expected in
        ["line 2: no JSON", "line 3: ", "many", "line 4: ", "no tags", "2 points stored"]
    {
        assert!(said.contains(expected), "{expected:?} is missing in:\n{said}");
    }
    let kept = query(&server, "fetch('m').count()", &["--format", "csv"]);
    assert_eq!(stdout(&kept).lines().count(), 3, "{}", stdout(&kept));
}

#[test]
fn what_works_but_should_be_changed_is_said_once() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let server = ServerProcess::start(dir.path());
    let lines = r#"{"metric":"disk.free","timestamp":1500000000,"value":1}
{"metric":"disk-free","timestamp":1500000000,"value":2}
{"metric":"disk-free","timestamp":1500000060,"value":2}
"#;
    let old = [("APPTUIT_PY_TAGS", "room: lab")];
    let sent = apptuit_with(&old, &["send", "--endpoint", &server.endpoint()], lines);
    let deprecated =
        "warning: the variable `APPTUIT_PY_TAGS` is deprecated, expected `APPTUIT_TAGS`\n";
    let told = "warning: the metrics `disk.free` and `disk-free` are both sent as `disk_free`\n\
                3 points stored\n";
    assert_eq!(stderr(&sent), format!("{deprecated}{told}"));

    let old = [("APPTUIT_PY_TOKEN", "t0ken")];
    let args = ["query", "fetch('disk_free')", "--endpoint", &server.endpoint()];
    let asked = apptuit_with(&old, &[&args[..], &RANGE].concat(), "");
    assert!(asked.status.success(), "{}", stderr(&asked));
    let deprecated =
        deprecated.replace("_TAGS", "_TOKEN").replace("APPTUIT_TOKEN", "APPTUIT_API_TOKEN");
    assert_eq!(stderr(&asked).lines().next(), Some(deprecated.trim()));
}

#[test]
fn a_tag_for_all_points_fills_in_what_they_lack() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let server = ServerProcess::start(dir.path());
    let line = r#"{"metric":"a metric","timestamp":1500000000,"value":1}"#;
    let endpoint = server.endpoint();
    let output = apptuit(&["send", "--endpoint", &endpoint, "--tag", "site=a"], line);
    assert!(output.status.success(), "{}", stderr(&output));
    let table = query(&server, "fetch('a_metric')", &[]);
    assert!(stdout(&table).contains("a_metric{site:a}"), "{}", stdout(&table));
}

#[test]
fn a_mistake_in_a_query_is_shown_with_a_caret_and_no_server() {
    let output = apptuit(&["query", "--check", "a = fetch('m')\nb = 1\noutput(a, b"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains('^') && stderr(&output).contains("line 3"),
        "{}",
        stderr(&output)
    );
    let output = apptuit(&["query", "fetch('m').downsmaple('1m', 'avg')"], "");
    assert!(stderr(&output).contains("did you mean `downsample`"), "{}", stderr(&output));
}

#[test]
fn an_unknown_metric_is_named_with_its_line() {
    let (_dir, server) = server_with_points();
    let output = query(&server, "a = 1\nb = fetch('room.celsius')", &[]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("room.celsius") && said.contains("not found"), "{said}");
    assert!(said.contains("line 2: b = fetch"), "{said}");
    assert!(
        said.contains("hint: did you mean `room_celsius`?") && !said.contains("at line 2,"),
        "{said}"
    );
}

#[test]
fn a_filter_that_no_series_fits_is_said_beside_the_answer() {
    let (_dir, server) = server_with_points();
    let output =
        query(&server, "fetch('room_celsius').tag_filter('room==lap')", &["--format", "csv"]);
    assert!(output.status.success());
    let said = "no points\nhint: no series of `room_celsius` has `lap` as its `room`, did you mean \
                `lab`?\n";
    assert_eq!((stdout(&output).as_str(), stderr(&output).as_str()), ("", said));
    let flags = ["--format", "csv", "--var", "room=lab"];
    let output = query(&server, "fetch('room_celsius').tag_filter('room==$room')", &flags);
    assert!(
        stdout(&output).starts_with("timestamp,room_celsius{room:lab}\n"),
        "{}",
        stderr(&output)
    );
    let output = query(&server, "fetch('room_celsius').sum(by='rom')", &["--format", "csv"]);
    let hint = "hint: no series of `room_celsius` has the tag `rom`, did you mean `room`?\n";
    assert_eq!(stderr(&output), hint);
    assert_eq!(stdout(&output).lines().count(), 3, "the answer is there all the same");
}

#[test]
fn a_server_that_is_not_there_is_said_with_a_hint() {
    // Port 9 is `discard`: nobody listens on it here.
    let args = ["query", "fetch('m')", "--endpoint", "http://127.0.0.1:9"];
    let output = apptuit(&args, "");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("apptuit serve"), "{}", stderr(&output));
}

#[test]
fn tokens_are_asked_for_and_never_shown() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let tokens = dir.path().join("tokens");
    std::fs::write(&tokens, "open-sesame team-a\n").expect("a file of tokens");
    let flags = ["--tokens", tokens.to_str().expect("a plain path")];
    let server = ServerProcess::start_with(dir.path(), &flags);
    let line = r#"{"metric":"m","timestamp":1500000000,"value":1,"tags":{"k":"v"}}"#;

    let refused = apptuit(&["send", "--endpoint", &server.endpoint()], line);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("APPTUIT_API_TOKEN"), "{}", stderr(&refused));

    let own = dir.path().join("own");
    std::fs::write(&own, "open-sesame\n").expect("a file of one token");
    let file = own.to_str().expect("a plain path");
    let endpoint = server.endpoint();
    let sent = apptuit(&["send", "--endpoint", &endpoint, "--token-file", file], line);
    assert!(sent.status.success(), "{}", stderr(&sent));
    assert!(!(stderr(&sent) + &stderr(&refused)).contains("sesame"));
}

#[test]
fn beyond_this_machine_the_server_needs_tokens() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let data = dir.path().to_str().expect("a plain path");
    let output = apptuit(&["serve", "--listen", "0.0.0.0:0", "--data", data], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("--allow-anonymous"), "{}", stderr(&output));
}

#[test]
fn a_range_that_ends_before_it_starts_is_a_usage_error() {
    let output = apptuit(&["query", "fetch('m')", "--start", "20", "--end", "10"], "");
    assert_eq!(output.status.code(), Some(2));
    let output = apptuit(&["query", "fetch('m')", "--last", "1 parsec"], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("`1 parsec`"), "{}", stderr(&output));
}

#[test]
fn the_demo_goes_from_instruments_to_a_plot() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let data = dir.path().to_str().expect("a plain path");
    let output = apptuit(&["demo", "--once", "--data", data], "");
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    for id in ["cpu: 1 series", "memory: 1 series", "load: 1 series"] {
        assert!(text.contains(id), "{id} is missing in:\n{text}");
    }
    assert!(text.chars().any(|c| ('\u{2801}'..='\u{28ff}').contains(&c)), "{text}");
}

#[test]
fn the_demo_names_the_step_that_failed() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("a bound listener").to_string();
    let data = dir.path().to_str().expect("a plain path");
    let output = apptuit(&["demo", "--once", "--data", data, "--listen", &address], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("could not start the server"), "{}", stderr(&output));
}

#[test]
fn bytes_that_are_no_text_cost_only_their_line() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let server = ServerProcess::start(dir.path());
    let good =
        |second| format!(r#"{{"metric":"m","timestamp":{second},"value":1,"tags":{{"k":"v"}}}}"#);
    let file = dir.path().join("points.jsonl");
    let text =
        [good(1_500_000_000).into_bytes(), b"\xff".to_vec(), good(1_500_000_001).into_bytes()];
    std::fs::write(&file, text.join(&b'\n')).expect("a file of points");
    let path = file.to_str().expect("a plain path");
    let output = apptuit(&["send", path, "--endpoint", &server.endpoint()], "");
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("line 2: ") && said.contains("2 points stored"), "{said}");
}

#[test]
fn a_file_that_is_not_there_holds_nothing_back() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let server = ServerProcess::start(dir.path());
    let line = r#"{"metric":"m","timestamp":1500000000,"value":1,"tags":{"k":"v"}}"#;
    let output = apptuit(&["send", "-", "/no/such/file", "--endpoint", &server.endpoint()], line);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("1 point stored") && said.contains("/no/such/file"), "{said}");
}

/// Stored text must not steer the terminal of who looks at it.
#[test]
fn control_characters_in_a_tag_are_written_out() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let server = ServerProcess::start(dir.path());
    let line =
        r#"{"metric":"m","timestamp":1500000000,"value":1,"tags":{"k":"\u001b[31mred\nline"}}"#;
    let sent = apptuit(&["send", "--endpoint", &server.endpoint()], line);
    assert!(sent.status.success(), "{}", stderr(&sent));
    for flags in [&[][..], &["--plot"]] {
        let shown = stdout(&query(&server, "fetch('m')", flags));
        assert!(shown.contains(r"k:\u{1b}[31mred\nline"), "{shown}");
        assert!(!shown.contains('\u{1b}'), "{shown}");
    }
}

#[test]
fn a_server_that_refuses_without_a_list_makes_the_command_fail() {
    use std::io::Read;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("a bound listener"));
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).expect("a request");
        let body = r#"{"success":0,"failed":1}"#;
        let head = format!("HTTP/1.1 400 Bad Request\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all((head + body).as_bytes()).expect("an answer");
    });
    let line = r#"{"metric":"m","timestamp":1500000000,"value":1,"tags":{"k":"v"}}"#;
    let output = apptuit(&["send", "--endpoint", &endpoint], line);
    serving.join().expect("the server ends");
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("0 points stored"), "{}", stderr(&output));
}
