//! Somebody who speaks the inner TLS as it should be spoken and then says anything.

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::client::AlwaysResolvesClientRawPublicKeys;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring as provider;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::AlwaysResolvesServerRawPublicKeys;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::CertifiedKey;
use rustls::{
    ClientConfig, ClientConnection, Connection, DigitallySignedStruct, DistinguishedName, Error,
    ServerConfig, ServerConnection, SignatureScheme,
};
use sightline_protocol::statement::SigningKey;

const ALPN: &[u8] = b"sightline-inner/1";
/// DER before the key in an Ed25519 SubjectPublicKeyInfo.
const SPKI: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

pub struct Outsider(Connection);

fn certified(key: &SigningKey) -> Arc<CertifiedKey> {
    let der = PrivatePkcs8KeyDer::from(key.pkcs8().to_vec());
    let signer = provider::sign::any_eddsa_type(&der).expect("an Ed25519 key");
    let spki = [&SPKI[..], &key.public().0].concat();
    Arc::new(CertifiedKey::new(vec![spki.into()], signer))
}

impl Outsider {
    /// Towards an agent.
    pub fn client(key: &SigningKey) -> Outsider {
        let mut config = ClientConfig::builder_with_provider(provider::default_provider().into())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("the provider has TLS 1.3")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody))
            .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(
                certified(key),
            )));
        config.alpn_protocols = vec![ALPN.to_vec()];
        let name = ServerName::try_from("agent").expect("a valid name");
        let tls = ClientConnection::new(Arc::new(config), name).expect("it is complete");
        Outsider(tls.into())
    }

    /// Towards a technician.
    pub fn server(key: &SigningKey) -> Outsider {
        let mut config = ServerConfig::builder_with_provider(provider::default_provider().into())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("the provider has TLS 1.3")
            .with_client_cert_verifier(Arc::new(Anybody))
            .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(certified(
                key,
            ))));
        config.alpn_protocols = vec![ALPN.to_vec()];
        let tls = ServerConnection::new(Arc::new(config)).expect("it is complete");
        Outsider(tls.into())
    }

    /// Takes the other side's bytes; what they say is of no interest.
    pub fn hear(&mut self, mut bytes: &[u8]) {
        let mut said = [0; 1024];
        while !bytes.is_empty() {
            if !matches!(self.0.read_tls(&mut bytes), Ok(1..)) {
                return;
            }
            if self.0.process_new_packets().is_err() {
                return;
            }
            while matches!(self.0.reader().read(&mut said), Ok(1..)) {}
        }
    }

    pub fn say(&mut self, words: &[u8]) {
        self.0.writer().write_all(words).expect("memory takes it");
    }

    pub fn is_through(&self) -> bool {
        !self.0.is_handshaking()
    }

    pub fn transmit(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.0.wants_write() {
            self.0.write_tls(&mut bytes).expect("memory takes it");
        }
        bytes
    }
}

/// An outsider does not care to whom it speaks.
#[derive(Debug)]
struct Anybody;

fn tls12() -> Result<HandshakeSignatureValid, Error> {
    Err(Error::General("TLS 1.3 only".into()))
}

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tls12()
    }
    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for Anybody {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }
    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tls12()
    }
    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
