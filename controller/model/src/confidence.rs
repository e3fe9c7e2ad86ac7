//! How sure a recommended value is: what the rule that gave it achieved on past days, as a bound with its n.
//!
//! A plain value. How it is computed is the business of `controller/recommend`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::quantity::Resource;

/// The lower bound of the share of days on which a value of the same rule holds, at a level of 95 %.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatedConfidence {
    /// The bound, 0 to 1.
    pub lower_bound: f64,
    /// Days that held.
    pub held_days: u32,
    /// Days that were judged; never 0.
    pub days: u32,
    /// How many similar workloads the days are of, its own among them; none where they are its own alone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pooled_workloads: Option<u32>,
    /// The resource that is the less sure one.
    pub resource: Resource,
}

impl StatedConfidence {
    /// The less sure of both.
    pub fn least(self, other: Self) -> Self {
        if other.lower_bound < self.lower_bound { other } else { self }
    }

    /// `0.93/41`, `0.94/430*` where the days are those of several workloads: for narrow tables.
    pub fn cell(&self) -> String {
        let mark = if self.pooled_workloads.is_some() { "*" } else { "" };
        format!("{:.2}/{}{mark}", self.lower_bound, self.days)
    }

    /// `0.93 (n=41)`, `0.94 (n=430 of 11 workloads)`
    pub fn with_n(&self) -> String {
        let whose = self.pooled_workloads.map_or(String::new(), |count| format!(" of {count} workloads"));
        format!("{:.2} (n={}{whose})", self.lower_bound, self.days)
    }
}

impl fmt::Display for StatedConfidence {
    /// `0.93, 41 of 41 days`, `0.94, 412 of 430 days of 11 similar workloads`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}, {} of {} days", self.lower_bound, self.held_days, self.days)?;
        match self.pooled_workloads {
            Some(count) => write!(f, " of {count} similar workloads"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_with_its_n_and_says_whose_days_they_are() {
        let own = StatedConfidence {
            lower_bound: 0.9295,
            held_days: 41,
            days: 41,
            pooled_workloads: None,
            resource: Resource::Cpu,
        };
        assert_eq!(own.to_string(), "0.93, 41 of 41 days");
        assert_eq!((own.cell(), own.with_n()), ("0.93/41".to_owned(), "0.93 (n=41)".to_owned()));
        let pooled = StatedConfidence {
            lower_bound: 0.9386,
            held_days: 412,
            days: 430,
            pooled_workloads: Some(11),
            ..own
        };
        assert_eq!(pooled.to_string(), "0.94, 412 of 430 days of 11 similar workloads");
        assert_eq!(pooled.cell(), "0.94/430*");
        assert_eq!(pooled.with_n(), "0.94 (n=430 of 11 workloads)");
        assert_eq!(own.least(pooled), own);
        assert_eq!(pooled.least(own), own);
    }
}
