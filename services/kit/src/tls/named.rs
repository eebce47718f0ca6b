use std::{path::Path, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::roots;

/// As [`trusting`](super::trusting), and a server may show a certificate for one of `names` in the place of the name or
/// address that it is reached by: where servers are told of by their address, and have another after each start.
///
/// # Errors
///
/// When the file cannot be read, or holds no authority.
pub fn trusting_names<'a>(
    authorities: &Path,
    names: impl IntoIterator<Item = &'a str>,
) -> anyhow::Result<Arc<ClientConfig>> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions()?.dangerous();
    let verified = builder.with_custom_certificate_verifier(Arc::new(Named::new(authorities, names)?));
    Ok(Arc::new(verified.with_no_client_auth()))
}

/// Asks `inner` everything, and about other names where the server's own is all that it minds.
#[derive(Debug)]
struct Named {
    inner: Arc<WebPkiServerVerifier>,
    names: Vec<ServerName<'static>>,
}

impl Named {
    fn new<'a>(authorities: &Path, names: impl IntoIterator<Item = &'a str>) -> anyhow::Result<Self> {
        let (roots, provider) = (Arc::new(roots(authorities)?), Arc::new(aws_lc_rs::default_provider()));
        let inner = WebPkiServerVerifier::builder_with_provider(roots, provider).build()?;
        let names = names.into_iter().filter_map(|name| ServerName::try_from(name.to_owned()).ok()).collect();
        Ok(Self { inner, names })
    }
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let is_of = |name: &_| self.inner.verify_server_cert(end_entity, intermediates, name, ocsp_response, now);
        let of_its_own = is_of(server_name);
        if !matches!(
            of_its_own,
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
            ))
        ) {
            return of_its_own;
        }
        self.names.iter().find_map(|name| is_of(name).ok()).map_or(of_its_own, Ok)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

    use super::*;

    /// An authority's certificate in a file, and one of a server that it has signed for a name.
    fn certificates(name: &str) -> (tempfile::NamedTempFile, CertificateDer<'static>) {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(authority.path(), params.self_signed(&key).unwrap().pem()).unwrap();
        let own = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([name.to_owned()]).unwrap();
        (authority, certificate.signed_by(&own, &Issuer::new(params, key)).unwrap().der().clone())
    }

    /// Whether the certificate is believed of a server that is reached by `at`.
    fn believed(authority: &Path, names: &[&str], certificate: &CertificateDer<'_>, at: &str) -> bool {
        let verifier = Named::new(authority, names.iter().copied()).unwrap();
        let at = ServerName::try_from(at).unwrap();
        verifier.verify_server_cert(certificate, &[], &at, &[], UnixTime::now()).is_ok()
    }

    #[test]
    fn a_server_is_believed_by_its_own_name_and_by_those_that_are_told() {
        let (authority, certificate) = certificates("node1");
        let authority = authority.path();
        assert!(believed(authority, &[], &certificate, "node1"));
        assert!(believed(authority, &["not a name", "node2", "node1"], &certificate, "127.0.0.1"));
        assert!(!believed(authority, &["node2"], &certificate, "127.0.0.1"));
        assert!(!believed(authority, &["node2"], &certificate, "node3"));
        let (other, _) = certificates("node1");
        assert!(!believed(other.path(), &["node1"], &certificate, "node1"));
        assert!(!believed(other.path(), &["node1"], &certificate, "127.0.0.1"));
    }
}
