//! Help for whom is writing a query.

use serde_json::{Value, json};

use crate::support::{TestServer, assert_fails, percent, point};

fn server() -> TestServer {
    let server = TestServer::start();
    let body = format!(
        "[{},{},{}]",
        point("http_requests", "web1", 1, 1.0),
        point("http_requests", "web2", 1, 1.0),
        point("node.cpu", "db", 1, 1.0)
    );
    assert_eq!(server.put("", body).status, 204);
    server
}

#[test]
fn a_place_in_a_query_is_completed() {
    let server = server();
    let complete = |text: &str, at: &str| {
        let reply = server.get(&format!("/api/query/complete?q={}{at}", percent(text)));
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    };
    let metric = json!({"text": "node.cpu", "insert": "node.cpu", "kind": "metric", "about": ""});
    assert_eq!(
        complete("fetch('no", ""),
        json!({"from": 7, "to": 9, "candidates": [metric]}),
        "at its end"
    );
    assert_eq!(complete("é=1\nfetch('none').sum()", "&at=14")["to"], 16);
    let method = &complete("fetch('m').down", "")["candidates"][0];
    assert_eq!(method["insert"], "downsample(");
    assert_eq!(method["about"], "one value a bucket of time, at its start");
    let texts = |answer: Value| -> Vec<Value> {
        let candidates = answer["candidates"].as_array().expect("an array").iter();
        candidates.map(|candidate| candidate["text"].clone()).collect()
    };
    let text = "A = fetch('http_requests'); A.tag_filter('host==w";
    assert_eq!(texts(complete(text, "")), ["web1", "web2"]);
    assert_eq!(texts(complete("", "")), ["fetch", "output"]);
}

#[test]
fn a_place_that_makes_no_sense_is_refused() {
    let server = server();
    for (parameters, message) in [
        ("", "parameter `q` is missing: expected a query"),
        ("q=%C3%A9&at=1", "parameter `at` is `1`: expected the first byte of a character"),
        ("q=x&at=2", "parameter `at` is `2`: expected the first byte of a character"),
        ("q=x&at=-1", "parameter `at` is `-1`: expected the first byte of a character"),
    ] {
        let reply = server.get(&format!("/api/query/complete?{parameters}"));
        assert_fails(&reply, 400, "ERROR_INVALID_REQUEST", message);
    }
}

#[test]
fn functions_are_listed_with_their_arguments() {
    let all = server().get("/api/query/functions").json();
    let all = all.as_array().expect("an array");
    let named = |name: &str| all.iter().find(|one| one["name"] == name).expect(name);
    assert_eq!(
        named("avg"),
        &json!({
            "name": "avg", "isMethod": true, "example": "avg(by='host')",
            "about": "the mean of each group at each instant",
            "arguments": [
                {"name": "by", "isKeyword": true, "isRequired": false,
                 "about": "a group for each combination of these tags", "values": []},
                {"name": "without", "isKeyword": true, "isRequired": false,
                 "about": "a group for each combination of all other tags", "values": []},
            ],
        })
    );
    let rate = &named("fetch")["arguments"][1];
    let values = rate["values"].as_array().expect("values").iter();
    let values: Vec<&Value> = values.map(|value| &value["value"]).collect();
    assert_eq!(values, ["true", "counter", "delta", "false"]);
}

#[test]
fn what_is_not_there_is_advised_on_beside_the_recorded_messages() {
    let server = server();
    let hints = |text: &str| {
        let body = server.query(text, 0, 10).json();
        (body["errors"][0]["message"].clone(), body["hints"].clone())
    };
    assert_eq!(
        hints("fetch('http.requests')"),
        (
            json!("Requested metrics(http.requests) not found"),
            json!(["did you mean `http_requests`?"])
        )
    );
    let advice = "no series of `node.cpu` has `bd` as its `host`, did you mean `db`?";
    assert_eq!(hints("fetch('node.cpu').tag_filter('host==bd')"), (Value::Null, json!([advice])));
    let message = "Invalid argument value. Expected non-empty Data Frames for operation 'add', \
                   got empty LHS.";
    let text = "A = fetch('node.cpu').tag_filter('host==bd'); A.add(fetch('node.cpu'))";
    assert_eq!(hints(text), (json!(message), json!([advice])));
    assert_eq!(hints("fetch('node.cpu')"), (Value::Null, json!([])));
    assert_eq!(hints("fetch('node.cpu').smu()").1, json!([]), "the message has the advice");
}
