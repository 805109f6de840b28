//! What a client reads that others have written: answers, variables, names, files. The tests of
//! `apptuit` include this file.

use std::collections::BTreeMap;

use apptuit::client::{Client, ContentEncoding, MockTransport, Response};
use apptuit::testing::hostile;
use apptuit::{DataPoint, Tags, TimeRange, TimeSeriesName, Timestamp};
use apptuit_model::wire::{AnswerOutput, QueryAnswer};
use apptuit_model::{decode_metric, encode_metric, is_valid_name};
use serde_json::Value;
use serde_json::value::RawValue;

/// A status and a body: the first two bytes are the status.
fn response(data: &[u8]) -> Response {
    let (status, body) = match data {
        [high, low, body @ ..] => (u16::from_be_bytes([*high, *low]) % 500 + 100, body),
        _ => (200, data),
    };
    Response::new(status, body)
}

fn client(transport: &MockTransport) -> Client {
    let builder = Client::builder().token("s3cret").endpoint("http://server.test");
    builder.ignore_environment().transport(transport.clone()).build().expect("a client")
}

/// An answer to a query is what the JSON library makes of it; what the client makes of it is in the
/// range, and no error shows the token.
pub fn answer(data: &[u8]) {
    let read = QueryAnswer::decode(data).map(with_one_zero);
    let by_library = QueryAnswer::decode_by_library(data).map(with_one_zero);
    // As text: NaN does not equal itself.
    assert_eq!(format!("{read:?}"), format!("{by_library:?}"));

    let server = MockTransport::new();
    server.answer(response(data));
    server.answer(Response::new(200, data));
    let range = TimeRange::new(Timestamp::from_secs(0), Timestamp::from_secs(4_000_000_000));
    for _ in 0..2 {
        match client(&server).query("fetch('m')", range) {
            Ok(result) => {
                let outputs = (0..result.len()).map(|n| &result[n]);
                for series in outputs.flat_map(|output| output.series()) {
                    assert!(series.timestamps().iter().all(|at| range.contains(*at)));
                }
            }
            Err(error) => shown_without_token(&error, data),
        }
    }
}

/// The library reads the whole number `-0` as 0.
fn with_one_zero(answer: QueryAnswer) -> QueryAnswer {
    let output = |mut output: AnswerOutput| {
        for one in &mut output.series {
            let values = one.series.values().iter().map(|v| if *v == 0.0 { 0.0 } else { *v });
            let points = one.series.timestamps().iter().copied().zip(values);
            one.series = apptuit::TimeSeries::from_points(one.series.name(), points);
        }
        output
    };
    QueryAnswer { outputs: answer.outputs.into_iter().map(output).collect(), ..answer }
}

fn shown_without_token(error: &apptuit::Error, data: &[u8]) {
    // As a word of its own: a token inside another word is no token.
    let said = |text: &str| {
        text.split(|letter: char| !letter.is_alphanumeric()).any(|word| word == "s3cret")
    };
    let text = error.to_string();
    assert!(!said(&text) && !said(&format!("{error:?}")), "{error:?}");
    assert!(text.len() <= 4 * data.len() + 4096, "a long error");
}

/// An answer to a put accounts for every point once, agrees with what the JSON library reads in it,
/// and no error shows the token.
pub fn put_answer(data: &[u8]) {
    let answer = response(data);
    let (status, body) = (answer.status(), answer.body().to_vec());
    let server = MockTransport::new();
    server.answer(answer);
    let points: Vec<DataPoint> = (0..3)
        .map(|n| DataPoint::new((format!("m{n}"), [("k", "v")]), Timestamp::from_secs(n), 1.0))
        .collect();
    let json: Option<Value> = serde_json::from_slice(&body).ok();
    let count = |name: &str| json.as_ref()?.get(name)?.as_u64();
    let listed = json.as_ref().and_then(|json| json.get("errors"));
    match client(&server).send(&points) {
        Ok(()) => {
            let is_halved = status == 400 || status == 413;
            assert!((200..300).contains(&status) || is_halved, "{status}");
            if !is_halved && count("success").is_some() && listed.is_some_and(Value::is_array) {
                assert!(matches!(count("failed"), Some(0) | None), "{json:?}");
            }
        }
        Err(error) => {
            assert_eq!(error.succeeded() + error.failed(), 3, "{error:?}");
            assert!(error.failed() > 0);
            for rejection in error.rejected() {
                if let Some(index) = rejection.index() {
                    assert_eq!(rejection.name(), points[index].name());
                }
            }
            shown_without_token(&error, &body);
        }
    }
    // The body of every request is the points it should be.
    for request in server.requests() {
        assert!(ContentEncoding::Deflate.unpack(request.body(), 1 << 16).is_ok());
    }
}

/// Tags of the environment: text without quotes is what two plain splits make of it, and any tags
/// are the same after they were written with quotes.
pub fn tags(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let read = hostile::environment_tags(&text);
    if !text.contains('"') {
        assert_eq!(read.as_ref().ok(), plain(&text).as_ref(), "{text:?}");
    }
    match read {
        Ok(read) => {
            let quoted = |value: &str| format!("\"{}\"", value.replace('"', "\"\""));
            let written: Vec<String> =
                read.iter().map(|(key, value)| format!("{key}: {}", quoted(value))).collect();
            let again = hostile::environment_tags(&written.join(", "));
            assert_eq!(again.as_ref().ok(), Some(&read), "{written:?}");
        }
        Err(error) => assert!(error.to_string().contains("APPTUIT_TAGS has `"), "{error}"),
    }
}

fn plain(text: &str) -> Option<Tags> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let tag = |part: &str| {
        let (key, value) = part.split_once(':')?;
        let key = key.trim();
        is_valid_name(key).then(|| (key.to_owned(), value.trim().to_owned()))
    };
    parts.map(tag).collect()
}

/// A name with tags in it is what the JSON library reads from its first brace on, and the same when
/// it is written and read again.
pub fn name(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let read = decode_metric(&text);
    // Python's tokens are taken, which the library does not know.
    if !["NaN", "Infinity"].iter().any(|token| text.contains(token)) {
        assert_eq!(read.as_ref().ok(), by_library(&text).as_ref(), "{text:?}");
    }
    match read {
        Ok(name) => {
            let again = encode_metric(name.metric(), name.tags());
            assert_eq!(decode_metric(&again).as_ref(), Ok(&name), "{again:?}");
        }
        Err(error) => assert!(error.to_string().len() <= 2 * text.len() + 4096),
    }
}

fn by_library(text: &str) -> Option<TimeSeriesName> {
    let Some(brace) = text.find('{') else {
        return (!text.is_empty()).then(|| TimeSeriesName::from(text.trim()));
    };
    let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(&text[brace..]).ok()?;
    let tag = |(key, value): (String, Box<RawValue>)| match value.get().as_bytes()[0] {
        b'"' => Some((key, serde_json::from_str(value.get()).ok()?)),
        b'n' | b'[' | b'{' => None,
        // Numbers and booleans are their text as it stands.
        _ => Some((key, value.get().to_owned())),
    };
    let tags: Tags = members.into_iter().map(tag).collect::<Option<_>>()?;
    Some(TimeSeriesName::new(text[..brace].trim(), tags))
}

/// A file of a spool that can be read is, byte for byte, what would be written again; bytes that are
/// given a right checksum get as far as the fields they have.
pub fn spool(data: &[u8]) {
    whole_or_refused(data);
    let Some(end) = data.windows(2).position(|two| two == b"\n\n") else { return };
    let (head, body) = (&data[..=end], &data[end + 2..]);
    let head = [head, format!("body-crc32: {:08x}\n", crc32(body)).as_bytes()].concat();
    let sealed = format!("header-crc32: {:08x}\n\n", crc32(&head));
    whole_or_refused(&[&head, sealed.as_bytes(), body].concat());
}

fn whole_or_refused(file: &[u8]) {
    if let Ok(again) = hostile::spool_file(file) {
        assert!(again == file, "{:?}", String::from_utf8_lossy(file));
        // Its body is what follows the first empty line, and its length is told.
        let end = file.windows(2).position(|two| two == b"\n\n").expect("a header");
        let head = String::from_utf8_lossy(&file[..end]);
        let told = head.lines().find_map(|line| line.strip_prefix("body-bytes: "));
        assert_eq!(told, Some(&*(file.len() - end - 2).to_string()));
    }
}

/// CRC-32 as RFC 1952 writes it down, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}
