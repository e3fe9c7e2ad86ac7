//! The strategies of other projects against those projects' own programs, on 100 generated series each.
//!
//! VPA's against its recommender, which reads the series out of a real Prometheus and writes its targets into the API
//! server; KRR's against its published formulas, evaluated with numpy.

mod krr;
mod series;
mod vpa;
