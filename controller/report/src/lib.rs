//! Words and pictures: title, body, comments and pages from templates.
//!
//! Pure: the same values give the same text. Everything that others wrote (names, paths, sentences about them) is
//! escaped for the place where it is shown. Must not know forges, clusters, files or clocks.

pub mod ahead;
pub mod bill;
pub mod chart;
pub mod codes;
pub mod comment;
pub mod dashboard;
pub mod diff;
pub mod error;
pub mod escape;
pub mod figures;
pub mod marker;
pub mod nodes;
pub mod onboarding;
pub mod outcome;
pub mod page;
pub mod plan;
pub mod pull_request;
pub mod reply;
pub mod scan;
pub mod scan_text;
pub mod svg;
pub mod templates;
pub mod title;

mod body;
mod by_hour;
mod cost;
mod details;
mod markdown;
mod page_files;
mod pull_request_input;

pub use bill::bill_line;
pub use chart::{PeakBand, UsageChart};
pub use comment::{Comment, comment_text};
pub use dashboard::{
    DASHBOARD_TITLE, DashboardInput, DashboardLine, Tick, dashboard_text, is_dashboard_of, is_same_text,
    ticked,
};
pub use details::MODEL_CREDIT;
pub use diff::{FileDiff, diff_files, unified_diff};
pub use error::ReportError;
pub use marker::marker;
pub use onboarding::{OnboardingInput, onboarding_text};
pub use outcome::{outcome_text, saving_text};
pub use page::{IndexPage, PullRequestPage, index_page, problem_page, pull_request_page};
pub use plan::{PlanInput, plan_text};
pub use pull_request::{Described, PullRequestInput, describe};
pub use reply::{Answer, explained, reply_text};
pub use scan::{ScanReport, ScanRow};
pub use scan_text::{ScanFormat, render_scan};
pub use svg::{SvgPlace, usage_svg};
pub use templates::Templates;
pub use title::uses_conventional_commits;
