//! What is unusual, as the stages after *find* are given it.

use std::collections::BTreeMap;

use kubeopt_findings::{Settled, Turn};
use kubeopt_model::finding::Kind;
use kubeopt_model::policy::NotificationPolicy;
use kubeopt_model::{ContainerId, Finding};

/// Something to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct News {
    /// What happened to it.
    pub turn: Turn,
    /// The finding.
    pub finding: Finding,
    /// Who is told, by the policy of its workload.
    pub notifications: NotificationPolicy,
}

/// What is unusual.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// What is open, silenced ones among them, the most urgent first.
    pub open: Vec<Finding>,
    /// What people are to be told.
    pub news: Vec<News>,
    /// What is not as the journal has it.
    pub(crate) changed: Vec<Finding>,
    leaks: BTreeMap<ContainerId, usize>,
}

impl Findings {
    pub(super) fn of(settled: Settled, notifications: impl Fn(&Finding) -> NotificationPolicy) -> Self {
        let Settled { open, news, changed } = settled;
        let leaks = open.iter().enumerate();
        let leaks = leaks.filter(|(_, one)| one.kind() == Kind::Leak && one.counts());
        let leaks = leaks.map(|(place, one)| (one.container.clone(), place)).collect();
        let news = news.into_iter().map(|(turn, finding)| News {
            turn,
            notifications: notifications(&finding),
            finding,
        });
        Self { news: news.collect(), leaks, changed, open }
    }

    /// The leak of a container that is open and not silenced.
    pub fn leak_of(&self, container: &ContainerId) -> Option<&Finding> {
        self.leaks.get(container).and_then(|place| self.open.get(*place))
    }

    /// What people were told of and is not over, and every leak, since it keeps memory from being raised; the most urgent
    /// first.
    pub fn told(&self) -> impl Iterator<Item = &Finding> {
        let is_told = |one: &&Finding| one.told.is_some() || one.kind() == Kind::Leak;
        self.open.iter().filter(|one| one.counts()).filter(is_told)
    }
}
