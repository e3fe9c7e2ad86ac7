//! The pull request as a value: what it says, what it changes, and the hidden marker that makes it idempotent.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::change::Change;
use crate::edit::EditedFile;
use crate::policy::CommitPolicy;
use crate::quantity::{Bound, Field, Resource};
use crate::source::{RepoPath, RepositoryId};

/// Opens the marker in a body; the JSON and ` -->` follow.
pub const MARKER_OPEN: &str = "<!-- kubeopt:v1 ";

/// Longest body in characters; GitHub's own limit is 65,536.
pub const BODY_CHARS_MAX: usize = 58_000;

/// A changed scalar as the marker keeps it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MarkedField {
    /// `namespace/kind/name/container` of the first container that it feeds.
    pub container: String,
    /// `requests.cpu`
    pub field: String,
    /// File.
    pub file: RepoPath,
    /// Text before and after.
    pub value: Change<String>,
}

/// A changed request of one container as the marker keeps it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MarkedRequest {
    /// `namespace/kind/name/container`
    pub container: String,
    /// Of which resource.
    pub resource: Resource,
    /// Effective request before and after; empty where there is none.
    pub value: Change<String>,
}

/// A changed target of a HorizontalPodAutoscaler as the marker keeps it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MarkedTarget {
    /// `namespace/kind/name` of the first workload that it scales.
    pub workload: String,
    /// The resource.
    pub resource: Resource,
    /// File.
    pub file: RepoPath,
    /// The share of the request before and after, in per cent.
    pub percent: Change<u32>,
}

/// The state that a pull request carries in its own body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// The group.
    pub group: String,
    /// Hash of the proposed fields; the same proposal has the same hash.
    pub proposal: String,
    /// The base branch.
    pub base: String,
    /// The cluster that asked.
    pub cluster: String,
    /// What changes, sorted.
    pub fields: Vec<MarkedField>,
    /// Labels that kubeopt set itself; those that a person removed are not set again.
    pub labels: Vec<String>,
    /// Something of it was not rendered, and so it was made a draft. A person may have marked it as ready since. Absent
    /// where all of it was proven, as in the markers of earlier versions.
    #[serde(default, rename = "notRendered", skip_serializing_if = "std::ops::Not::not")]
    pub not_rendered: bool,
    /// The requests of every container, sorted, where `fields` do not tell them: a scalar feeds several containers, or
    /// nothing set the request before. Absent in the markers of earlier versions. What does not fit is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<MarkedRequest>,
    /// The targets of HorizontalPodAutoscalers that move with the requests, sorted. Absent where none does, as in the markers
    /// of earlier versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<MarkedTarget>,
}

impl Marker {
    /// The proposal's hash: first 16 hex digits of SHA-256 over the sorted fields, and over the sorted targets where there
    /// are any.
    pub fn proposal_hash(fields: &[MarkedField], targets: &[MarkedTarget]) -> String {
        let mut sorted = fields.to_vec();
        sorted.sort();
        let mut hasher = Sha256::new();
        for field in &sorted {
            for part in [
                &field.container,
                &field.field,
                &field.file.to_string(),
                &field.value.before,
                &field.value.after,
            ] {
                hasher.update(part.as_bytes());
                hasher.update([0]);
            }
        }
        let mut sorted = targets.to_vec();
        sorted.sort();
        for MarkedTarget { workload, resource, file, percent } in &sorted {
            let Change { before, after } = percent;
            hasher.update(format!("{workload}\0{resource}\0{file}\0{before}\0{after}\0"));
        }
        hex::encode(hasher.finalize())[..16].to_owned()
    }

    /// The requests that it changes, of every container as far as it tells; of an earlier version only the first
    /// container of each scalar.
    pub fn changed_requests(&self) -> Vec<MarkedRequest> {
        if self.requests.is_empty() { requests_of(&self.fields) } else { self.requests.clone() }
    }

    /// As it stands in the body: one line of HTML comment that no text within can close.
    pub fn to_html_comment(&self) -> String {
        hidden(MARKER_OPEN, self)
    }

    /// Finds the last marker in a body. None where there is none or it cannot be read.
    pub fn find(body: &str) -> Option<Self> {
        find_hidden(MARKER_OPEN, body)
    }
}

/// A value as one line of HTML comment, which pages do not show: `<`, `>` and `--` within its JSON are escaped, so that no
/// text can close it. `open` begins with `<!-- ` and ends with a space.
pub fn hidden(open: &str, value: &impl Serialize) -> String {
    let json =
        serde_json::to_string(value).expect("what is hidden holds only strings, numbers and lists of them");
    let safe = json.replace('<', "\\u003c").replace('>', "\\u003e").replace("--", "-\\u002d");
    format!("{open}{safe} -->")
}

/// The last value in a text that was hidden with this opening. None where there is none or it cannot be read.
pub fn find_hidden<T: DeserializeOwned>(open: &str, text: &str) -> Option<T> {
    let start = text.rfind(open)? + open.len();
    let end = start + text[start..].find(" -->")?;
    serde_json::from_str(&text[start..end]).ok()
}

/// The group of the first pull request of a repository, which changes no value.
pub const ONBOARDING: &str = "onboarding";

/// The group of the pull request that takes another one back.
pub fn rollback_group(number: u64) -> String {
    format!("{ROLLBACK_OF}{number}")
}

/// The pull request that a group's takes back, if it is one that does.
pub fn rollback_of(group: &str) -> Option<u64> {
    group.strip_prefix(ROLLBACK_OF)?.parse().ok()
}

/// Begins the groups of pull requests that take others back.
const ROLLBACK_OF: &str = "rollback of #";

/// The requests among fields.
pub fn requests_of(fields: &[MarkedField]) -> Vec<MarkedRequest> {
    let request = |field: &MarkedField| {
        let Field { bound, resource } = field.field.parse().ok()?;
        (bound == Bound::Request).then(|| MarkedRequest {
            container: field.container.clone(),
            resource,
            value: field.value.clone(),
        })
    };
    let mut requests: Vec<MarkedRequest> = fields.iter().filter_map(request).collect();
    requests.sort();
    requests
}

/// The branch of a group: `kubeopt/<slug>-<first 8 hex of sha256("host/owner/repo\nbase\ngroup")>`. Stable while
/// values change.
pub fn branch_name(host: &str, repository: &RepositoryId, base: &str, group: &str) -> String {
    let digest = Sha256::digest(format!("{host}/{repository}\n{base}\n{group}").as_bytes());
    let mut slug: String =
        group.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    while slug.contains("--") {
        slug = slug.replace("--", "-");
    }
    let slug: String = slug.trim_matches('-').chars().take(40).collect();
    let slug = if slug.is_empty() { "root" } else { slug.trim_matches('-') };
    format!("kubeopt/{slug}-{}", &hex::encode(digest)[..8])
}

/// All that publishing needs; nothing is left to decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequestDraft {
    /// Where.
    pub repository: RepositoryId,
    /// Branch that it goes to.
    pub base: String,
    /// The commit of the base that the files were read from.
    pub base_oid: String,
    /// Branch that it comes from.
    pub branch: String,
    /// Title; also the commit's subject.
    pub title: String,
    /// Something of it was not rendered: it is not to be merged before somebody looked, or it could be rendered.
    pub is_draft: bool,
    /// Body, marker included.
    pub body: String,
    /// Message of the one commit.
    pub commit_message: String,
    /// Files, before and after.
    pub files: Vec<EditedFile>,
    /// It is opened as a draft, proven or not; whether it stays one is for people to say.
    pub opens_as_draft: bool,
    /// What its commit carries.
    pub commits: CommitPolicy,
    /// Labels.
    pub labels: Vec<String>,
    /// The marker that the body carries.
    pub marker: Marker,
}

impl PullRequestDraft {
    /// SHA-256 over all that would be published, in hex: equal digests publish the same.
    pub fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hasher.update((bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        for text in [&self.base, &self.branch, &self.title, &self.body, &self.commit_message] {
            part(text.as_bytes());
        }
        part(&[u8::from(self.is_draft)]);
        for file in &self.files {
            part(file.path.as_str().as_bytes());
            part(&file.content.before);
            part(&file.content.after);
        }
        hex::encode(hasher.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binding::ForgeName;

    fn marker(container: &str) -> Marker {
        let fields = vec![MarkedField {
            container: container.to_owned(),
            field: "requests.cpu".to_owned(),
            file: RepoPath::new("apps/api.yaml").unwrap(),
            value: Change { before: "1".to_owned(), after: "310m".to_owned() },
        }];
        Marker {
            group: "apps/prod".to_owned(),
            proposal: Marker::proposal_hash(&fields, &[]),
            base: "main".to_owned(),
            cluster: "prod".to_owned(),
            fields,
            labels: vec![],
            not_rendered: false,
            requests: vec![],
            targets: vec![],
        }
    }

    #[test]
    fn a_marker_tells_the_requests_of_all_that_share_a_value() {
        let alone = marker("payments/deploy/api/api");
        assert!(!alone.to_html_comment().contains("\"requests\":"));
        let own = alone.changed_requests();
        assert_eq!((own.len(), own[0].resource, own[0].value.after.as_str()), (1, Resource::Cpu, "310m"));
        let web = MarkedRequest { container: "payments/deploy/web/web".to_owned(), ..own[0].clone() };
        let shared = Marker { requests: vec![own[0].clone(), web], ..alone };
        let read = Marker::find(&shared.to_html_comment()).unwrap();
        assert_eq!(read.changed_requests().len(), 2);
        let limit = MarkedField { field: "limits.cpu".to_owned(), ..shared.fields[0].clone() };
        assert_eq!(requests_of(&[limit]), vec![]);
    }

    #[test]
    fn a_marker_survives_its_body_and_hostile_text() {
        for container in ["payments/deploy/api/api", "x --> <!-- kubeopt:v1 {} -->"] {
            let marker = marker(container);
            let comment = marker.to_html_comment();
            assert_eq!(comment.matches("-->").count(), 1);
            assert_eq!(Marker::find(&format!("text\n{comment}\nmore")), Some(marker));
        }
        assert_eq!(Marker::find("nothing here"), None);
        assert_eq!(Marker::find("<!-- kubeopt:v1 {broken -->"), None);
    }

    #[test]
    fn a_marker_says_when_nothing_was_rendered_and_is_silent_otherwise() {
        let rendered = marker("payments/deploy/api/api");
        assert!(!rendered.to_html_comment().contains("notRendered"));
        let unrendered = Marker { not_rendered: true, ..rendered };
        let comment = unrendered.to_html_comment();
        assert!(comment.contains("\"notRendered\":true"), "{comment}");
        assert_eq!(Marker::find(&comment), Some(unrendered));
    }

    #[test]
    fn the_proposal_hash_ignores_order_and_sees_values() {
        let (a, b) = (marker("a").fields.remove(0), marker("b").fields.remove(0));
        let mut changed = a.clone();
        changed.value.after = "320m".to_owned();
        assert_eq!(
            Marker::proposal_hash(&[a.clone(), b.clone()], &[]),
            Marker::proposal_hash(&[b, a.clone()], &[])
        );
        let target = |after: u32| MarkedTarget {
            workload: "shop/deploy/web".to_owned(),
            resource: Resource::Cpu,
            file: RepoPath::new("apps/hpa.yaml").unwrap(),
            percent: Change { before: 70, after },
        };
        let hash = |targets: &[MarkedTarget]| Marker::proposal_hash(std::slice::from_ref(&a), targets);
        assert_ne!(hash(&[]), Marker::proposal_hash(&[changed], &[]));
        assert_ne!(hash(&[target(80)]), hash(&[target(84)]));
        assert_ne!(hash(&[target(80)]), hash(&[]));
    }

    #[test]
    fn what_takes_another_back_is_known_by_its_group() {
        assert_eq!(rollback_of(&rollback_group(12)), Some(12));
        for group in ["", "rollback of #", "rollback of #x", "apps/rollback of #12"] {
            assert_eq!(rollback_of(group), None, "{group}");
        }
    }

    #[test]
    fn branch_names_are_stable_and_safe() {
        let repository =
            RepositoryId { forge: ForgeName::new("f").unwrap(), owner: "acme".into(), name: "gitops".into() };
        let name = branch_name("git.example", &repository, "main", "apps/Payments//..prod");
        assert!(name.starts_with("kubeopt/apps-payments-prod-"), "{name}");
        assert_eq!(name, branch_name("git.example", &repository, "main", "apps/Payments//..prod"));
        assert_ne!(name, branch_name("git.example", &repository, "release", "apps/Payments//..prod"));
        assert!(branch_name("h", &repository, "main", "").starts_with("kubeopt/root-"));
    }
}
