//! The token is in nothing that the command prints and nothing that the server writes.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Found nowhere but where it is put.
const TOKEN: &str = "tok-marked-7d13be";
const POINTS: &str = r#"{"metric":"m","timestamp":60,"value":1.5,"tags":{"a":"b"}}
{"metric":"bad name!","timestamp":60,"value":"x","tags":{}}
"#;

/// A server with a file of tokens, all of whose words go to `log`.
struct Server {
    child: Child,
    endpoint: String,
}

impl Server {
    fn start(folder: &Path) -> Self {
        let (tokens, log) = (folder.join("tokens"), folder.join("log"));
        fs::write(&tokens, format!("{TOKEN} default\n")).expect("a file");
        let stderr = File::create(&log).expect("a file");
        let child = Command::new(env!("CARGO_BIN_EXE_apptuit"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder.join("data"))
            .arg("--tokens")
            .arg(&tokens)
            .stdout(stderr.try_clone().expect("a file"))
            .stderr(stderr)
            .spawn()
            .expect("the command starts");
        let mut server = Self { child, endpoint: String::new() };
        while server.endpoint.is_empty() {
            let said = fs::read_to_string(&log).expect("text");
            let ended = server.child.try_wait().expect("it can be asked");
            assert!(ended.is_none(), "the server has ended: {said}");
            // Of a line that is whole.
            let whole = said.rsplit_once('\n').map_or("", |(whole, _)| whole);
            let announced = whole.lines().find_map(|line| line.split_once("http://"));
            if let Some((_, address)) = announced {
                server.endpoint = format!("http://{}", address.trim());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// All that the command prints.
fn printed(args: &[&str], token: &str) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_apptuit"))
        .args(args)
        .env("APPTUIT_API_TOKEN", token)
        .env("RUST_BACKTRACE", "full")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    // A command that failed early does not read.
    let _ = child.stdin.take().expect("stdin is piped").write_all(POINTS.as_bytes());
    let output = child.wait_with_output().expect("the command ends");
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}

/// All files below a folder, by name and bytes.
fn files(folder: &Path, visit: &mut impl FnMut(&Path, &[u8])) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, visit);
        } else {
            visit(&path, &fs::read(&path).expect("a file"));
        }
    }
}

fn holds(bytes: &[u8]) -> bool {
    bytes.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes())
}

#[test]
fn the_token_is_in_nothing_that_is_printed_or_written() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let here = server.endpoint.as_str();
    let nowhere = "http://127.0.0.1:9";
    let spool = folder.path().join("spool");
    let spool = spool.to_str().unwrap();
    let wrong = format!("{TOKEN}-not");
    let spaced = format!("{TOKEN} {TOKEN}");
    let mut words = 0;
    for token in [TOKEN, &wrong, &spaced] {
        for endpoint in [here, nowhere, "no-url"] {
            for args in [
                &["send", "--endpoint", endpoint][..],
                &["query", "fetch('m')", "--endpoint", endpoint],
                &["query", "fetch('m'", "--endpoint", endpoint],
                &["query", "fetch('m')", "--endpoint", endpoint, "--start", "soon"],
                &["spool", "drain", spool, "--endpoint", endpoint],
                &["spool", "ls", spool],
                &["spool", "verify", spool],
                &["--help"],
                &["send", "--help"],
                &["no-such-command"],
            ] {
                let text = printed(args, token);
                words += text.len();
                assert!(!text.contains(TOKEN), "{args:?}: {text}");
            }
        }
    }
    assert!(words > 10_000, "the commands said {words} bytes");
    let mut seen = 0;
    files(folder.path(), &mut |path, bytes| {
        if path.file_name().is_some_and(|name| name != "tokens") {
            seen += bytes.len();
            assert!(!holds(bytes), "{}", path.display());
        }
    });
    assert!(seen > 1000, "{seen} bytes were looked at");
    drop(server);
}
