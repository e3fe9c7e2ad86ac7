//! What people's wishes come to at a moment: what is ignored, set, held and paused in one repository.

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_model::outcome::Lesson;
use kubeopt_model::selection::Selection;
use kubeopt_model::{Amount, ContainerId, Field};

use crate::wish::{Carried, Wish};

/// How long a value that a person set stands against what sizing says: as long as a closed pull request is remembered.
const GIVEN_S: i64 = 60 * 86_400;

/// Something that is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    /// What.
    pub selection: Selection,
    /// Until when, in seconds since the epoch; for ever where none.
    pub until_unix_s: Option<i64>,
    /// Why; hostile text.
    pub because: Option<String>,
    /// Who said so.
    pub by: String,
    /// On which pull request.
    pub pull_request: u64,
}

/// A value that a person set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Exactly one container.
    pub selection: Selection,
    /// The field.
    pub field: Field,
    /// The value.
    pub value: Amount,
    /// Who said so.
    pub by: String,
    /// On which pull request.
    pub pull_request: u64,
}

/// Why nothing new is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paused {
    /// Until when, in seconds since the epoch; until it is taken back where none.
    pub until_unix_s: Option<i64>,
    /// Why; hostile text.
    pub because: Option<String>,
    /// Who said so.
    pub by: String,
    /// On which pull request.
    pub pull_request: u64,
}

/// What stands in one repository at a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// What is left alone.
    pub ignored: Vec<Ignored>,
    /// What was set by hand; the last word on each field of each container.
    pub given: Vec<Given>,
    /// Pull requests that are not touched, and who said so.
    pub held: BTreeMap<u64, String>,
    /// Whether nothing new is opened.
    pub paused: Option<Paused>,
    /// Pull requests whose groups are split.
    pub split: BTreeSet<u64>,
    /// Who approved which proposal of which pull request.
    pub approved: BTreeMap<(u64, String), BTreeSet<String>>,
    /// Merged pull requests that are to be taken back: who said so, and why.
    pub rolled_back: BTreeMap<u64, (String, Option<String>)>,
    /// Merged pull requests that did harm and are to be taken back, and what was seen.
    pub harmed: BTreeMap<u64, String>,
    /// What harm taught.
    pub lessons: Vec<Lesson>,
    /// When ignoring was taken back, in seconds since the epoch, of what: closed pull requests of before are forgotten.
    pub unignored: Vec<(Selection, i64)>,
}

impl Standing {
    /// What stands at `now_unix_s` of all that was carried out, in the order in which it was said.
    pub fn at(now_unix_s: i64, carried: &[Carried]) -> Self {
        let mut in_order: Vec<&Carried> = carried.iter().collect();
        in_order.sort_by_key(|one| one.at_unix_s);
        let mut standing = Self::default();
        for one in in_order {
            for wish in &one.wishes {
                standing.take(one, wish, now_unix_s);
            }
        }
        let is_over = |until: Option<i64>| until.is_some_and(|until| until <= now_unix_s);
        standing.ignored.retain(|ignored| !is_over(ignored.until_unix_s));
        standing.paused = standing.paused.filter(|paused| !is_over(paused.until_unix_s));
        standing
    }

    fn take(&mut self, said: &Carried, wish: &Wish, now_unix_s: i64) {
        let (by, pull_request) = (said.by.clone(), said.pull_request);
        match wish.clone() {
            Wish::Ignore { selection, until_unix_s, because } => {
                self.ignored.retain(|earlier| earlier.selection != selection);
                self.ignored.push(Ignored { selection, until_unix_s, because, by, pull_request });
            }
            Wish::Unignore { selection } => {
                self.ignored.retain(|earlier| !selection.is_wide() && earlier.selection != selection);
                self.unignored.push((selection, said.at_unix_s));
            }
            Wish::Set { selection, values } => {
                if said.at_unix_s + GIVEN_S <= now_unix_s {
                    return;
                }
                for (field, value) in values {
                    self.given.retain(|it| (&it.selection, it.field) != (&selection, field));
                    let (selection, by) = (selection.clone(), by.clone());
                    self.given.push(Given { selection, field, value, by, pull_request });
                }
            }
            Wish::Forget => self.given.retain(|given| given.pull_request != pull_request),
            Wish::Hold => {
                self.held.insert(pull_request, by);
            }
            Wish::Unhold => {
                self.held.remove(&pull_request);
            }
            Wish::Split => {
                self.split.insert(pull_request);
            }
            Wish::Approve { proposal } => {
                self.approved.entry((pull_request, proposal)).or_default().insert(by);
            }
            Wish::Pause { until_unix_s, because } => {
                self.paused = Some(Paused { until_unix_s, because, by, pull_request });
            }
            Wish::Resume => self.paused = None,
            Wish::Harm { why, lessons, takes_back } => {
                if takes_back {
                    self.harmed.entry(pull_request).or_insert(why);
                }
                self.lessons.extend(lessons);
            }
            Wish::Rollback { because } => {
                self.rolled_back.entry(pull_request).or_insert((by, because));
            }
        }
    }

    /// Who wants this container left alone, if somebody does.
    pub fn ignores(&self, container: &ContainerId) -> Option<&Ignored> {
        self.ignored.iter().find(|ignored| ignored.selection.means_live(container))
    }

    /// The values that were set for a container.
    pub fn given_to(&self, container: &ContainerId) -> impl Iterator<Item = &Given> {
        self.given.iter().filter(move |given| given.selection.means_live(container))
    }

    /// Whether a person took ignoring back for this container since.
    pub fn is_unignored_since(&self, container: &ContainerId, unix_s: i64) -> bool {
        self.unignored.iter().any(|(selection, at)| *at >= unix_s && selection.means_live(container))
    }
}

#[cfg(test)]
mod tests {
    use kubeopt_model::{Bytes, ClusterName, ContainerName, MilliCores, Namespace, ObjectName};
    use kubeopt_model::{WorkloadId, WorkloadKind};

    use super::*;

    fn container(name: &str) -> ContainerId {
        ContainerId {
            workload: WorkloadId {
                cluster: ClusterName::new("prod").unwrap(),
                namespace: Namespace::new("pay").unwrap(),
                kind: WorkloadKind::Deployment,
                name: ObjectName::new(name).unwrap(),
            },
            container: ContainerName::new("main").unwrap(),
        }
    }

    fn said(pull_request: u64, at_unix_s: i64, wish: Wish) -> Carried {
        Carried { pull_request, by: "alice".to_owned(), at_unix_s, wishes: vec![wish] }
    }

    fn selection(text: &str) -> Selection {
        text.parse().unwrap()
    }

    fn ignore(text: &str, until_unix_s: Option<i64>) -> Wish {
        Wish::Ignore { selection: selection(text), until_unix_s, because: None }
    }

    fn set(text: &str, value: Amount) -> Wish {
        let field = if matches!(value, Amount::Cpu(_)) { Field::CPU_REQUEST } else { Field::MEMORY_REQUEST };
        Wish::Set { selection: selection(text), values: vec![(field, value)] }
    }

    #[test]
    fn what_was_said_last_stands_whatever_the_order_of_reading() {
        let (api, web) = (container("api"), container("web"));
        let all = [
            said(2, 30, Wish::Unignore { selection: selection("pay/deploy/api") }),
            said(1, 10, ignore("pay/deploy/api", None)),
            said(1, 20, ignore("pay/deploy/web", Some(100))),
        ];
        let ignores = |now, id: &ContainerId| Standing::at(now, &all).ignores(id).is_some();
        assert!(!ignores(50, &api) && ignores(50, &web));
        assert!(!ignores(100, &web), "its time is over");
        assert!(Standing::at(50, &all).is_unignored_since(&api, 30));
        assert!(!Standing::at(50, &all).is_unignored_since(&api, 31));
        let wide = [&all[..], &[said(3, 40, Wish::Unignore { selection: Selection::default() })]].concat();
        assert_eq!(Standing::at(50, &wide).ignored, []);
    }

    #[test]
    fn a_value_by_hand_stands_until_it_is_changed_forgotten_or_old() {
        let memory = |mebi| Amount::Memory(Bytes::mebi(mebi));
        let mut all = vec![
            said(1, 10, set("pay/deploy/api/main", memory(512))),
            said(2, 20, set("pay/deploy/api/main", memory(256))),
            said(1, 15, set("pay/deploy/api/main", Amount::Cpu(MilliCores(100)))),
        ];
        let given = |all: &[Carried], now| {
            let standing = Standing::at(now, all);
            standing.given_to(&container("api")).map(|it| it.value).collect::<Vec<_>>()
        };
        assert_eq!(given(&all, 50), [Amount::Cpu(MilliCores(100)), memory(256)]);
        assert_eq!(given(&all, 20 + GIVEN_S), []);
        all.push(said(2, 60, Wish::Forget));
        assert_eq!(given(&all, 70), [Amount::Cpu(MilliCores(100))]);
    }

    #[test]
    fn holding_and_pausing_are_taken_back() {
        let pause = Wish::Pause { until_unix_s: Some(90), because: None };
        let mut all = vec![said(1, 10, Wish::Hold), said(2, 10, Wish::Hold), said(2, 11, pause)];
        let standing = Standing::at(50, &all);
        assert_eq!(standing.held.keys().copied().collect::<Vec<_>>(), [1, 2]);
        assert!(standing.paused.is_some() && Standing::at(90, &all).paused.is_none());
        all.extend([said(1, 20, Wish::Unhold), said(1, 21, Wish::Resume)]);
        let standing = Standing::at(50, &all);
        assert_eq!((standing.held.keys().copied().collect::<Vec<_>>(), standing.paused), (vec![2], None));
    }

    #[test]
    fn approvals_are_counted_by_person_and_proposal() {
        let approve = |proposal: &str| Wish::Approve { proposal: proposal.to_owned() };
        let mut all = vec![said(1, 1, approve("a")), said(1, 2, approve("a")), said(1, 3, approve("b"))];
        all.push(Carried { by: "bob".to_owned(), ..said(1, 4, approve("a")) });
        let approved = Standing::at(9, &all).approved;
        assert_eq!(approved[&(1, "a".to_owned())].len(), 2);
        assert_eq!(approved[&(1, "b".to_owned())].len(), 1);
    }
}
