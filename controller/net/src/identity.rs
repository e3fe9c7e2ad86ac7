//! Who kubeopt is for the managed services of clouds: credentials that are asked for, kept until shortly before they end,
//! and shown nowhere.
//!
//! Each cloud is looked up in the order that its own tools have, so that what works for them works here. Nothing is asked
//! before the first request that needs it. The services behind it have fixed addresses, or ones that the environment or the
//! configuration names; no answer of the server that is signed in to can change them.

mod asked;
mod aws;
mod aws_credentials;
mod aws_headers;
mod aws_profile;
mod aws_search;
mod aws_sts;
mod azure;
mod environment;
mod google;
mod held;
mod sigv4;

pub use aws::AwsIdentity;
pub use azure::{AzureClient, AzureIdentity};
pub use environment::Environment;
pub use google::GoogleIdentity;
pub(crate) use sigv4::Outgoing;
