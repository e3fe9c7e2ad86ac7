//! Live cluster facts through pruned watches; writes only kubeopt's own objects.
//!
//! The way of an object: [`Watched`] says which kinds are looked at; each object of them is read at once into a small
//! value and the rest of it is let go; [`facts_from`] joins the small values of all kinds into
//! [`kubeopt_model::ClusterFacts`]. [`Cluster::list_once`] does this once, [`Watches`] keeps it up to date.
//!
//! What cannot be read does not stop the others: an object that breaks the rules is quarantined, a kind that may not be
//! listed is left out, and both are told in [`ClusterFacts::unseen`](kubeopt_model::ClusterFacts::unseen).
//!
//! Beside that the crate holds the election of the acting controller ([`Leadership`]), the question what kubeopt may do
//! ([`Cluster::review_rules`]) and what the API server tells of usage at this moment ([`Cluster::moment`]). It must not know
//! what is done with the facts: no history of usage, no prices, no repositories.
//! It has no code that writes a workload.

mod applied;
mod codes;
mod connect;
mod error;
mod facts;
mod kinds;
mod leadership;
mod lease;
mod list;
mod objects;
mod pod_metrics;
mod read;
mod rules;
mod seen;
mod tokens;
mod watches;
mod wire;

pub use codes::{ABSENT, CODES};
pub use connect::{Cluster, ClusterConnect};
pub use error::ClusterError;
pub use facts::facts_from;
pub use kinds::Watched;
pub use leadership::Leadership;
pub use lease::LeaseTiming;
pub use objects::Objects;
pub use rules::{ReviewedRules, Rule};
pub use tokens::{ReviewedToken, TokenBearer};
pub use watches::Watches;
