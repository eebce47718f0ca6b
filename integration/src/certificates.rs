use std::{
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
};

use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};

/// What servers under TLS show, and what their clients trust, as PEM files.
#[derive(Debug)]
pub struct Certificates {
    /// The servers' key with its certificate.
    pub keystore: PathBuf,
    /// The authority that signed it.
    pub authority: PathBuf,
}

impl Certificates {
    /// One certificate for all `addresses`, signed by an authority made for it; in place of those that are in the folder.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn make(folder: &Path, addresses: impl IntoIterator<Item = IpAddr>) -> anyhow::Result<Self> {
        let (issuer, authority) = authority()?;

        let key = KeyPair::generate()?;
        let names: Vec<_> = addresses.into_iter().map(|address| address.to_string()).collect();
        let certificate = CertificateParams::new(names)?.signed_by(&key, &issuer)?;

        let made = Self { keystore: folder.join("keystore.pem"), authority: folder.join("authority.pem") };
        fs::write(&made.keystore, key.serialize_pem() + &certificate.pem())?;
        fs::write(&made.authority, authority.pem())?;
        Ok(made)
    }
}

/// An authority, and the certificate that it shows.
pub(crate) fn authority() -> anyhow::Result<(Issuer<'static, KeyPair>, Certificate)> {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate()?;
    let certificate = authority.self_signed(&key)?;
    Ok((Issuer::new(authority, key), certificate))
}
