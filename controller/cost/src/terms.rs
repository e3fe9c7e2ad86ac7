//! What the operator said of prices.

use std::collections::BTreeMap;

use crate::price::{Discount, UnitPrices};
use crate::price_file::PriceFile;
use crate::sheet::Provider;

/// What the operator said of one pool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PoolTerms {
    /// Taken off the on-demand price; for spot machines too.
    pub discount: Option<Discount>,
    /// Whether nodes that are not needed go away; none is found out.
    pub autoscaled: Option<bool>,
}

/// What the operator said of prices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// Own prices of machines, which go before all others.
    pub file: PriceFile,
    /// Own prices of a core and a GiB, which are used for every other node.
    pub own: Option<UnitPrices>,
    /// The day that own prices are of, ISO 8601.
    pub date: Option<String>,
    /// Whose machines, where the node does not tell.
    pub provider: Option<Provider>,
    /// Where, where the node does not tell.
    pub region: Option<String>,
    /// Taken off the price of every on-demand machine.
    pub discount: Discount,
    /// By the name of the pool.
    pub pools: BTreeMap<String, PoolTerms>,
}
