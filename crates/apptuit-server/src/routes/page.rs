//! The web page: a few files, in the program itself.

use std::sync::LazyLock;

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use ring::digest::{SHA256, digest};

/// Only what this server serves, and nowhere but here. The chart library styles its elements from
/// script, which is no inline style.
const POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// A file of the page.
pub(crate) struct File {
    pub(crate) path: &'static str,
    media_type: &'static str,
    content: &'static str,
    /// Changes with the content, so a browser keeps a file just as long as it is right.
    tag: LazyLock<HeaderValue, fn() -> HeaderValue>,
}

macro_rules! file {
    ($path:literal, $name:literal, $media_type:expr) => {
        File {
            path: $path,
            media_type: $media_type,
            content: include_str!(concat!("../../web/", $name)),
            tag: LazyLock::new(|| entity_tag(include_str!(concat!("../../web/", $name)))),
        }
    };
}

/// All of them.
pub(crate) static FILES: [File; 10] = [
    file!("/", "index.html", HTML),
    file!("/app.js", "app.js", SCRIPT),
    file!("/api.js", "api.js", SCRIPT),
    file!("/chart.js", "chart.js", SCRIPT),
    file!("/completion.js", "completion.js", SCRIPT),
    file!("/picker.js", "picker.js", SCRIPT),
    file!("/style.css", "style.css", STYLE),
    file!("/icon.svg", "icon.svg", SVG),
    file!("/uPlot.iife.min.js", "uPlot.iife.min.js", SCRIPT),
    file!("/uPlot.min.css", "uPlot.min.css", STYLE),
];

impl File {
    /// The file, or that the browser has it already.
    pub(crate) fn serve(&self, headers: &HeaderMap) -> Response {
        let known = headers.get_all(IF_NONE_MATCH).iter().any(|known| known == *self.tag);
        let common = [
            (ETAG, self.tag.clone()),
            (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
            (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ];
        if known {
            return (StatusCode::NOT_MODIFIED, common).into_response();
        }
        let media_type = [(CONTENT_TYPE, HeaderValue::from_static(self.media_type))];
        (common, media_type, self.content).into_response()
    }
}

fn entity_tag(content: &str) -> HeaderValue {
    use std::fmt::Write as _;

    let mut tag = String::from("\"");
    for byte in &digest(&SHA256, content.as_bytes()).as_ref()[..8] {
        // Writing to a string cannot fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    HeaderValue::try_from(tag).expect("quotes and hexadecimal digits make a header")
}
