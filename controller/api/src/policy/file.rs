//! One policy file as a layer: its own keys, the preset that it extends, its overrides. Knows no other layer.

use kubeopt_model::{Problem, RepoPath};

use crate::policy::document::{Blackout, Changes, Override, Sizing};
use crate::policy::finding_words::Findings;
use crate::policy::life_cycle::{Approval, AutoMerge, Commits, Notifications, PullRequests, Rollout, Watch};
use crate::policy::selector::{EnvironmentOf, Selectors};
use crate::text::At;

/// The name of a repository's policy files.
pub const POLICY_FILE_NAME: &str = ".kubeopt.yaml";

/// The values that a layer, a preset or an override can set.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Rules {
    pub(crate) enabled: Option<At<bool>>,
    pub(crate) sizing: Option<At<Sizing>>,
    pub(crate) changes: Option<At<Changes>>,
    pub(crate) blackouts: Option<At<Vec<At<Blackout>>>>,
    pub(crate) pull_requests: Option<At<PullRequests>>,
    pub(crate) commits: Option<At<Commits>>,
    pub(crate) approval: Option<At<Approval>>,
    pub(crate) auto_merge: Option<At<AutoMerge>>,
    pub(crate) rollout: Option<At<Rollout>>,
    pub(crate) watch: Option<At<Watch>>,
    pub(crate) notifications: Option<At<Notifications>>,
    pub(crate) findings: Option<At<Findings>>,
    pub(crate) reasoning: Option<At<bool>>,
}

/// The file that holds the operator's layer under `policy:`, and the name under which that layer is shown.
pub const OPERATOR_LAYER: &str = "kubeopt.yaml";

/// Whose word a layer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// It may set everything, and says what repositories may set.
    Operator,
    /// It sets what it is allowed to.
    Repository,
}

/// A policy file that was read and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyFile {
    /// The folder that it speaks of.
    pub(crate) folder: RepoPath,
    /// The preset: its name as written, the line of `extends`, its values.
    pub(crate) preset: Option<(At<String>, Rules)>,
    pub(crate) rules: Rules,
    pub(crate) selectors: Option<At<Selectors>>,
    pub(crate) exclude: Option<At<Selectors>>,
    pub(crate) overrides: Vec<At<Override>>,
    pub(crate) allowed_overrides: Option<At<Vec<String>>>,
    pub(crate) environments: Vec<At<EnvironmentOf>>,
    /// Whose file it is.
    pub(super) owner: Owner,
    /// It is an object of the cluster: it has no lines that somebody counts, and its selectors say what it speaks of.
    pub(super) is_object: bool,
    pub(super) warnings: Vec<Problem>,
}

impl PolicyFile {
    /// Keys that are known but have no effect in this version.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// The same as an object of the cluster.
    pub(crate) fn into_object(self, warnings: Vec<Problem>) -> Self {
        Self { is_object: true, warnings, ..self }
    }

    /// An operator's object that lets nothing be proposed in what it selects.
    pub(crate) fn forbidding(selectors: Option<At<Selectors>>) -> Self {
        let enabled = Some(At { value: false, line: 1 });
        Self {
            folder: RepoPath::root(),
            preset: None,
            rules: Rules { enabled, ..Rules::default() },
            selectors,
            exclude: None,
            overrides: Vec::new(),
            allowed_overrides: None,
            environments: Vec::new(),
            owner: Owner::Operator,
            is_object: true,
            warnings: Vec::new(),
        }
    }

    /// It is an object of the cluster.
    pub(crate) fn is_object(&self) -> bool {
        self.is_object
    }

    /// The operator wrote it.
    pub(crate) fn is_operators(&self) -> bool {
        self.owner == Owner::Operator
    }
}

/// Where policy files may stand that speak of a path: the root first, the nearest folder last.
pub fn policy_paths(path: &RepoPath) -> Vec<RepoPath> {
    let mut folders = Vec::new();
    let mut folder = path.parent();
    while let Some(current) = folder {
        folder = current.parent();
        folders.push(current);
    }
    folders.iter().rev().filter_map(|folder| folder.join(POLICY_FILE_NAME).ok()).collect()
}
