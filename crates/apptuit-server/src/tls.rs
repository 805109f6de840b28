//! Certificates and keys from files.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::TlsFiles;
use crate::server_error::ServerError;

/// Speaks TLS 1.2 and 1.3 with the certificate of these files.
pub(crate) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, ServerError> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&files.cert)
        .and_then(Iterator::collect)
        .map_err(|error| from_pem(&files.cert, "certificate", error))?;
    if chain.is_empty() {
        return Err(from_pem(&files.cert, "certificate", pem::Error::NoItemsFound));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| from_pem(&files.key, "private key", error))?;

    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&files.cert, error.to_string()))?;
    let mut config = builder
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| unusable(&files.cert, format!("not with this key: {error}")))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn from_pem(file: &Path, expected: &str, error: pem::Error) -> ServerError {
    match error {
        pem::Error::Io(source) => ServerError::Read { file: file.to_owned(), source },
        pem::Error::NoItemsFound => unusable(file, format!("there is no {expected} in it")),
        // Nothing of the file itself: it may hold the key.
        _ => unusable(file, format!("expected a {expected} in PEM")),
    }
}

fn unusable(file: &Path, what: String) -> ServerError {
    ServerError::Tls { file: file.to_owned(), what }
}
