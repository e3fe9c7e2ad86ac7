//! The first contact with a repository: one pull request that adds a policy file. Merging it switches kubeopt on there,
//! closing it switches kubeopt off; nothing else is opened before.

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_api::policy::POLICY_FILE_NAME;
use kubeopt_api::{Subject, effective_policy};
use kubeopt_forge::{PullRequest, PullRequestState};
use kubeopt_history::OutboxStep;
use kubeopt_model::policy::EffectivePolicy;
use kubeopt_model::pull_request::{Marker, ONBOARDING, PullRequestDraft, branch_name};
use kubeopt_model::{Change, EditedFile, Problem, RepoPath, RepositoryId, Source, Timestamp, WorkloadId};
use kubeopt_policy::FIRST_POLICY;
use kubeopt_report::{OnboardingInput, onboarding_text, uses_conventional_commits};
use sha2::{Digest as _, Sha256};

use super::manners::CLOSED_BY_KUBEOPT;
use super::published::Published;
use crate::codes;
use crate::edges::Edges;
use crate::located::Sites;
use crate::orders::Redo;
use crate::policy_files::PolicyFiles;
use crate::proposing::Decided;
use crate::seen::Seen;
use crate::tracing::RepositoryTrace;

/// What proposals wait for, by repository and branch.
pub(crate) type Waiting = BTreeMap<(RepositoryId, String), Problem>;

/// What became of first contacts.
#[derive(Debug, Default)]
pub(crate) struct Onboarding {
    /// Proposals that wait for a first contact.
    pub(crate) waiting: Waiting,
    /// Pull requests that were opened.
    pub(crate) published: Vec<(PullRequestDraft, Published)>,
    /// Repositories of which a part has not said yes.
    pub(crate) strangers: BTreeSet<RepositoryId>,
    /// What failed.
    pub(crate) problems: Vec<Problem>,
}

impl Onboarding {
    /// Nothing of a repository and base is opened.
    fn wait(&mut self, (repository, base): &(RepositoryId, String), decided: &Decided, why: &Problem) {
        self.strangers.insert(repository.clone());
        let drafts = decided.proposals.iter().map(|proposal| &proposal.draft);
        let own = drafts.filter(|draft| &draft.repository == repository && &draft.base == base);
        self.waiting.extend(own.map(|draft| ((repository.clone(), draft.branch.clone()), why.clone())));
    }
}

/// What a first contact is made of.
#[derive(Clone, Copy)]
struct Contact<'a> {
    trace: &'a RepositoryTrace,
    seen: &'a Seen,
    sites: &'a Sites,
    decided: &'a Decided,
    now: Timestamp,
}

impl Edges {
    /// Sees to first contacts, repository by repository. `pulls` are kubeopt's of a repository, all states.
    pub(crate) async fn onboard(
        &self,
        pulls: &BTreeMap<RepositoryId, Vec<PullRequest>>,
        seen: &Seen,
        sites: &Sites,
        decided: &Decided,
        now: Timestamp,
    ) -> Onboarding {
        let mut onboarding = Onboarding::default();
        let mut looked_at = BTreeSet::new();
        for trace in sites.traces.values().flatten() {
            let snapshot = &trace.snapshot;
            let key = (snapshot.repository.clone(), snapshot.branch.clone());
            // A repository whose pull requests could not be listed is not known to be a new one.
            let Some(own) = pulls.get(&snapshot.repository) else { continue };
            let is_known = snapshot.paths().any(|path| path.file_name() == POLICY_FILE_NAME);
            if is_known || !looked_at.insert(key.clone()) {
                continue;
            }
            let contact = Contact { trace, seen, sites, decided, now };
            match self.onboard_one(&contact, own).await {
                Ok(None) => {}
                Ok(Some((waits, opened))) => {
                    onboarding.wait(&key, decided, &waits);
                    onboarding.published.extend(opened);
                }
                Err(problem) => {
                    onboarding.wait(&key, decided, &problem);
                    onboarding.problems.push(problem);
                }
            }
        }
        onboarding
    }

    /// What a repository waits for, and what was opened; none where kubeopt is on.
    async fn onboard_one(
        &self,
        contact: &Contact<'_>,
        pulls: &[PullRequest],
    ) -> Result<Option<(Problem, Option<(PullRequestDraft, Published)>)>, Problem> {
        let base = &contact.trace.snapshot.branch;
        let of_base = |pull: &&PullRequest| &pull.base == base;
        let is_first = |pull: &PullRequest| Marker::find(&pull.body).is_some_and(|it| it.group == ONBOARDING);
        let (first, others): (Vec<&PullRequest>, Vec<&PullRequest>) =
            pulls.iter().filter(of_base).partition(|pull| is_first(pull));
        if let Some(standing) = first.last() {
            match standing.state {
                PullRequestState::Open => return Ok(Some((waits_for(standing), None))),
                PullRequestState::Merged => return Ok(None),
                PullRequestState::Closed if !standing.body.trim_end().ends_with(CLOSED_BY_KUBEOPT) => {
                    return Ok(Some((switched_off(standing), None)));
                }
                PullRequestState::Closed => {}
            }
        }
        // Where it has opened others before, it is no stranger.
        let own = own_workloads(contact);
        let Some((policy, _)) = self.policy_of_first(contact, &own).filter(|_| others.is_empty()) else {
            return Ok(None);
        };
        if !policy.enabled || !policy.pull_requests.onboarding {
            return Ok(None);
        }
        let draft = self.first_draft(contact, &policy, &own)?;
        let forge = self.forge(&draft.repository)?.forge.as_ref();
        let published = self.write(forge, &draft, None, Redo::Anew, contact.now).await?;
        self.note(&draft, OutboxStep::Announced, contact.now).await?;
        let waits = match &published {
            Published::Opened(pull) | Published::Updated(pull) | Published::Unchanged(pull) => {
                waits_for(pull)
            }
            Published::Waiting(problem) | Published::Failed(problem) => problem.clone(),
        };
        Ok(Some((waits, Some((draft, published)))))
    }

    /// The policy of a repository that says nothing itself, as it holds for the first of its workloads.
    fn policy_of_first<'a>(
        &self,
        contact: &Contact<'_>,
        own: &[(&'a WorkloadId, &'a Source)],
    ) -> Option<(EffectivePolicy, &'a WorkloadId)> {
        let (id, _) = own.first()?;
        let files = PolicyFiles::read(self.operator_policy.as_ref(), &contact.seen.policies, contact.sites);
        let snapshot = &contact.trace.snapshot;
        let root = RepoPath::root();
        let layers = files.layers(&id.cluster, &snapshot.repository, &snapshot.branch, &root).ok()?;
        let nothing = BTreeMap::new();
        let (kind, name) = (id.kind, &id.name);
        let subject = Subject { path: &root, namespace: &id.namespace, kind, name, labels: &nothing };
        Some((effective_policy(&layers, &subject), id))
    }

    fn first_draft(
        &self,
        contact: &Contact<'_>,
        policy: &EffectivePolicy,
        own: &[(&WorkloadId, &Source)],
    ) -> Result<PullRequestDraft, Problem> {
        let snapshot = &contact.trace.snapshot;
        let (repository, base) = (&snapshot.repository, &snapshot.branch);
        let cluster =
            &own.first().ok_or_else(|| crate::own_fault("a first contact without a workload"))?.0.cluster;
        let labels = policy.pull_requests.labels.clone();
        let marker = Marker {
            group: ONBOARDING.to_owned(),
            proposal: hex::encode(Sha256::digest(FIRST_POLICY))[..16].to_owned(),
            base: base.clone(),
            cluster: cluster.to_string(),
            fields: Vec::new(),
            labels: labels.clone(),
            not_rendered: false,
            requests: Vec::new(),
            targets: Vec::new(),
        };
        let conventional =
            policy.pull_requests.titles.is_conventional(uses_conventional_commits(&snapshot.subjects));
        let input = first_input(contact, policy, own, &marker);
        let text = onboarding_text(&self.templates, conventional, &input);
        let (title, body) = text.map_err(|error| error.problem())?;
        let path =
            RepoPath::new(POLICY_FILE_NAME).map_err(|_| crate::own_fault("the policy file has no path"))?;
        let content = Change { before: Vec::new(), after: FIRST_POLICY.as_bytes().to_vec() };
        let host = &self.forge(repository)?.host;
        Ok(PullRequestDraft {
            repository: repository.clone(),
            base: base.clone(),
            base_oid: snapshot.commit.clone(),
            branch: branch_name(host, repository, base, ONBOARDING),
            commit_message: format!("{title}\n\nMerging this switches kubeopt on in this repository.\n"),
            title,
            is_draft: false,
            body,
            files: vec![EditedFile { path, content }],
            opens_as_draft: false,
            commits: policy.commits,
            labels,
            marker,
        })
    }
}

/// The workloads that the repository describes, sorted.
fn own_workloads<'a>(contact: &Contact<'a>) -> Vec<(&'a WorkloadId, &'a Source)> {
    let repository = &contact.trace.snapshot.repository;
    let sources = contact.sites.sources.iter();
    let known = sources.filter_map(|(id, source)| Some((id, source.as_ref().ok()?)));
    known.filter(|(_, source)| &source.repository == repository).collect()
}

fn first_input<'a>(
    contact: &Contact<'a>,
    policy: &EffectivePolicy,
    own: &[(&'a WorkloadId, &'a Source)],
    marker: &'a Marker,
) -> OnboardingInput<'a> {
    let mut entries: BTreeMap<String, usize> = BTreeMap::new();
    let mut renderers = BTreeSet::new();
    for (_, source) in own {
        *entries.entry(source.entry.to_string()).or_default() += 1;
        renderers.insert(source.renderer.to_string());
    }
    let snapshot = &contact.trace.snapshot;
    let proposals = contact.decided.proposals.iter().filter(|proposal| {
        proposal.draft.repository == snapshot.repository && proposal.draft.base == snapshot.branch
    });
    let proposals = proposals.map(|proposal| {
        let recommendations = &proposal.change_set.recommendations;
        let containers = recommendations.iter().map(|one| one.members.len()).sum();
        let monthly = recommendations.iter().map(|one| one.cost().map(|cost| cost.delta())).sum();
        (proposal.change_set.label.clone(), containers, monthly)
    });
    let ids: BTreeSet<&WorkloadId> = own.iter().map(|(id, _)| *id).collect();
    let left: BTreeSet<&WorkloadId> =
        contact.decided.left.iter().map(|left| &left.workload).filter(|id| ids.contains(id)).collect();
    OnboardingInput {
        cluster: &own[0].0.cluster,
        file: POLICY_FILE_NAME,
        entries: entries.into_iter().collect(),
        renderers: renderers.into_iter().collect(),
        proposals: proposals.collect(),
        left: left.len(),
        max_open: policy.pull_requests.max_open,
        per_hour: policy.pull_requests.per_hour,
        delivered_by: own.iter().find_map(|(_, source)| source.known_from.delivered_by()),
        marker,
    }
}

fn waits_for(pull: &PullRequest) -> Problem {
    let text = format!("#{} asks whether kubeopt may work here", pull.number);
    let help =
        format!("merge #{} to switch kubeopt on in this repository; close it to switch it off", pull.number);
    Problem::new(codes::ONBOARDING, text, help)
}

fn switched_off(pull: &PullRequest) -> Problem {
    let text = format!("#{} was closed, so kubeopt is switched off in this repository", pull.number);
    let help = format!("reopen and merge #{}, or add a `{POLICY_FILE_NAME}`, to switch it on", pull.number);
    Problem::new(codes::ONBOARDING, text, help)
}
