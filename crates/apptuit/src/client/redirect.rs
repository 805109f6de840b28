//! Redirects of a put: the body goes on to the same server only, and only where its method stays.

use super::retry::Deadline;
use super::{Request, Response};
use crate::Result;

/// Followed in a row; a chain that is longer is a circle.
const MAX_REDIRECTS: usize = 5;

/// Sends a request, and sends it again to where a 307 or 308 points on the same server.
///
/// Any other redirect is an answer: 301 to 303 would make a `GET` of the put and lose its body, and
/// another server must not see the token.
pub(super) fn followed(
    request: &mut Request,
    deadline: &Deadline<'_>,
    send: impl Fn(&Request) -> Result<Response>,
) -> Result<Response> {
    for _ in 0..MAX_REDIRECTS {
        request.timeout = deadline.left();
        let response = send(request)?;
        let target = match response.status() {
            307 | 308 => response.header("location"),
            _ => None,
        };
        match target.and_then(|target| on_same_server(&request.url, target)) {
            Some(url) => request.url = url,
            None => return Ok(response),
        }
    }
    request.timeout = deadline.left();
    send(request)
}

/// The URL that `target` means at `url`, if it is of the same scheme, host and port.
fn on_same_server(url: &str, target: &str) -> Option<String> {
    let (origin, _) = split(url)?;
    if target.starts_with('/') && !target.starts_with("//") {
        return Some(format!("{origin}{target}"));
    }
    let (other, _) = split(target)?;
    (canonical(other)? == canonical(origin)?).then(|| target.to_owned())
}

/// `http://host:port` and the rest.
fn split(url: &str) -> Option<(&str, &str)> {
    let authority = url.find("://")? + 3;
    let end = url[authority..].find(['/', '?', '#']).map_or(url.len(), |at| authority + at);
    Some(url.split_at(end))
}

/// The origin in lower case, with its port.
fn canonical(origin: &str) -> Option<String> {
    let origin = origin.to_ascii_lowercase();
    let (scheme, authority) = origin.split_once("://")?;
    let port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return None,
    };
    // After the bracket of an IPv6 address, colons begin ports.
    let after_host = authority.rfind(']').unwrap_or(0);
    let has_port = authority[after_host..].contains(':');
    Some(format!("{scheme}://{authority}{}", if has_port { "" } else { port }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_server_is_gone_to() {
        let put = "http://Host.test:4242/api/put?details";
        for (target, expected) in [
            ("/v2/put?details", Some("http://Host.test:4242/v2/put?details")),
            ("http://host.test:4242/new", Some("http://host.test:4242/new")),
            ("http://host.test:4243/new", None),
            ("https://host.test:4242/new", None),
            ("http://host.test/new", None),
            ("http://host.test:4242.evil/new", None),
            ("http://host.test:4242@evil/new", None),
            ("//evil/new", None),
            ("put", None),
            ("", None),
        ] {
            assert_eq!(on_same_server(put, target).as_deref(), expected, "{target}");
        }
    }

    #[test]
    fn a_scheme_has_its_own_port() {
        for (url, target) in [
            ("http://a/x", "http://a:80/y"),
            ("https://a:443/x", "https://A/y"),
            ("http://[::1]/x", "http://[::1]:80/y"),
            ("http://a?q", "http://a#f"),
        ] {
            assert_eq!(on_same_server(url, target).as_deref(), Some(target));
        }
        assert_eq!(on_same_server("http://[::1]:1/x", "http://[::1]:2/y"), None);
    }
}
