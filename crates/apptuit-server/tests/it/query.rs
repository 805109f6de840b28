//! Series go out.

use serde_json::{Value, json};

use crate::support::{TestServer, assert_fails, percent, point};

fn with_points() -> TestServer {
    let server = TestServer::start();
    let body = format!(
        "[{},{},{},{}]",
        point("node.cpu", "a", 1_406_829_600, 1.5),
        point("node.cpu", "a", 1_406_831_400, 2.5),
        point("node.cpu", "b", 1_406_831_400, 10.0),
        point("node.cpu", "b", 1_406_833_200, 20.0),
    );
    assert_eq!(server.put("", body).status, 204);
    server
}

#[test]
fn the_answer_has_the_shape_of_the_contract() {
    let reply = with_points().query("fetch('node.cpu')", 1_406_831_400, 1_406_833_200);
    assert_eq!(reply.status, 200);
    let mut answer = reply.json();
    assert_eq!(
        answer["outputs"],
        json!([{"id": "node.cpu", "result": [
            {"metric": "node.cpu", "tags": {"host": "a"}, "aggregatedTags": [],
             "dps": [[1_406_831_400, 2.5]]},
            {"metric": "node.cpu", "tags": {"host": "b"}, "aggregatedTags": [],
             "dps": [[1_406_831_400, 10.0], [1_406_833_200, 20.0]]},
        ]}])
    );
    assert_eq!(answer["hints"], json!([]));
    // base64 of SHA-1 of the text, by openssl.
    assert_eq!(
        answer["query"],
        json!({"querytext": "fetch('node.cpu')", "startTime": 1_406_831_400,
               "endTime": 1_406_833_200, "digest": "FITDSjvPyboWt+yy0WPUc9uvS5c=:0",
               "optionsdigest": "", "options": "{}"})
    );
    let stats = answer["query_stats"].take();
    assert_eq!((&stats["dataPointsProcessed"], &stats["numSeries"]), (&json!(3), &json!(2)));
    let timings = answer["timing_diagnostics"].as_array().expect("timings").clone();
    let fetches = timings.iter().find(|one| one["tag"] == "DATASOURCE_FETCH_TOTAL_TIME");
    assert_eq!(fetches.map(|one| &one["instanceCount"]), Some(&json!(1)));
    let millis = |tag: &str| {
        let timing = timings.iter().find(|one| one["tag"] == tag);
        timing.and_then(|one| one["totalElapsedTimeMillis"].as_u64()).expect(tag)
    };
    let parts = ["AST_BUILD_TOTAL_TIME", "PLAN_BUILDING_TOTAL_TIME", "PLAN_EXECUTION_TOTAL_TIME"];
    // Each is rounded down.
    let (whole, parts) = (millis("QUERY_EXECUTION_TOTAL_TIME"), parts.map(millis));
    assert!(parts.iter().sum::<u64>() <= whole && whole <= parts.iter().sum::<u64>() + 3);
    assert!(millis("DATASOURCE_FETCH_TOTAL_TIME") <= parts[2]);
    assert_eq!(stats["queryTimeMillis"], whole);
}

#[test]
fn a_query_is_explained_instead_of_answered() {
    let server = with_points();
    let text = "A = fetch('node.cpu', rate='true').tag_filter('host==a').downsample('30m', 'max')";
    let path = format!("/api/query?start=1406831400&end=1406833200&q={}", percent(text));
    let answer = server.get(&format!("{path}&explain=true"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    assert_eq!((&answer["outputs"], &answer["query"]["querytext"]), (&json!([]), &json!(text)));
    assert_eq!(
        answer["hints"],
        json!([
            "1: fetch `node.cpu` where host==a from 1406827800 to 1406833200: \
             1 series, 2 points",
            "   in the engine: rate='true', downsample('30m', 'max')",
            "output `A`: 1",
            "reads 1 of 10000 series, 2 of 10000000 points",
        ])
    );
    assert_eq!(server.get(&format!("{path}&explain=false")).json()["hints"], json!([]));

    let (status, kind, _) = server.get("/api/query?start=0&explain&q=fetch('gpu')").failure();
    assert_eq!((status, kind.as_str()), (400, "ERROR_FETCHING_FROM_DATASOURCE"));
    let (status, kind, _) =
        server.get("/api/query?start=0&explain=so&q=fetch('node.cpu')").failure();
    assert_eq!((status, kind.as_str()), (400, "ERROR_INVALID_REQUEST"));
}

#[test]
fn a_form_asks_the_same_as_a_url() {
    let server = with_points();
    let text = "A = fetch('node.cpu').sum();\noutput(A)";
    let form = format!("start=1406829600&end=1406833200&q={}", percent(text));
    let headers = [("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")];
    let posted = server.send("POST", "/api/query", &headers, form.as_bytes());
    let got = server.get(&format!("/api/query?{form}"));
    assert_eq!(posted.status, 200, "{}", posted.text());
    assert_eq!(posted.json()["outputs"], got.json()["outputs"]);
    assert_eq!(posted.json()["query"]["querytext"], text);

    let other = [("Content-Type", "application/json")];
    let refused = server.send("POST", "/api/query", &other, b"{}");
    assert_fails(
        &refused,
        415,
        "ERROR_UNSUPPORTED_MEDIA_TYPE",
        "content type `application/json` is not taken: expected `application/x-www-form-urlencoded`",
    );
}

#[test]
fn times_are_seconds_with_or_without_a_fraction_or_milliseconds() {
    let server = with_points();
    for (start, end) in [
        ("1406831400", "1406833200"),
        ("1406831400.0", "1406833200.0"),
        ("1.4068314e9", "1406833200"),
        ("1406831400000", "1406833200000"),
        ("1406829600.5", "1406833200.25"),
    ] {
        let path = format!("/api/query?start={start}&end={end}&q=fetch('node.cpu')");
        let answer = server.get(&path).json();
        let points = |n: usize| answer["outputs"][0]["result"][n]["dps"].as_array().map(Vec::len);
        assert_eq!((points(0), points(1)), (Some(1), Some(2)), "{start} {end}");
    }
    // Before the epoch, and up to now.
    let answer = server.get("/api/query?start=-3600&q=fetch('node.cpu').count()").json();
    assert_eq!(answer["outputs"][0]["result"][0]["dps"].as_array().map(Vec::len), Some(3));
}

#[test]
fn a_plus_is_a_blank_and_unknown_parameters_are_ignored() {
    let server = with_points();
    let path = "/api/query?start=0&options=%7B%7D&q=fetch('node.cpu').downsample('30m',+'avg')";
    let answer = server.get(path);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["query"]["querytext"], "fetch('node.cpu').downsample('30m', 'avg')");
}

#[test]
fn requests_that_make_no_sense_are_refused_each_with_its_reason() {
    let server = with_points();
    for (parameters, message) in [
        ("start=1", "parameter `q` is missing: expected a query"),
        ("q=1", "parameter `start` is missing: expected seconds since the epoch"),
        ("q=1&start=1h-ago", "parameter `start` is `1h-ago`: expected seconds since the epoch"),
        ("q=1&start=", "parameter `start` is ``: expected seconds since the epoch"),
        ("q=1&start=nan", "parameter `start` is `nan`: expected seconds since the epoch"),
        ("q=1&start=1&end=x", "parameter `end` is `x`: expected seconds since the epoch"),
        ("q=1&start=2&end=1.5", "`start` is `2`, after `end`, which is `1.5`"),
        ("q=1&q=2&start=1", "parameter `q` is there twice"),
        ("q=%ff&start=1", "parameter `q` is not UTF-8 in percent-encoding"),
    ] {
        let reply = server.get(&format!("/api/query?{parameters}"));
        assert_fails(&reply, 400, "ERROR_INVALID_REQUEST", message);
        assert_eq!(reply.json()["outputs"], json!([]), "naive readers do not crash");
    }
}

fn failure(server: &TestServer, text: &str) -> (u16, Value) {
    let reply = server.query(text, 0, 2_000_000_000);
    let mut body = reply.json();
    assert_eq!(body["outputs"], json!([]));
    assert_eq!(body["query"]["querytext"], text);
    assert_eq!(body["query"]["endTime"], 2_000_000_000);
    (reply.status, body["errors"][0].take())
}

#[test]
fn an_unknown_metric_is_named() {
    let (status, error) = failure(&with_points(), "fetch('node.gpu')");
    assert_eq!(status, 400);
    assert_eq!(error["errorType"], "ERROR_FETCHING_FROM_DATASOURCE");
    assert_eq!(error["message"], "Requested metrics(node.gpu) not found");
}

/// The messages that dashboards have saved, word for word, in four members and no more.
#[test]
fn failures_that_were_recorded_are_told_as_they_were() {
    let server = with_points();
    let (none, all) = ("fetch('node.cpu').tag_filter('host==none')", "fetch('node.cpu')");
    let empty = "Invalid argument value. Expected non-empty";
    let value = "ERROR_INVALID_FUNCTION_ARGUMENT_VALUE";
    for (text, kind, message) in [
        (
            "fetch('swap.used')".to_owned(),
            "ERROR_FETCHING_FROM_DATASOURCE",
            "Requested metrics(swap.used) not found".to_owned(),
        ),
        (
            format!("{none}.add({all})"),
            value,
            format!("{empty} Data Frames for operation 'add', got empty LHS."),
        ),
        (
            format!("{all}.div({none})"),
            value,
            format!("{empty} Data Frames for operation 'div', got empty RHS."),
        ),
        (
            format!("100.sub({none})"),
            value,
            format!("{empty} Data Frame on RHS for operation 'sub', got empty RHS."),
        ),
        (
            format!("{none}.mult(8)"),
            value,
            format!("{empty} Data Frame on LHS for operation 'mult', got empty LHS."),
        ),
    ] {
        let (status, error) = failure(&server, &format!("A = fetch('node.cpu');\nB = {text}"));
        assert_eq!((status, &error["errorType"]), (400, &json!(kind)), "{text}");
        assert_eq!((&error["message"], &error["queryLineNo"]), (&json!(message), &json!(2)));
        assert_eq!(error.as_object().map(serde_json::Map::len), Some(4), "{error}");
    }
}

#[test]
fn a_syntax_error_in_line_three_says_so() {
    let (status, error) = failure(&with_points(), "A=1;\nB=2;\nC=fetch('x' 'y');");
    assert_eq!((status, &error["errorType"]), (400, &json!("ERROR_PARSING_QUERY")));
    assert_eq!(error["queryLineNo"], 3);
    assert_eq!(error["queryColumnOffset"], 12);
}

#[test]
fn other_mistakes_in_a_query_have_their_kinds() {
    let server = with_points();
    for (text, kind) in [
        ("", "ERROR_PARSING_QUERY"),
        ("output(nothing)", "ERROR_UNDEFINED_VARIABLE"),
        ("fetch('node.cpu').downsmaple('1m', 'avg')", "ERROR_UNKNOWN_FUNCTION"),
        ("fetch()", "ERROR_INVALID_FUNCTION_ARGUMENT"),
        (
            "fetch('node.cpu').downsample('1 parsec', 'avg')",
            "ERROR_INVALID_FUNCTION_ARGUMENT_VALUE",
        ),
    ] {
        let (status, error) = failure(&server, text);
        assert_eq!((status, error["errorType"].as_str()), (400, Some(kind)), "{error}");
    }
}

#[test]
fn a_query_that_touches_too_much_is_refused() {
    let server = TestServer::with(|config| {
        config.max_query_points = 2;
        config.max_query_series = 1;
    });
    let points: Vec<_> = (0..3).map(|n| point("long", "a", n, 1.0)).collect();
    assert_eq!(server.put("", format!("[{}]", points.join(","))).status, 204);
    let body = format!("[{},{}]", point("wide", "a", 0, 1.0), point("wide", "b", 0, 1.0));
    assert_eq!(server.put("", body).status, 204);
    for (metric, what) in [("long", "points"), ("wide", "series")] {
        let (status, kind, message) = server.query(&format!("fetch('{metric}')"), 0, 100).failure();
        assert_eq!((status, kind.as_str()), (413, "ERROR_LIMIT_EXCEEDED"));
        assert!(message.contains(what), "{message}");
    }
    assert_eq!(server.query("fetch('long')", 1, 2).values(), [1.0, 1.0]);
}

#[test]
fn head_is_answered_as_get_without_a_body() {
    let server = with_points();
    for path in
        ["/api/query?start=0&q=fetch('node.cpu')", "/api/suggest?type=metrics", "/health", "/"]
    {
        let head = server.send("HEAD", path, &[], b"");
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
        let length = head.header("content-length").and_then(|length| length.parse().ok());
        assert!(length > Some(0_usize), "{path}");
    }
}
