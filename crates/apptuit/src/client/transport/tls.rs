//! Whose certificates are trusted.

use std::fs;
use std::path::Path;

use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::client::environment;
use crate::{Error, ErrorKind, Result};

/// Mozilla's roots, or those of the file or folder that a variable names.
pub(super) fn config() -> Result<TlsConfig> {
    let roots = match environment::certificates() {
        Some((variable, path)) => roots(variable, &path)?,
        None => RootCerts::WebPki,
    };
    Ok(TlsConfig::builder().root_certs(roots).build())
}

fn roots(variable: &str, path: &Path) -> Result<RootCerts> {
    let unreadable = |error: std::io::Error| {
        let message = format!("{variable} names `{}`: {error}", path.display());
        Error::new(ErrorKind::Configuration, message).with_source(error)
    };
    let mut certificates = Vec::new();
    if path.is_dir() {
        for entry in path.read_dir().map_err(unreadable)? {
            // A folder of certificates may hold anything else.
            let pem = entry.and_then(|entry| fs::read(entry.path())).unwrap_or_default();
            certificates.extend(certificates_in(&pem).flatten());
        }
    } else {
        for certificate in certificates_in(&fs::read(path).map_err(unreadable)?) {
            let certificate =
                certificate.map_err(|error| unusable(variable, path).with_source(error))?;
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(unusable(variable, path));
    }
    Ok(RootCerts::from(certificates))
}

fn certificates_in(pem: &[u8]) -> impl Iterator<Item = Result<Certificate<'static>, ureq::Error>> {
    parse_pem(pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    })
}

fn unusable(variable: &str, path: &Path) -> Error {
    let path = path.display();
    Error::new(
        ErrorKind::Configuration,
        format!("{variable} names `{path}`, which holds no certificates in PEM form"),
    )
}
