//! What capacity costs.
//!
//! Price sheets with where and when each number is from; what requested capacity costs (the number of a chargeback), and
//! what can leave the bill (whole nodes). Pure: values in, values out, `now` is given. Two numbers, never one; unknown is
//! unknown, never 0. docs/costs.md tells how each number is made.

pub mod codes;
mod family;
pub mod find;
pub mod price;
pub mod sheet;

pub use codes::CODES;
pub use find::{Basis, Machine, Priced, UnknownPrice, list_price};
pub use price::{Discount, UnitPrices, UsdPerCoreHour, UsdPerGibHour, UsdPerHour, UsdPerMonth};
pub use sheet::{Manifest, Market, Provider, SheetFacts, Sheets};
