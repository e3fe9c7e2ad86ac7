//! Endpoints that the crate `gitlab` does not have, or not as they are needed here.

use gitlab::api::common::path_escaped;
use gitlab::api::endpoint_prelude::{BodyError, Cow, Endpoint, FormParams, Method, QueryParams};

/// What a commit changed.
pub(super) struct CommitDiff<'a> {
    pub(super) project: u64,
    pub(super) commit: &'a str,
}

impl Endpoint for CommitDiff<'_> {
    fn method(&self) -> Method {
        Method::GET
    }

    fn endpoint(&self) -> Cow<'static, str> {
        format!("projects/{}/repository/commits/{}/diff", self.project, path_escaped(self.commit)).into()
    }
}

/// The entries of a folder. The crate's sends its parameters as the body of a GET, which no answer can be remembered by.
pub(super) struct Folder<'a> {
    pub(super) project: u64,
    pub(super) path: &'a str,
    pub(super) commit: &'a str,
}

impl Endpoint for Folder<'_> {
    fn method(&self) -> Method {
        Method::GET
    }

    fn endpoint(&self) -> Cow<'static, str> {
        format!("projects/{}/repository/tree", self.project).into()
    }

    fn parameters(&self) -> QueryParams<'_> {
        let mut params = QueryParams::default();
        params.push("path", self.path).push("ref", self.commit);
        params
    }
}

/// Deletes a branch. The crate's takes a slash in the name for the end of it.
pub(super) struct RemoveBranch<'a> {
    pub(super) project: u64,
    pub(super) branch: &'a str,
}

impl Endpoint for RemoveBranch<'_> {
    fn method(&self) -> Method {
        Method::DELETE
    }

    fn endpoint(&self) -> Cow<'static, str> {
        format!("projects/{}/repository/branches/{}", self.project, path_escaped(self.branch)).into()
    }
}

/// A status of a commit. The crate's counts the bytes of a description, of which GitLab allows as many characters.
pub(super) struct NewStatus<'a> {
    pub(super) project: u64,
    pub(super) commit: &'a str,
    pub(super) state: &'static str,
    pub(super) context: &'a str,
    pub(super) description: &'a str,
    pub(super) url: Option<&'a str>,
}

impl Endpoint for NewStatus<'_> {
    fn method(&self) -> Method {
        Method::POST
    }

    fn endpoint(&self) -> Cow<'static, str> {
        format!("projects/{}/statuses/{}", self.project, path_escaped(self.commit)).into()
    }

    fn body(&self) -> Result<Option<(&'static str, Vec<u8>)>, BodyError> {
        let mut params = FormParams::default();
        params
            .push("state", self.state)
            .push("name", self.context)
            .push("description", self.description)
            .push_opt("target_url", self.url);
        params.into_body()
    }
}

/// What those who are asked for a review did about it.
pub(super) struct Reviewers {
    pub(super) project: u64,
    pub(super) merge_request: u64,
}

impl Endpoint for Reviewers {
    fn method(&self) -> Method {
        Method::GET
    }

    fn endpoint(&self) -> Cow<'static, str> {
        format!("projects/{}/merge_requests/{}/reviewers", self.project, self.merge_request).into()
    }
}
