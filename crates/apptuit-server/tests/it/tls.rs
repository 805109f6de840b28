//! `https`.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use apptuit_server::{Server, ServerConfig, TlsFiles};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::support::{config, connect, exchange, point, request};

const CERTIFICATE: &str = include_str!("tls/cert.pem");
const KEY: &str = include_str!("tls/key.pem");
const OTHER_KEY: &str = include_str!("tls/other-key.pem");

/// A server with a certificate of its own for `localhost`, and a client that trusts it.
fn secure(folder: &Path) -> (ServerConfig, ClientConfig) {
    let files = TlsFiles { cert: folder.join("cert.pem"), key: folder.join("key.pem") };
    fs::write(&files.cert, CERTIFICATE).expect("a file");
    fs::write(&files.key, KEY).expect("a file");

    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes());
    roots.add(certificate.expect("a certificate")).expect("a root");
    let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server = ServerConfig { tls: Some(files), ..config(&folder.join("data")) };
    (server, client)
}

#[test]
fn points_go_in_and_out_over_tls() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, client) = secure(folder.path());
    let server = Server::bind(server).expect("it binds").start();
    let client = Arc::new(client);
    let talk = |request: &[u8]| {
        let name = ServerName::try_from("localhost").expect("a name");
        let session = ClientConnection::new(Arc::clone(&client), name).expect("a session");
        exchange(StreamOwned::new(session, connect(server.local_addr())), request)
    };
    let body = format!("{}{}", point("m", "a", 60, 1.0), " ".repeat(300_000));
    assert_eq!(talk(&request("POST", "/api/put", &[], body.as_bytes())).status, 204);
    assert_eq!(talk(&request("GET", "/api/query?start=0&q=fetch('m')", &[], b"")).values(), [1.0]);
    server.stop().expect("it stops");
}

#[test]
fn plain_http_at_a_tls_port_is_no_harm() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::bind(secure(folder.path()).0).expect("it binds").start();
    let mut stream = connect(server.local_addr());
    stream.write_all(&request("GET", "/health", &[], b"")).expect("it goes out");
    let mut answer = Vec::new();
    // Closed or reset: either way there is no answer in the clear.
    let _ = std::io::Read::read_to_end(&mut stream, &mut answer);
    assert!(!answer.starts_with(b"HTTP"));
    server.stop().expect("it stops");
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let (good, _) = secure(folder.path());
    let files = good.tls.clone().expect("files");
    let empty = folder.path().join("empty.pem");
    fs::write(&empty, "").expect("a file");
    let other = folder.path().join("other.pem");
    fs::write(&other, OTHER_KEY).expect("a file");

    for (cert, key, expected) in [
        (&empty, &files.key, "empty.pem` cannot be used: there is no certificate in it"),
        (&files.cert, &empty, "empty.pem` cannot be used: there is no private key in it"),
        (&files.cert, &other, "cert.pem` cannot be used: not with this key: "),
        (&folder.path().join("none"), &files.key, "cannot read `"),
    ] {
        let tls = Some(TlsFiles { cert: cert.clone(), key: key.clone() });
        let error = Server::bind(ServerConfig { tls, ..good.clone() }).expect_err(expected);
        assert!(error.to_string().contains(expected), "{error}");
        let secret = OTHER_KEY.lines().nth(1).expect("a line of the key");
        assert!(!format!("{error} {error:?}").contains(secret));
    }
}
