//! Which proxy a request goes through, by the rules people know from other programs.

use std::net::IpAddr;

use ureq::Proxy;
use ureq::http::Uri;

use crate::client::environment::{self, Named};
use crate::{Error, ErrorKind, Result};

/// The proxies of the environment.
#[derive(Clone, Debug, Default)]
pub(super) struct Proxies {
    http: Option<Named>,
    https: Option<Named>,
    around: Vec<String>,
}

impl Proxies {
    pub(super) fn of_environment() -> Self {
        let around = environment::no_proxy().unwrap_or_default();
        let around = around.split(',').map(|entry| entry.trim().to_ascii_lowercase());
        Self {
            http: environment::proxy("http"),
            https: environment::proxy("https"),
            around: around.filter(|entry| !entry.is_empty()).collect(),
        }
    }

    /// The proxy on the way to `url`, if there is one.
    ///
    /// # Errors
    ///
    /// The variable that names it holds no URL of a proxy.
    pub(super) fn on_the_way_to(&self, url: &str) -> Result<Option<Proxy>> {
        let named = match url.get(..8) {
            Some(start) if start.eq_ignore_ascii_case("https://") => &self.https,
            _ => &self.http,
        };
        let Some(named) = named else { return Ok(None) };
        if url.parse().is_ok_and(|url| self.goes_around(&url)) {
            return Ok(None);
        }
        Proxy::new(&named.value).map(Some).map_err(|_| {
            // Its value stays out of it: there may be a password in it.
            let message =
                format!("{} names no proxy, expected a URL such as `http://host:3128`", named.name);
            Error::new(ErrorKind::Configuration, message)
        })
    }

    fn goes_around(&self, url: &Uri) -> bool {
        let Some(host) = url.host() else { return false };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        self.around.iter().any(|entry| matches(entry, &host, url.port_u16()))
    }
}

/// Whether an entry of `NO_PROXY` means this host: `*`, a domain and all under it, an address, or a
/// network as `10.0.0.0/8`; a domain or an address of four numbers may be followed by a port.
fn matches(entry: &str, host: &str, port: Option<u16>) -> bool {
    if entry == "*" {
        return true;
    }
    if let Ok(address) = host.parse::<IpAddr>() {
        if let Some((network, bits)) = entry.split_once('/') {
            return network.parse().is_ok_and(|network| is_within(address, network, bits));
        }
        if entry.trim_start_matches('[').trim_end_matches(']').parse() == Ok(address) {
            return true;
        }
    }
    let entry = match entry.rsplit_once(':') {
        Some((entry, digits)) if port.is_some_and(|port| digits == port.to_string()) => entry,
        Some(_) => return false,
        None => entry,
    };
    let domain = entry.trim_start_matches('*').trim_start_matches('.');
    host.strip_suffix(domain)
        .is_some_and(|rest| !domain.is_empty() && (rest.is_empty() || rest.ends_with('.')))
}

fn is_within(address: IpAddr, network: IpAddr, bits: &str) -> bool {
    let shared = match (address, network) {
        (IpAddr::V4(one), IpAddr::V4(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
        (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
        _ => return false,
    };
    bits.parse().is_ok_and(|bits: u32| shared >= bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(around: &str) -> Proxies {
        let named = |name, value: &str| Some(Named { name, value: value.to_owned() });
        Proxies {
            http: named("http_proxy", "http://plain:1"),
            https: named("https_proxy", "http://secure:2"),
            around: around.split(',').map(|entry| entry.trim().to_owned()).collect(),
        }
    }

    fn host_of(proxies: &Proxies, url: &str) -> Option<String> {
        proxies.on_the_way_to(url).expect("a good proxy").map(|proxy| proxy.host().to_owned())
    }

    #[test]
    fn each_scheme_has_its_proxy() {
        let proxies = proxies("");
        assert_eq!(host_of(&proxies, "http://a/x").as_deref(), Some("plain"));
        assert_eq!(host_of(&proxies, "HTTPS://a/x").as_deref(), Some("secure"));
        assert_eq!(host_of(&Proxies::default(), "http://a/x"), None);
    }

    #[test]
    fn hosts_are_gone_to_directly_by_domain_address_and_network() {
        for (around, url, direct) in [
            ("*", "http://a.example.com", true),
            ("example.com", "http://example.com", true),
            ("other, example.com", "http://a.example.com:80/x", true),
            (".example.com", "http://a.example.com", true),
            ("*.example.com", "http://a.example.com", true),
            ("example.com", "http://badexample.com", false),
            ("example.com", "http://example.com.evil", false),
            ("example.com:80", "http://example.com:80", true),
            ("example.com:80", "http://example.com:81", false),
            ("127.0.0.1", "http://127.0.0.1:4242/api", true),
            ("127.0.0.1", "http://127.0.0.11", false),
            ("10.0.0.0/8", "http://10.200.3.4", true),
            ("10.0.0.0/8", "http://11.0.0.1", false),
            ("10.0.0.0/33", "http://10.0.0.0", false),
            ("::1", "http://[::1]:4242/", true),
            ("fd00::/8", "http://[fd12::1]/", true),
            ("fd00::/8", "http://10.0.0.1/", false),
            ("", "http://a", false),
            (".", "http://a", false),
        ] {
            let through = host_of(&proxies(around), url);
            assert_eq!(through.is_none(), direct, "{around} {url}");
        }
    }

    #[test]
    fn a_proxy_that_is_none_is_told_by_its_variable_alone() {
        let mut proxies = proxies("local");
        let value = "http://joe:s3cret@ho st".to_owned();
        proxies.http = Some(Named { name: "http_proxy", value });
        let error = proxies.on_the_way_to("http://a").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().starts_with("http_proxy names no proxy"), "{error}");
        assert!(!format!("{error:?}").contains("s3cret"));
        // Who does not need it does not mind.
        assert!(proxies.on_the_way_to("http://local").unwrap().is_none());
        assert!(proxies.on_the_way_to("https://a").unwrap().is_some());
    }
}
