//! One cluster as costs see it.

use std::collections::BTreeMap;

use kubeopt_model::cluster::ClusterFacts;
use kubeopt_model::{ContainerId, ContainerUsage, Prices};

use crate::find::{Priced, UnknownPrice};

/// One cluster with what its costs are made of.
#[derive(Debug, Clone, Copy)]
pub struct PricedCluster<'a> {
    /// What it shows.
    pub facts: &'a ClusterFacts,
    /// Prices by the name of the node.
    pub prices: &'a BTreeMap<String, Result<Priced, UnknownPrice>>,
    /// Usage over the window.
    pub usage: &'a BTreeMap<ContainerId, ContainerUsage>,
    /// For a cluster none of whose nodes can be seen; none leaves its workloads unpriced.
    pub fallback: Option<&'a Prices>,
}
