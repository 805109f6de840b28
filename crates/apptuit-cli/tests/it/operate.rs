//! `docs/guide/operate.md`: its commands do what it says, one after another.

use std::path::Path;
use std::process::Command;

use super::server::ServerProcess;

const GUIDE: &str = include_str!("../../../../docs/guide/operate.md");
/// Stands in the first line of a block that needs the server to have ended.
const STOPPED: &str = "# the server is stopped";

/// The blocks that are for a shell.
fn blocks() -> impl Iterator<Item = &'static str> {
    let blocks = GUIDE.split("```sh\n").skip(1);
    blocks.map(|rest| rest.split_once("```").expect("a block has an end").0)
}

/// Runs a block as it stands, in a folder, with the command that was built.
fn run(block: &str, folder: &Path, endpoint: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_apptuit"));
    let mut path = program.parent().expect("a file is in a folder").as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", block])
        .current_dir(folder)
        .env("PATH", path)
        .env("APPTUIT_API_ENDPOINT", endpoint)
        .env_remove("APPTUIT_API_TOKEN")
        .output()
        .expect("bash runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{block}\n{told}");
    format!("{}{told}", String::from_utf8_lossy(&output.stdout))
}

#[test]
fn the_guide_to_operating_a_server_can_be_followed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut blocks = blocks();
    assert_eq!(blocks.next(), Some("apptuit serve --data apptuit-data\n"));
    let server = ServerProcess::start(&folder.path().join("apptuit-data"));
    let endpoint = server.endpoint();
    let (mut server, mut told) = (Some(server), String::new());
    for block in blocks {
        if block.starts_with(STOPPED) {
            let server = server.take().expect("it is stopped once");
            assert_eq!(server.terminate(), Some(0));
        }
        told += &run(block, folder.path(), &endpoint);
    }
    assert!(server.is_none(), "the guide stops its server");
    for said in [
        "2 points stored\n",
        "2017-07-14 02:41:00                      22\n",
        "copied to `backups/monday.sqlite`, ",
        "sound: 1 series, 0 points in 0 chunks, 1 row of newer points\n",
        "2 points of 1 series: ",
        "2 points of 1 series exported\n",
        "2 points imported\n",
    ] {
        assert!(told.contains(said), "{said} is missing in {told}");
    }
    let exported = run("cat points.jsonl room.csv", folder.path(), "");
    assert_eq!(
        exported,
        "{\"metric\":\"room.celsius\",\"tags\":{\"room\":\"lab\"},\"timestamp\":1500000000,\"value\":21.5}\n\
         {\"metric\":\"room.celsius\",\"tags\":{\"room\":\"lab\"},\"timestamp\":1500000060,\"value\":22.0}\n\
         metric,timestamp,value,room\nroom.celsius,1500000000,21.5,lab\nroom.celsius,1500000060,22.0,lab\n"
    );
}
