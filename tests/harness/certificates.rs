//! A certificate authority for one API server on loopback, and its key for service-account tokens.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};

use crate::OrFail;

/// Everything in PEM.
pub(crate) struct Certificates {
    /// The authority that signed `serving`: clients trust it.
    pub(crate) authority: String,
    /// The serving certificate for 127.0.0.1.
    pub(crate) serving: String,
    /// The private key of `serving`.
    pub(crate) serving_key: String,
    /// The private key that signs service-account tokens.
    pub(crate) account_key: String,
    /// The public half of `account_key`.
    pub(crate) account_public_key: String,
}

impl Certificates {
    pub(crate) fn make() -> Self {
        let mut params = CertificateParams::new(Vec::new()).or_fail("describe an authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        params.distinguished_name.push(rcgen::DnType::CommonName, "kubeopt tests");
        let authority_key = KeyPair::generate().or_fail("make a key");
        let authority = CertifiedIssuer::self_signed(params, authority_key).or_fail("sign an authority");

        let names = ["127.0.0.1", "localhost", "kubernetes", "kubernetes.default.svc"].map(str::to_owned);
        let mut params = CertificateParams::new(names).or_fail("describe a serving certificate");
        params.distinguished_name.push(rcgen::DnType::CommonName, "kube-apiserver");
        let serving_key = KeyPair::generate().or_fail("make a key");
        let serving = params.signed_by(&serving_key, &authority).or_fail("sign a serving certificate");

        let account_key = KeyPair::generate().or_fail("make a key");
        Self {
            authority: authority.pem(),
            serving: serving.pem(),
            serving_key: serving_key.serialize_pem(),
            account_public_key: account_key.public_key_pem(),
            account_key: account_key.serialize_pem(),
        }
    }
}
