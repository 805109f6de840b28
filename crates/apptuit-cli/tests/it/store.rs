//! `apptuit store`: what can be done to the file of a store.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;

use apptuit_model::{DataPoint, Selector, TimeRange, TimeSeries, Timestamp};
use apptuit_store::{EmbeddedStore, ReadLimits, Store, StoreOptions};
use tempfile::TempDir;

use super::commands::{apptuit, stderr, stdout};
use super::server::{Connection, ServerProcess};

/// Values that are easily changed on the way, with instants that are not whole seconds.
const VALUES: [f64; 9] =
    [0.1, -0.0, 1e22, 1e23, f64::MIN_POSITIVE, 5e-324, f64::MAX, 1.0 / 3.0, 123_456_789_012_345.67];

/// Two metrics, of which one needs quotes wherever it stands; some points come in late.
fn points() -> Vec<DataPoint> {
    let mut points = Vec::new();
    for (n, value) in (0..).zip(VALUES) {
        let lab = ("room.celsius", [("room", "lab"), ("floor", "2")]);
        points.push(DataPoint::new(
            lab,
            Timestamp::from_millis(1_500_000_000_250 - n * 750),
            value,
        ));
        let odd = ("größe, \"x\"", [("key", "a,b\n\"c\"")]);
        points.push(DataPoint::new(odd, Timestamp::from_secs(60 * n), -value));
    }
    points
}

fn open(file: &Path) -> EmbeddedStore {
    EmbeddedStore::open(file, StoreOptions::default()).expect("the store opens")
}

/// A store of these points, closed.
fn store() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("points.sqlite");
    let store = open(&file);
    store.append_points(&points()).expect("the disk works");
    store.close().expect("the disk works");
    (folder, file)
}

/// All that a store has, with every bit of the values.
fn content(file: &Path) -> Vec<(String, Vec<(Timestamp, u64)>)> {
    let store = open(file);
    let mut series = Vec::new();
    for metric in store.suggest(apptuit_store::Suggest::Metrics, "", usize::MAX).expect("names") {
        let selector = Selector::metric(metric);
        let found = store.select(&selector, TimeRange::ALL, &ReadLimits::UNLIMITED);
        series.extend(found.expect("points").expect("a metric that was suggested"));
    }
    let bits = |series: &TimeSeries| {
        let points = series.iter().map(|(at, value)| (at, value.to_bits())).collect();
        (series.name().to_string(), points)
    };
    let mut content: Vec<_> = series.iter().map(bits).collect();
    content.sort();
    content
}

fn run(args: &[&str], file: &Path, more: &[&str], input: &str) -> Output {
    let file = file.to_str().expect("a path in UTF-8");
    apptuit(&[&["store"], args, &[file], more].concat(), input)
}

#[track_caller]
fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}", stderr(output));
    stdout(output)
}

#[test]
fn what_is_exported_and_imported_is_the_same_to_the_bit() {
    let (folder, file) = store();
    for format in ["jsonl", "csv"] {
        let exported = run(&["export"], &file, &["--format", format], "");
        let text = done(&exported);
        assert_eq!(stderr(&exported), "18 points of 2 series exported\n");
        let copy = folder.path().join(format);
        let imported = run(&["import"], &copy, &["--format", format], &text);
        done(&imported);
        assert_eq!(stderr(&imported), "18 points imported\n");
        assert_eq!(content(&copy), content(&file), "{format}");
        // Files are read like standard input.
        let saved = folder.path().join("saved");
        fs::write(&saved, &text).expect("a file");
        let saved = saved.to_str().expect("a path in UTF-8");
        done(&run(&["import"], &copy, &["--format", format, saved, saved], ""));
        assert_eq!(content(&copy), content(&file), "{format}, again");
    }
}

#[test]
fn an_export_has_an_object_or_a_row_a_point() {
    let (_folder, file) = store();
    let range = ["--metric", "room.celsius", "--start", "1499999999", "--end", "1500000000.25"];
    let json = done(&run(&["export"], &file, &range, ""));
    let expected = "\
{\"metric\":\"room.celsius\",\"tags\":{\"floor\":\"2\",\"room\":\"lab\"},\"timestamp\":1499999999.5,\"value\":-0.0}
{\"metric\":\"room.celsius\",\"tags\":{\"floor\":\"2\",\"room\":\"lab\"},\"timestamp\":1500000000.25,\"value\":0.1}
";
    assert_eq!(json, expected);
    let csv = done(&run(&["export"], &file, &[&range[..], &["--format", "csv"]].concat(), ""));
    let expected = "\
metric,timestamp,value,floor,room
room.celsius,1499999999.5,-0.0,2,lab
room.celsius,1500000000.25,0.1,2,lab
";
    assert_eq!(csv, expected);
}

#[test]
fn an_export_can_be_sent_to_a_server() {
    let (folder, file) = store();
    let exported = done(&run(&["export"], &file, &["--metric", "room.celsius"], ""));
    let server = ServerProcess::start(&folder.path().join("data"));
    let sent = apptuit(&["send", "--sanitize", "off", "--endpoint", &server.endpoint()], &exported);
    done(&sent);
    assert_eq!(stderr(&sent), "9 points stored\n");
    assert_eq!(server.terminate(), Some(0));
    let sent = content(&folder.path().join("data/default.sqlite"));
    assert_eq!(sent[..], content(&file)[1..]);
}

#[test]
fn a_line_that_is_no_point_is_named_and_the_others_are_imported() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("points.sqlite");
    let lines = r#"{"metric":"m","tags":{"a":"b"},"timestamp":60,"value":1.5}
nonsense
{"metric":"m","tags":{"a":"b"},"timestamp":61,"value":"warm"}

{"metric":"m","tags":{"a":"b"},"timestamp":62,"value":2.5}
"#;
    let imported = run(&["import"], &file, &[], lines);
    assert_eq!(imported.status.code(), Some(1));
    let expected = "\
refused: standard input, line 2: no JSON of points: expected ident at column 2
refused: standard input, line 3: `value` is `\"warm\"`: expected a number
2 points imported
error: 2 lines refused
";
    assert_eq!(stderr(&imported), expected);

    let csv = "metric,timestamp,value,a\nm,63,3.5,b\nm,soon,1,b\nm,64\nm,65,4.5,\n";
    let imported = run(&["import"], &file, &["--format", "csv"], csv);
    let expected = "\
refused: standard input, line 3: `timestamp` is `\"soon\"`: expected seconds or milliseconds since the epoch
refused: standard input, line 4: there are 2 fields, expected 4 as in the header
2 points imported
error: 2 lines refused
";
    assert_eq!(stderr(&imported), expected);
    let wrong = run(&["import"], &file, &["--format", "csv"], "time,value\n1,2\n");
    assert_eq!(
        stderr(&wrong),
        "0 points imported\nerror: `standard input` begins with `time,value`: expected \
         `metric,timestamp,value` and the keys of tags\n"
    );
    let count: usize = content(&file).iter().map(|(_, points)| points.len()).sum();
    assert_eq!(count, 4);
}

#[test]
fn a_compacted_store_is_smaller_and_holds_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("points.sqlite");
    let store = open(&file);
    for batch in 0..50 {
        let at = |n| Timestamp::from_secs(60 * (1000 * batch + i64::from(n)));
        let points: Vec<_> = (0..1000_u16)
            .map(|n| DataPoint::new(("m", [("host", "a")]), at(n), f64::from(n) / 4.0))
            .collect();
        store.append_points(&points).expect("the disk works");
    }
    store.close().expect("the disk works");
    drop(store);
    let (before, bytes) = (content(&file), fs::metadata(&file).expect("a file").len());
    let compacted = run(&["compact"], &file, &[], "");
    done(&compacted);
    let after = fs::metadata(&file).expect("a file").len();
    assert!(after < bytes, "{bytes} bytes became {after}");
    let told = stderr(&compacted);
    assert!(told.starts_with("50000 points of 1 series: "), "{told}");
    assert!(told.ends_with(&format!(" bytes before, {after} now\n")), "{told}");
    assert_eq!(content(&file), before);
}

#[test]
fn series_are_listed_first_and_deleted_when_that_is_said() {
    let (_folder, file) = store();
    let lab = "fetch('room.celsius').tag_filter('room==l*').tag_filter('floor!=3')";
    let attic = DataPoint::new(("room.celsius", [("room", "attic")]), Timestamp::from_secs(1), 1.0);
    open(&file).append_points(&[attic]).expect("the disk works");
    let before = content(&file);

    let listed = run(&["delete"], &file, &[lab], "");
    assert_eq!(done(&listed), "room.celsius{floor:2, room:lab}\n");
    assert_eq!(stderr(&listed), "1 series, 9 points: nothing is deleted without --yes\n");
    assert_eq!(content(&file), before);

    let deleted = run(&["delete"], &file, &[lab, "--yes"], "");
    assert_eq!(done(&deleted), "room.celsius{floor:2, room:lab}\n");
    let told = stderr(&deleted);
    assert!(told.starts_with("1 series deleted; "), "{told}");
    let left: Vec<_> = before.iter().filter(|(name, _)| !name.contains("lab")).cloned().collect();
    assert_eq!((content(&file), left.len()), (left, 2));

    // Nothing is left of a metric once all its series are gone.
    done(&run(&["delete"], &file, &["fetch('room.celsius')", "--yes"], ""));
    let again = run(&["delete"], &file, &["fetch('room.celsius')", "--yes"], "");
    assert_eq!(again.status.code(), Some(1));
    assert_eq!(stderr(&again), "error: there is no metric `room.celsius`\n");
    assert_eq!(content(&file).len(), 1);
}

#[test]
fn only_a_choice_of_series_can_be_deleted() {
    let (_folder, file) = store();
    for query in [
        "fetch('room.celsius').sum()",
        "fetch('room.celsius', rate='true')",
        "a = fetch('room.celsius'); b = fetch('x'); output(a, b)",
    ] {
        let refused = run(&["delete"], &file, &[query, "--yes"], "");
        assert_eq!(refused.status.code(), Some(1), "{query}");
        let told = stderr(&refused);
        assert!(told.starts_with(&format!("error: `{query}` does more than to choose ")), "{told}");
    }
    let refused = run(&["delete"], &file, &["room.celsius", "--yes"], "");
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(content(&file).len(), 2);
}

#[test]
fn a_sound_store_passes_and_damage_is_named() {
    let (_folder, file) = store();
    done(&run(&["compact"], &file, &[], ""));
    let checked = run(&["check"], &file, &[], "");
    assert_eq!(done(&checked), "");
    assert_eq!(
        stderr(&checked),
        "sound: 2 series, 18 points in 2 chunks, 0 rows of newer points\n"
    );

    // A bit of the values of the first metric.
    let database = rusqlite::Connection::open(&file).expect("the store is closed");
    let (table, column) = ("chunk_201707", "data");
    let select = format!("SELECT {column} FROM {table}");
    let mut data: Vec<u8> = database.query_row(&select, [], |row| row.get(0)).expect("a chunk");
    *data.last_mut().expect("a chunk has bytes") ^= 4;
    let update = format!("UPDATE {table} SET {column} = ?1");
    assert_eq!(database.execute(&update, [data]), Ok(1));
    database.close().expect("the disk works");
    let damaged = run(&["check"], &file, &[], "");
    assert_eq!(damaged.status.code(), Some(1));
    let told = stdout(&damaged);
    assert!(
        told.starts_with("series 1, start 1499999994250 of `chunk_201707`: the checksum"),
        "{told}"
    );
    assert!(
        told.contains("\nrow 201707 of `month`: `9` points, but the chunks have `0`\n"),
        "{told}"
    );
    let error = format!("error: `{}` is damaged: 2 things found\n", file.display());
    assert!(stderr(&damaged).starts_with(&error), "{}", stderr(&damaged));

    // Whatever is not damaged can be saved.
    let exported = run(&["export"], &file, &[], "");
    assert_eq!(exported.status.code(), Some(1));
    let told = stderr(&exported);
    assert!(told.starts_with("left out, of `room.celsius{"), "{told}");
    let end = "9 points of 1 series exported\nerror: 1 series could not be read whole\n";
    assert!(told.ends_with(end), "{told}");
    assert!(stdout(&exported).lines().all(|line| line.contains("größe")));
}

#[test]
fn a_store_is_copied_and_checked_while_a_server_writes_to_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let server = ServerProcess::start(&data);
    let file = data.join("default.sqlite");
    let is_done = AtomicBool::new(false);
    let acknowledged = AtomicI64::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut connection = Connection::open(server.address()).expect("the server accepts");
            for second in 0.. {
                let body = format!(
                    r#"{{"metric":"m","timestamp":{second},"value":{second},"tags":{{"a":"b"}}}}"#
                );
                assert_eq!(connection.put(&body).expect("an answer"), 204);
                acknowledged.store(second + 1, Ordering::SeqCst);
                if is_done.load(Ordering::SeqCst) {
                    break;
                }
            }
        });
        for n in 0..3 {
            while acknowledged.load(Ordering::SeqCst) < 50 * (n + 1) {
                thread::yield_now();
            }
            let before = acknowledged.load(Ordering::SeqCst);
            let copy = folder.path().join(format!("copy{n}"));
            let copied = run(&["backup"], &file, &[copy.to_str().expect("UTF-8")], "");
            let checked = run(&["check"], &file, &[], "");
            let after = acknowledged.load(Ordering::SeqCst);
            is_done.store(n == 2, Ordering::SeqCst);
            done(&copied);
            let bytes = fs::metadata(&copy).expect("the copy").len();
            assert_eq!(stderr(&copied), format!("copied to `{}`, {bytes} bytes\n", copy.display()));
            done(&checked);
            done(&run(&["check"], &copy, &[], ""));
            // All that was acknowledged when it began, in order and without a gap.
            let [(_, points)] = &content(&copy)[..] else { panic!("there is one series") };
            let seconds = points.iter().map(|(at, _)| at.as_secs());
            let count = i64::try_from(points.len()).expect("a test is short");
            assert!(seconds.eq(0..count), "{points:?}");
            // One may be under way.
            assert!((before..=after + 1).contains(&count), "{before} {count} {after}");
        }
    });
    let again =
        run(&["backup"], &file, &[folder.path().join("copy0").to_str().expect("UTF-8")], "");
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("copy0`: "), "{}", stderr(&again));
}

#[test]
fn a_store_that_a_server_has_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let _server = ServerProcess::start(folder.path());
    let file = folder.path().join("default.sqlite");
    let delete = &["fetch('m')", "--yes"][..];
    for (command, more) in
        [("compact", &[][..]), ("export", &[]), ("import", &[]), ("delete", delete)]
    {
        let refused = run(&[command], &file, more, "");
        assert_eq!(refused.status.code(), Some(1), "{command}");
        let told = stderr(&refused);
        assert!(told.contains("default.sqlite` is in use by another store or process\n"), "{told}");
        assert!(told.contains("hint: stop the server that has it open"), "{told}");
    }
    // Nor does a second server take it.
    let data = folder.path().to_str().expect("a path in UTF-8");
    let second = apptuit(&["serve", "--listen", "127.0.0.1:0", "--data", data], "");
    assert_eq!(second.status.code(), Some(1));
    let told = stderr(&second);
    assert!(told.contains("default.sqlite` is in use by another store or process\n"), "{told}");
}

#[test]
fn a_store_that_is_missing_is_not_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("none.sqlite");
    for (command, more) in [
        ("check", &[][..]),
        ("compact", &[]),
        ("export", &[]),
        ("delete", &["fetch('m')"]),
        ("backup", &["copy"]),
    ] {
        let refused = run(&[command], &file, more, "");
        assert_eq!(refused.status.code(), Some(1), "{command}");
        assert_eq!(stderr(&refused), format!("error: there is no store `{}`\n", file.display()));
        let refused = run(&[command], folder.path(), more, "");
        let told = stderr(&refused);
        assert!(told.contains("` is a folder, expected a store's file\n"), "{told}");
        assert!(told.contains("/default.sqlite`\n"), "{told}");
    }
    assert!(!file.exists());
}
