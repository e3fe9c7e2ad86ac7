//! What kubeopt may do, as the API server tells it: for `kubeopt check`, and for the test that holds it against the list
//! of what it should.

use std::fmt;

use k8s_openapi::api::authorization::v1::{
    SelfSubjectRulesReview, SelfSubjectRulesReviewSpec, SubjectRulesReviewStatus,
};
use kube::Api;
use kube::api::PostParams;
use kubeopt_model::Namespace;

use crate::connect::Cluster;
use crate::error::{ClusterError, shortened};

/// One permission: all its verbs on all its resources of all its groups.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// `get`, `list`, `watch`, `create`, ..., or `*`.
    pub verbs: Vec<String>,
    /// API groups; the core group is the empty text.
    pub api_groups: Vec<String>,
    /// Plural resources, with `/subresource` where one is meant, or `*`.
    pub resources: Vec<String>,
    /// Names that the rule is bound to; empty means all.
    pub resource_names: Vec<String>,
    /// Paths outside the resources, such as `/healthz`; a rule has these or resources.
    pub urls: Vec<String>,
}

impl Rule {
    /// Reads only: not one verb that changes anything.
    pub fn reads_only(&self) -> bool {
        self.verbs.iter().all(|verb| matches!(verb.as_str(), "get" | "list" | "watch"))
    }
}

impl fmt::Display for Rule {
    /// One line: `get,list,watch apps: deployments,statefulsets`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sorted = |list: &[String]| {
            let mut list: Vec<&str> =
                list.iter().map(|text| if text.is_empty() { "core" } else { text }).collect();
            list.sort_unstable();
            list.join(",")
        };
        write!(f, "{} ", sorted(&self.verbs))?;
        if !self.urls.is_empty() {
            return write!(f, "url: {}", sorted(&self.urls));
        }
        write!(f, "{}: {}", sorted(&self.api_groups), sorted(&self.resources))?;
        if !self.resource_names.is_empty() {
            write!(f, " named {}", sorted(&self.resource_names))?;
        }
        Ok(())
    }
}

/// The answer of the API server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReviewedRules {
    /// What is allowed in the namespace, cluster-wide permissions included; sorted.
    pub rules: Vec<Rule>,
    /// Why the list may lack something: an authorizer that cannot tell its rules.
    pub incomplete: Option<String>,
}

impl Cluster {
    /// Asks what kubeopt itself may do in a namespace (SelfSubjectRulesReview).
    ///
    /// # Errors
    /// [`ClusterError::Rules`] when the API server does not answer that.
    pub async fn review_rules(&self, namespace: &Namespace) -> Result<ReviewedRules, ClusterError> {
        let review = SelfSubjectRulesReview {
            spec: SelfSubjectRulesReviewSpec { namespace: Some(namespace.to_string()) },
            ..SelfSubjectRulesReview::default()
        };
        let review =
            Api::all(self.client()).create(&PostParams::default(), &review).await.map_err(|source| {
                ClusterError::Rules { namespace: namespace.to_string(), source: Box::new(source) }
            })?;
        Ok(review.status.map(reviewed).unwrap_or_default())
    }
}

fn reviewed(status: SubjectRulesReviewStatus) -> ReviewedRules {
    let resources = status.resource_rules.into_iter().map(|rule| Rule {
        verbs: rule.verbs,
        api_groups: rule.api_groups.unwrap_or_default(),
        resources: rule.resources.unwrap_or_default(),
        resource_names: rule.resource_names.unwrap_or_default(),
        urls: Vec::new(),
    });
    let urls = status.non_resource_rules.into_iter().map(|rule| Rule {
        verbs: rule.verbs,
        urls: rule.non_resource_urls.unwrap_or_default(),
        ..Rule::default()
    });
    let mut rules: Vec<Rule> = resources.chain(urls).collect();
    rules.sort();
    let why = status.evaluation_error.unwrap_or_else(|| "an authorizer does not tell its rules".to_owned());
    ReviewedRules { rules, incomplete: status.incomplete.then(|| shortened(&why)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_one_line_and_knows_whether_it_only_reads() {
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let pods = Rule {
            verbs: list(&["watch", "get", "list"]),
            api_groups: list(&[""]),
            resources: list(&["pods", "nodes"]),
            ..Rule::default()
        };
        assert_eq!(pods.to_string(), "get,list,watch core: nodes,pods");
        assert!(pods.reads_only());
        for verb in ["create", "update", "patch", "delete", "deletecollection", "*", "escalate"] {
            assert!(!Rule { verbs: list(&["get", verb]), ..pods.clone() }.reads_only(), "{verb}");
        }
        let lease = Rule { resource_names: list(&["kubeopt"]), ..pods };
        assert!(lease.to_string().ends_with(" named kubeopt"));
        let url = Rule { verbs: list(&["get"]), urls: list(&["/healthz"]), ..Rule::default() };
        assert_eq!(url.to_string(), "get url: /healthz");
    }
}
