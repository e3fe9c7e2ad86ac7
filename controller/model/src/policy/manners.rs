//! Manners: what goes into one pull request, when it is opened, who is asked, what its commit carries. Knows no forge.

use serde::{Deserialize, Serialize};

/// When new pull requests are opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Five-field cron expressions; a minute that one of them names is open. Without any, every minute is.
    pub crons: Vec<String>,
    /// IANA time zone of the expressions.
    pub timezone: String,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { crons: Vec::new(), timezone: "UTC".to_owned() }
    }
}

/// What goes into one pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupBy {
    /// One per entry point.
    Source,
    /// One per namespace.
    Namespace,
    /// One per team that owns the edited files; by entry point where no team does.
    Team,
    /// One per repository and base.
    Single,
}

/// What is made of the repository's CODEOWNERS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CodeOwners {
    /// Owners of the edited files are asked for a review.
    Reviewers,
    /// Nothing: the forge asks them itself, or nobody does.
    None,
}

/// How titles are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TitleStyle {
    /// As most of the last commits of the base are.
    Auto,
    /// `chore(rightsizing): ...`
    Conventional,
    /// `Rightsize ...`
    Plain,
}

impl TitleStyle {
    /// Whether titles are conventional, where `others` says whether most commits of the base are.
    pub fn is_conventional(self, others: bool) -> bool {
        match self {
            Self::Auto => others,
            Self::Conventional => true,
            Self::Plain => false,
        }
    }
}

/// Manners.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequestPolicy {
    /// What goes into one pull request.
    pub group_by: GroupBy,
    /// Most open at a time in one repository.
    pub max_open: u32,
    /// Most new ones an hour in one repository.
    pub per_hour: u32,
    /// When new ones are opened: a minute in which all of these are open.
    pub schedules: Vec<Schedule>,
    /// Labels to set when it is opened.
    pub labels: Vec<String>,
    /// Who is asked for a review when it is opened: users, or teams as `organisation/team`.
    pub reviewers: Vec<String>,
    /// Who is assigned when it is opened: users.
    pub assignees: Vec<String>,
    /// What is made of CODEOWNERS.
    pub codeowners: CodeOwners,
    /// It is opened as a draft.
    pub draft: bool,
    /// How its title is written.
    pub titles: TitleStyle,
    /// A repository without a policy file gets a pull request that adds one, and nothing else before that is merged.
    pub onboarding: bool,
    /// The repository gets an issue that lists what is open, waiting and ignored.
    pub dashboard: bool,
    /// A closed pull request is forgotten when the numbers moved by this ratio times 100.
    pub reopen_moved_percent: u32,
    /// A closed pull request is forgotten after this many days.
    pub reopen_days: u32,
}

impl Default for PullRequestPolicy {
    fn default() -> Self {
        Self {
            group_by: GroupBy::Source,
            max_open: 5,
            per_hour: 2,
            schedules: Vec::new(),
            labels: vec!["kubeopt".to_owned()],
            reviewers: Vec::new(),
            assignees: Vec::new(),
            codeowners: CodeOwners::None,
            draft: false,
            titles: TitleStyle::Auto,
            onboarding: true,
            dashboard: true,
            reopen_moved_percent: 25,
            reopen_days: 60,
        }
    }
}

impl PullRequestPolicy {
    /// What suits both: the lower limits, the longer memory, the schedules, reviewers and assignees of both, a draft if one
    /// wants it. The rest is of `self`.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.max_open = self.max_open.min(other.max_open);
        self.per_hour = self.per_hour.min(other.per_hour);
        self.reopen_moved_percent = self.reopen_moved_percent.max(other.reopen_moved_percent);
        self.reopen_days = self.reopen_days.max(other.reopen_days);
        self.draft |= other.draft;
        add(&mut self.schedules, &other.schedules);
        add(&mut self.reviewers, &other.reviewers);
        add(&mut self.assignees, &other.assignees);
        if other.codeowners == CodeOwners::Reviewers {
            self.codeowners = CodeOwners::Reviewers;
        }
        self
    }
}

/// What every commit carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitPolicy {
    /// A `Signed-off-by` trailer, as the Developer Certificate of Origin wants it.
    pub signoff: bool,
    /// A signature that the forge verifies; where it cannot be made, nothing is committed.
    pub signed: bool,
}

impl CommitPolicy {
    /// What both ask for.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { signoff: self.signoff || other.signoff, signed: self.signed || other.signed }
    }
}

/// Adds what is not there yet, in its order.
pub(super) fn add<T: Clone + PartialEq>(to: &mut Vec<T>, more: &[T]) {
    for each in more {
        if !to.contains(each) {
            to.push(each.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_follow_the_others_unless_the_policy_says_how() {
        let is = |style: TitleStyle| [true, false].map(|others| style.is_conventional(others));
        assert_eq!(is(TitleStyle::Auto), [true, false]);
        assert_eq!((is(TitleStyle::Conventional), is(TitleStyle::Plain)), ([true; 2], [false; 2]));
    }

    #[test]
    fn of_two_manners_the_calmer_limits_count_and_everybody_is_asked() {
        let one = PullRequestPolicy { max_open: 3, reviewers: vec!["ann".to_owned()], ..Default::default() };
        let other = PullRequestPolicy {
            per_hour: 1,
            reviewers: vec!["bob".to_owned(), "ann".to_owned()],
            draft: true,
            codeowners: CodeOwners::Reviewers,
            ..Default::default()
        };
        let both = one.and(&other);
        assert_eq!((both.max_open, both.per_hour, both.draft), (3, 1, true));
        assert_eq!(
            (both.reviewers, both.codeowners),
            (vec!["ann".into(), "bob".into()], CodeOwners::Reviewers)
        );
        let signed = CommitPolicy { signed: true, signoff: false };
        let both = CommitPolicy { signoff: true, signed: false }.and(signed);
        assert_eq!(both, CommitPolicy { signoff: true, signed: true });
    }
}
