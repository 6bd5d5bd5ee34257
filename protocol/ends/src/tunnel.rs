//! The inner TLS (PROTOCOL.md §1.2): TLS 1.3 between agent (server) and technician (client), mutual, raw public keys
//! (RFC 7250), no resumption, no early data; messages inside. Bytes in, bytes out.

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption};
use rustls::crypto::{CryptoProvider, ring as provider, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{
    CertificateDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage};
use rustls::sign::CertifiedKey;
use rustls::{
    ClientConfig, ClientConnection, Connection, DigitallySignedStruct, DistinguishedName, Error,
    ServerConfig, ServerConnection, SignatureScheme,
};
use sightline_protocol::id::PublicKey;
use sightline_protocol::statement::SigningKey;
use sightline_protocol::wire::{Messages, Reader, WireError};

use crate::keys::Key;

/// DER before the 32 bytes of an Ed25519 SubjectPublicKeyInfo (RFC 8410 §4).
const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
const ALPN: &[u8] = b"sightline-inner/1";

#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum TunnelError {
    #[error("inner TLS: {0}")]
    Tls(#[from] Error),
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("the other side closed the inner connection")]
    Closed,
}

pub(crate) struct Tunnel {
    tls: Connection,
    reader: Reader,
}

impl Tunnel {
    pub fn server(key: &SigningKey) -> Tunnel {
        let resolver = AlwaysResolvesServerRawPublicKeys::new(certified(key));
        let mut config = ServerConfig::builder_with_provider(crypto())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("the provider has TLS 1.3")
            .with_client_cert_verifier(Arc::new(AnyKey(crypto())))
            .with_cert_resolver(Arc::new(resolver));
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.alpn_protocols = vec![ALPN.to_vec()];
        let tls = ServerConnection::new(Arc::new(config)).expect("the configuration is complete");
        Tunnel::over(tls.into())
    }

    pub fn client(key: &SigningKey) -> Tunnel {
        let resolver = AlwaysResolvesClientRawPublicKeys::new(certified(key));
        let mut config = ClientConfig::builder_with_provider(crypto())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("the provider has TLS 1.3")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyKey(crypto())))
            .with_client_cert_resolver(Arc::new(resolver));
        config.resumption = Resumption::disabled();
        config.enable_sni = false;
        config.alpn_protocols = vec![ALPN.to_vec()];
        let name = ServerName::try_from("agent").expect("a valid name");
        let tls = ClientConnection::new(Arc::new(config), name).expect("it is complete");
        Tunnel::over(tls.into())
    }

    fn over(mut tls: Connection) -> Tunnel {
        // The largest message (a proposal with many auditors) and its TLS framing fit.
        tls.set_buffer_limit(Some(2 << 20));
        Tunnel {
            tls,
            reader: Reader::default(),
        }
    }

    /// Takes bytes of the other side. What they say is read with [`Tunnel::next`].
    pub fn handle(&mut self, mut bytes: &[u8]) -> Result<(), TunnelError> {
        while !bytes.is_empty() {
            let closed = self
                .tls
                .read_tls(&mut bytes)
                .map_err(|_| TunnelError::Closed)?
                == 0;
            self.tls.process_new_packets()?;
            self.read_plaintext()?;
            if closed {
                return Err(TunnelError::Closed);
            }
        }
        Ok(())
    }

    fn read_plaintext(&mut self) -> Result<(), TunnelError> {
        let mut buffer = [0; 4096];
        loop {
            match self.tls.reader().read(&mut buffer) {
                Ok(0) => return Err(TunnelError::Closed),
                Ok(n) => self.reader.push(&buffer[..n]),
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => return Ok(()),
                Err(_) => return Err(TunnelError::Closed),
            }
        }
    }

    pub fn next<M: Messages>(&mut self) -> Result<Option<M>, TunnelError> {
        Ok(self.reader.next_message()?)
    }

    pub fn send<M: Messages>(&mut self, message: &M) {
        // Fails only over the buffer limit, which our few messages never reach.
        let _ = self.tls.writer().write_all(&message.encode());
    }

    /// Bytes for the other side.
    pub fn transmit(&mut self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        while self.tls.wants_write() {
            // Writing to memory does not fail.
            let _ = self.tls.write_tls(&mut bytes);
        }
        (!bytes.is_empty()).then_some(bytes)
    }

    pub fn established(&self) -> bool {
        !self.tls.is_handshaking()
    }

    /// The key that the other side proved, once established.
    pub fn peer(&self) -> Option<PublicKey> {
        let spki = self.tls.peer_certificates()?.first()?;
        let key = spki.as_ref().strip_prefix(&SPKI_PREFIX)?;
        Some(PublicKey(key.try_into().ok()?))
    }

    /// Exported keying material (RFC 8446 §7.5); only once established.
    pub fn export(&self, label: &[u8]) -> Key {
        let mut key = Key::default();
        self.tls
            .export_keying_material(&mut key[..], label, None)
            .expect("only asked for once established");
        key
    }
}

fn crypto() -> Arc<CryptoProvider> {
    Arc::new(provider::default_provider())
}

fn certified(key: &SigningKey) -> Arc<CertifiedKey> {
    let der = PrivatePkcs8KeyDer::from(key.pkcs8().to_vec());
    let signer = provider::sign::any_eddsa_type(&der).expect("our keys are Ed25519");
    let spki = [&SPKI_PREFIX[..], &key.public().0].concat();
    Arc::new(CertifiedKey::new(vec![spki.into()], signer))
}

/// Accepts any Ed25519 key that the peer proves to hold: what the key may do, signed statements say, and that
/// nobody stands in between, the session code proves.
#[derive(Debug)]
struct AnyKey(Arc<CryptoProvider>);

impl AnyKey {
    fn check(&self, spki: &[u8]) -> Result<(), Error> {
        match spki.strip_prefix(&SPKI_PREFIX) {
            Some(key) if key.len() == 32 => Ok(()),
            _ => Err(Error::General("the key is not Ed25519".into())),
        }
    }

    fn verify(
        &self,
        message: &[u8],
        spki: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature_with_raw_key(
            message,
            &SubjectPublicKeyInfoDer::from(spki.as_ref()),
            signature,
            &self.0.signature_verification_algorithms,
        )
    }
}

impl ServerCertVerifier for AnyKey {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(end_entity)
            .map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("only TLS 1.3 is spoken here".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for AnyKey {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(end_entity)
            .map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("only TLS 1.3 is spoken here".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
