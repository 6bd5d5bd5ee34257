//! The relay's outer certificate: self-signed, because programs pin its key and ask no authority.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use sightline_protocol::id::Digest;

use crate::tls;

/// Why a certificate cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    #[error("the certificate cannot be read: {0}")]
    Certificate(String),
    #[error("the private key cannot be read: {0}")]
    Key(String),
    #[error("the certificate cannot be made: {0}")]
    Make(String),
}

/// A certificate with its private key. Has no `Debug`: it holds a secret.
pub struct Certificate {
    der: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    pin: Digest,
}

impl Certificate {
    /// Makes a new one; returns certificate and private key as PEM texts.
    pub fn generate(name: &str) -> Result<(String, String), CertificateError> {
        let failed = |error: rcgen::Error| CertificateError::Make(error.to_string());
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).map_err(failed)?;
        let params = rcgen::CertificateParams::new([name.to_owned()]).map_err(failed)?;
        let certificate = params.self_signed(&pair).map_err(failed)?;
        Ok((certificate.pem(), pair.serialize_pem()))
    }

    /// Reads the first certificate and the first private key of two PEM texts.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Certificate, CertificateError> {
        let der = CertificateDer::from_pem_slice(certificate)
            .map_err(|error| CertificateError::Certificate(error.to_string()))?;
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| CertificateError::Key(error.to_string()))?;
        let pin =
            tls::pin_of(&der).map_err(|error| CertificateError::Certificate(error.to_string()))?;
        Ok(Certificate { der, key, pin })
    }

    /// What programs pin: SHA-256 of the certificate's SubjectPublicKeyInfo.
    pub fn pin(&self) -> Digest {
        self.pin
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        self.der.clone()
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key()
    }
}
