//! Where there are no tokens, a page of another site must not use a visitor's browser to get at
//! the server.

use std::net::IpAddr;

use axum::http::{HeaderMap, header};

use crate::error::{ApiError, Kind};

/// Names under which callers may address the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hosts {
    /// `localhost` and addresses: any other name could have been made to point here (DNS rebinding).
    ThisMachine,
    /// Any.
    Any,
}

/// Refuses what a browser sends on behalf of another site. Other programs send no `Origin`.
pub(crate) fn check(headers: &HeaderMap, hosts: Hosts) -> Result<(), ApiError> {
    let text = |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let host = text(header::HOST).unwrap_or_default();
    if hosts == Hosts::ThisMachine && !is_this_machine(&host) {
        let message = format!(
            "host `{host}` is not this machine: without tokens the server answers to `localhost` \
             and to addresses"
        );
        return Err(ApiError::new(Kind::Forbidden, message));
    }
    let Some(origin) = text(header::ORIGIN) else { return Ok(()) };
    let own = origin.split_once("://").is_some_and(|(_, at)| at.eq_ignore_ascii_case(&host));
    if own {
        return Ok(());
    }
    let message =
        format!("origin `{origin}` is another site: without tokens only the own page is answered");
    Err(ApiError::new(Kind::Forbidden, message))
}

fn is_this_machine(host: &str) -> bool {
    // A port follows the last colon, but not inside the brackets of an IPv6 address.
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.strip_prefix('[').and_then(|n| n.strip_suffix(']')).unwrap_or(name);
    // HTTP/1.0 has no host: no browser speaks that.
    name.is_empty() || name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(host: &str, origin: Option<&str>, hosts: Hosts) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().expect("a header"));
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().expect("a header"));
        }
        check(&headers, hosts).is_ok()
    }

    #[test]
    fn programs_and_the_own_page_pass() {
        for host in
            ["127.0.0.1:4242", "localhost:4242", "LOCALHOST", "[::1]:4242", "[::1]", "test:1"]
        {
            let hosts = if host == "test:1" { Hosts::Any } else { Hosts::ThisMachine };
            assert!(passes(host, None, hosts), "{host}");
            assert!(passes(host, Some(&format!("http://{host}")), hosts), "{host}");
        }
        assert!(check(&HeaderMap::new(), Hosts::ThisMachine).is_ok());
    }

    #[test]
    fn other_sites_do_not() {
        for origin in ["https://evil.example", "null", "http://127.0.0.1:8000"] {
            assert!(!passes("127.0.0.1:4242", Some(origin), Hosts::Any), "{origin}");
        }
    }

    #[test]
    fn a_foreign_name_for_this_machine_passes_only_where_any_name_may() {
        for host in ["evil.example:4242", "localhost.evil.example", "127.0.0.1.evil.example"] {
            assert!(!passes(host, None, Hosts::ThisMachine), "{host}");
            assert!(passes(host, None, Hosts::Any), "{host}");
        }
    }
}
