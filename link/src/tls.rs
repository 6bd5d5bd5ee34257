//! The outer TLS: 1.3 only, ring, no resumption, no early data. The relay shows an X.509 certificate, of which
//! only the public key counts; programs show a raw Ed25519 public key (RFC 7250).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring as provider};
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer,
    UnixTime,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ParsedCertificate};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use sightline_protocol::broker::ALPN;
use sightline_protocol::id::{Digest, PublicKey};
use sightline_protocol::statement::SigningKey;

use crate::certificate::Certificate;
use crate::error::LinkError;

/// An Ed25519 SubjectPublicKeyInfo is this and the key (RFC 8410 §4).
const ED25519_SPKI: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// TLS 1.3 suites of ring, AES-128 first: it guards what the relay may see anyway, and costs the relay a quarter
/// less than AES-256. What is secret is sealed once more inside.
fn crypto() -> Arc<CryptoProvider> {
    use provider::cipher_suite::*;
    Arc::new(CryptoProvider {
        cipher_suites: vec![
            TLS13_AES_128_GCM_SHA256,
            TLS13_AES_256_GCM_SHA384,
            TLS13_CHACHA20_POLY1305_SHA256,
        ],
        ..provider::default_provider()
    })
}

fn setup(error: impl std::fmt::Display) -> LinkError {
    LinkError::Local(format!("the TLS keys cannot be used: {error}"))
}

/// The program's side. `mistrusted` is set when the relay showed another key than `pin`.
pub fn client(
    pin: Digest,
    key: &SigningKey,
    mistrusted: Arc<AtomicBool>,
) -> Result<QuicClientConfig, LinkError> {
    let crypto = crypto();
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.pkcs8().to_vec()));
    let signer = crypto
        .key_provider
        .load_private_key(private)
        .map_err(setup)?;
    let spki = [&ED25519_SPKI[..], &key.public().0].concat();
    let certified = CertifiedKey::new(vec![CertificateDer::from(spki)], signer);
    let verifier = PinnedRelay {
        pin,
        mistrusted,
        algorithms: crypto.signature_verification_algorithms,
    };
    let mut config = rustls::ClientConfig::builder_with_provider(crypto)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(setup)?
        .dangerous() // the verifier below is ours: it trusts one key and no authority
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(Arc::new(
            certified,
        ))));
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    QuicClientConfig::try_from(config).map_err(setup)
}

/// The relay's side.
pub fn server(certificate: &Certificate) -> Result<QuicServerConfig, LinkError> {
    let crypto = crypto();
    let verifier = RawKeys {
        algorithms: crypto.signature_verification_algorithms,
    };
    let mut config = rustls::ServerConfig::builder_with_provider(crypto)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(setup)?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_single_cert(vec![certificate.der()], certificate.key())
        .map_err(setup)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    QuicServerConfig::try_from(config).map_err(setup)
}

/// The key that the peer of an accepted connection proved.
pub fn peer_key(connection: &quinn::Connection) -> Option<PublicKey> {
    let identity = connection.peer_identity()?;
    let chain = identity.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    ed25519(chain.first()?)
}

fn ed25519(spki: &[u8]) -> Option<PublicKey> {
    let key = spki.strip_prefix(&ED25519_SPKI)?;
    Some(PublicKey(key.try_into().ok()?))
}

/// SHA-256 of a certificate's SubjectPublicKeyInfo (RFC 7469 §2.4).
pub fn pin_of(certificate: &CertificateDer<'_>) -> Result<Digest, Error> {
    let parsed = ParsedCertificate::try_from(certificate)?;
    Ok(Digest::of(&[&parsed.subject_public_key_info()]))
}

fn tls12() -> Error {
    Error::General("TLS 1.2 is not spoken here".into())
}

/// Trusts the certificate whose key is pinned: no name, no authority, no date.
#[derive(Debug)]
struct PinnedRelay {
    pin: Digest,
    mistrusted: Arc<AtomicBool>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for PinnedRelay {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if pin_of(end_entity)? == self.pin {
            return Ok(ServerCertVerified::assertion());
        }
        self.mistrusted.store(true, Ordering::Relaxed);
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Takes any Ed25519 key, once its holder has proved it; what the key may do is for signed statements to say.
#[derive(Debug)]
struct RawKeys {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for RawKeys {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        ed25519(end_entity)
            .map(|_| ClientCertVerified::assertion())
            .ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let spki = SubjectPublicKeyInfoDer::from(cert.as_ref());
        rustls::crypto::verify_tls13_signature_with_raw_key(message, &spki, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
