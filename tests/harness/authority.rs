//! A certificate authority on loopback: certificates for servers, and for clients that a name says who they are.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

use crate::OrFail;

/// What signs certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its private key, in PEM.
pub struct Signed {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl Authority {
    /// A new authority of this name; nothing that another one signed is valid under it.
    pub fn make(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).or_fail("describe an authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().or_fail("make a key");
        Self(CertifiedIssuer::self_signed(params, key).or_fail("sign an authority"))
    }

    /// What others must trust, in PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate of a server that is reached by these names or addresses.
    pub fn server(&self, name: &str, reached_by: &[&str]) -> Signed {
        let names: Vec<String> = reached_by.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).or_fail("describe a serving certificate");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(params, name)
    }

    /// A certificate of a client of this common name.
    pub fn client(&self, name: &str) -> Signed {
        let mut params = CertificateParams::new(Vec::new()).or_fail("describe a client's certificate");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params, name)
    }

    fn sign(&self, mut params: CertificateParams, name: &str) -> Signed {
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().or_fail("make a key");
        let certificate = params.signed_by(&key, &self.0).or_fail("sign a certificate");
        Signed { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}
