//! Lines to a receiver: connections that stay open between calls, over TCP or TLS.

use std::path::Path;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

use super::ReplayError;
use super::answer::Attempt;

/// One open connection. Dropping it closes it.
pub(super) type Line = SendRequest<Full<Bytes>>;

/// Longest head of an answer, in bytes.
const MAX_HEAD: usize = 64 * 1024;

/// The receiver that a URL names.
pub struct Receiver {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    /// `Host`.
    pub(super) authority: String,
    /// What the endpoints stand below, without a slash at its end.
    pub(super) path: String,
}

impl Receiver {
    /// Reads the URL that the endpoints of a receiver stand below. Where it is https, the public certificate authorities are
    /// trusted, and those of the PEM file `ca`.
    ///
    /// # Errors
    /// [`ReplayError::Usage`] when this is no such URL or the file holds no certificate; [`ReplayError::Unreachable`] when
    /// it cannot be read.
    pub fn at(base: &str, ca: Option<&Path>) -> Result<Self, ReplayError> {
        let url = Url::parse(base).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        // Endpoints are appended to it as text.
        let url = url.filter(|url| url.query().is_none() && url.fragment().is_none());
        let named = url.as_ref().and_then(|url| Some((url, url.host_str()?, url.port_or_known_default()?)));
        let Some((url, host, port)) = named else {
            return Err(ReplayError::Usage(format!("--to {base} is no URL such as http://127.0.0.1:8080/api")));
        };
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let tls = match url.scheme() {
            "https" => {
                let name = ServerName::try_from(host.clone())
                    .map_err(|_| ReplayError::Usage(format!("--to {base}: no certificate can be for {host}")))?;
                Some((tls(ca)?, name))
            }
            _ if ca.is_some() => {
                return Err(ReplayError::Usage(format!("--ca is for https, and --to {base} is not")));
            }
            _ => None,
        };
        let path = url.path().trim_end_matches('/').to_owned();
        Ok(Self { host, port, tls, authority, path })
    }

    /// Where it listens.
    pub(super) fn socket(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// Opens a line.
    pub(super) async fn open(&self) -> Result<Line, Attempt> {
        let stream = TcpStream::connect(self.socket()).await.map_err(|error| broken(&error))?;
        // A call is written at once and nothing follows it, so there is nothing to wait for.
        stream.set_nodelay(true).map_err(|error| broken(&error))?;
        match &self.tls {
            None => start(stream).await,
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), stream).await.map_err(|error| unsafe_line(&error))?;
                start(stream).await
            }
        }
    }
}

/// What a broken line means. The text of the error names the receiver at most.
pub(super) fn broken(error: &dyn std::error::Error) -> Attempt {
    let mut why = error.to_string();
    // What hyper says of an error leaves out what caused it.
    if let Some(cause) = error.source() {
        why = format!("{why}: {cause}");
    }
    Attempt::Again { why, after: None, silent: true }
}

/// What a TLS handshake that failed means: a certificate does not become better by asking again.
fn unsafe_line(error: &std::io::Error) -> Attempt {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(_)) => Attempt::Never(format!(
            "the receiver's certificate is not trusted ({error}); --ca FILE names the authority that it is from"
        )),
        _ => broken(error),
    }
}

async fn start<S>(stream: S) -> Result<Line, Attempt>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let started = http1::Builder::new().max_buf_size(MAX_HEAD).handshake(TokioIo::new(stream)).await;
    let (line, connection) = started.map_err(|error| broken(&error))?;
    // It ends with the line, or when the receiver closes it; whoever waits for an answer is told why.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            log::debug!("a line to the receiver broke: {error}");
        }
    });
    Ok(line)
}

fn tls(ca: Option<&Path>) -> Result<TlsConnector, ReplayError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = ca {
        let unusable = |why: &str| ReplayError::Usage(format!("--ca {}: {why}", path.display()));
        let pem = std::fs::read(path)
            .map_err(|error| ReplayError::Unreachable(format!("cannot read {}: {error}", path.display())))?;
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|error| unusable(&error.to_string()))?;
            roots.add(certificate).map_err(|error| unusable(&error.to_string()))?;
        }
        if roots.len() == before {
            return Err(unusable("there is no certificate in it; it must be PEM, -----BEGIN CERTIFICATE-----"));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ReplayError::Unreachable(format!("cannot use TLS: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}
