//! What one rule did, as one row of the report.

use kubeopt_model::Resource;
use serde::Serialize;

use crate::contender::Role;
use crate::figures::Figures;

/// What one rule did.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// Its name.
    #[serde(rename = "name")]
    pub strategy: String,
    /// What it does.
    pub about: &'static str,
    /// What it is compared as.
    #[serde(skip)]
    pub role: Role,
    /// CPU.
    pub cpu: Figures,
    /// Memory.
    pub memory: Figures,
    /// Memory where each overrun kills, the rule is told, and what the kill asks for holds for two clean weeks.
    pub memory_with_kills: Figures,
}

impl Row {
    /// The figures of one resource, without kills.
    pub fn figures(&self, resource: Resource) -> &Figures {
        match resource {
            Resource::Cpu => &self.cpu,
            Resource::Memory => &self.memory,
        }
    }
}
