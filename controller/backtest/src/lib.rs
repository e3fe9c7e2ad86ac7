//! How sizing rules would have done on recorded usage: what they save, what exceeds them, how often they change.
//!
//! Pure: recorded usage comes in, figures, a table and a plot go out. Each week a rule sees only what lies before it, its
//! answer stands for seven days, and then the days are compared with it. Knows nothing of files, Prometheus or Git, and
//! nothing of how a rule comes to its answer.

pub mod anomaly;
pub mod codes;
mod contender;
mod days;
mod dominance;
mod figures;
mod picture;
mod plan;
mod plot;
mod png;
mod reliability;
mod reliability_plot;
mod replay;
mod report;
mod row;
mod run;
mod split;
mod svg;
mod table;
mod week;

pub use contender::{Contender, InvalidNames, Role, contenders};
pub use dominance::{AtEqualRisk, Dominance};
pub use figures::{Figure, Figures};
pub use picture::{Axis, Picture, Plane, Tone};
pub use plan::{Foretell, Plan};
pub use png::{PngError, png};
pub use reliability::{Bin, HEADERS_RELIABILITY, Reliability};
pub use report::Report;
pub use row::Row;
pub use run::run;
pub use split::Part;
pub use svg::svg;
pub use table::{HEADERS, HEADERS_AT_EQUAL_RISK, MARKDOWN_NOTE};
