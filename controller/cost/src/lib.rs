//! What capacity costs.
//!
//! Price sheets with where and when each number is from; what requested capacity costs (the number of a chargeback), and
//! what can leave the bill (whole nodes). Pure: values in, values out, `now` is given. Two numbers, never one; unknown is
//! unknown, never 0. docs/costs.md tells how each number is made.

pub mod allocation;
pub mod bill;
pub mod capacity;
pub mod codes;
mod family;
pub mod find;
pub mod focus;
mod gpu;
pub mod nodes;
pub mod own;
pub mod packing;
mod places;
pub mod pod;
pub mod price;
pub mod price_file;
mod priced_cluster;
pub mod savings;
pub mod sheet;
mod terms;
pub mod words;

pub use allocation::{CostReport, CostRow, PricedCluster, UnknownCost, allocate, workload_prices};
pub use bill::{Bill, PoolBill, WhyNothing, bill};
pub use capacity::{MeanReplicas, capacity_cost};
pub use codes::CODES;
pub use find::{Basis, Machine, Priced, UnknownPrice, list_price};
pub use focus::{focus_csv, table_csv};
pub use nodes::{PoolId, PoolTerms, Terms, mean_prices, node_price};
pub use own::unseen_price;
pub use pod::{PodContainer, PodShare, pod_cost};
pub use price::{
    Discount, UnitPrices, UsdPerCoreHour, UsdPerGibHour, UsdPerGpuHour, UsdPerHour, UsdPerMonth,
};
pub use price_file::{PriceFile, PriceFileError};
pub use savings::{MergedRequest, SavingsReport, SavingsRow, Today, estimate_savings, requests_month};
pub use sheet::{Manifest, Market, Provider, SheetFacts, Sheets};
pub use words::{Aggregate, WordError, read_aggregates, read_since, read_window};
