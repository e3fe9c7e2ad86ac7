//! The certificates of one API server on loopback, and its key for service-account tokens.

use rcgen::KeyPair;

use crate::OrFail;
use crate::authority::Authority;

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
        let authority = Authority::make("kubeopt tests");
        let names = ["127.0.0.1", "localhost", "kubernetes", "kubernetes.default.svc"];
        let serving = authority.server("kube-apiserver", &names);
        let account_key = KeyPair::generate().or_fail("make a key");
        Self {
            authority: authority.pem(),
            serving: serving.certificate,
            serving_key: serving.key,
            account_public_key: account_key.public_key_pem(),
            account_key: account_key.serialize_pem(),
        }
    }
}
