//! Whether a service-account token is good, and of which node its pod is, as the API server tells it (TokenReview). It is
//! asked and nothing is written. The token itself is never logged.

use std::time::Duration;

use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, TokenReviewStatus};
use kube::Api;
use kube::api::PostParams;

use crate::connect::Cluster;
use crate::error::{ClusterError, shortened};

/// What the API server adds for a token that is bound to a pod (`k8s.io/apiserver/pkg/authentication/serviceaccount`,
/// `NodeNameKey`, `PodNameKey`); the node is told since Kubernetes 1.30.
const NODE_NAME: &str = "authentication.kubernetes.io/node-name";
const POD_NAME: &str = "authentication.kubernetes.io/pod-name";

/// An agent that waits for its answer is told to try again after this; the API server answers within milliseconds.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What the API server says of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReviewedToken {
    /// It is good for the audience.
    Good(TokenBearer),
    /// It is not, and why, as far as the API server tells.
    Refused(String),
}

/// Who a token is of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenBearer {
    /// `system:serviceaccount:NAMESPACE:NAME`.
    pub user: String,
    /// Those of the audiences that were asked for that it is good for.
    pub audiences: Vec<String>,
    /// The pod that it is bound to; none where it is bound to none.
    pub pod: Option<String>,
    /// The node of that pod; none where the API server does not tell.
    pub node: Option<String>,
}

impl Cluster {
    /// Asks the API server about a token.
    ///
    /// # Errors
    /// [`ClusterError::Tokens`] where it does not answer, or kubeopt may not ask.
    pub async fn review_token(&self, token: &str, audience: &str) -> Result<ReviewedToken, ClusterError> {
        let review = TokenReview {
            spec: TokenReviewSpec { token: token.to_owned(), audiences: Some(vec![audience.to_owned()]) },
            ..TokenReview::default()
        };
        let api: Api<TokenReview> = Api::all(self.once());
        let unasked = |why: String| ClusterError::Tokens { cluster: self.name().to_string(), why };
        let params = PostParams::default();
        let answer = tokio::time::timeout(TIMEOUT, api.create(&params, &review)).await;
        let review = match answer {
            Ok(Ok(review)) => review,
            Ok(Err(kube::Error::Api(status))) if status.code == 403 => {
                return Err(unasked("kubeopt may not create tokenreviews.authentication.k8s.io".to_owned()));
            }
            Ok(Err(error)) => return Err(unasked(shortened(&error.to_string()))),
            Err(_) => return Err(unasked(format!("no answer within {} s", TIMEOUT.as_secs()))),
        };
        Ok(reviewed(review.status.unwrap_or_default(), audience))
    }
}

fn reviewed(status: TokenReviewStatus, audience: &str) -> ReviewedToken {
    if status.authenticated != Some(true) {
        let why = status.error.filter(|text| !text.is_empty());
        return ReviewedToken::Refused(
            why.map_or("the token is not good".to_owned(), |text| shortened(&text)),
        );
    }
    let audiences = status.audiences.unwrap_or_default();
    // A server that knows no audiences leaves them out, and such a token is good for everything.
    if !audiences.iter().any(|known| known == audience) {
        return ReviewedToken::Refused(format!("the token is not for the audience {audience}"));
    }
    let user = status.user.unwrap_or_default();
    let extra = user.extra.unwrap_or_default();
    let told = |key: &str| match extra.get(key).map(Vec::as_slice) {
        Some([one]) if !one.is_empty() => Some(one.clone()),
        _ => None,
    };
    ReviewedToken::Good(TokenBearer {
        user: user.username.unwrap_or_default(),
        audiences,
        pod: told(POD_NAME),
        node: told(NODE_NAME),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(status: Value) -> ReviewedToken {
        reviewed(serde_json::from_value(status).unwrap(), "kubeopt-agents")
    }

    #[test]
    fn a_token_tells_its_node_and_counts_only_for_its_audience() {
        let user = |extra: Value| json!({"username": "system:serviceaccount:kubeopt:agent", "extra": extra});
        let good = |extra: Value| json!({"authenticated": true, "audiences": ["kubeopt-agents"], "user": user(extra)});
        let bound = json!({NODE_NAME: ["n1"], POD_NAME: ["agent-x"]});
        let expected = TokenBearer {
            user: "system:serviceaccount:kubeopt:agent".to_owned(),
            audiences: vec!["kubeopt-agents".to_owned()],
            pod: Some("agent-x".to_owned()),
            node: Some("n1".to_owned()),
        };
        assert_eq!(of(good(bound.clone())), ReviewedToken::Good(expected));
        for extra in
            [json!({}), json!({NODE_NAME: []}), json!({NODE_NAME: ["n1", "n2"]}), json!({NODE_NAME: [""]})]
        {
            let ReviewedToken::Good(bearer) = of(good(extra.clone())) else { panic!("{extra}") };
            assert_eq!(bearer.node, None, "{extra}");
        }
        for refused in [
            json!({"authenticated": false, "error": "expired"}),
            json!({"authenticated": true, "audiences": ["other"], "user": user(bound.clone())}),
            json!({"authenticated": true, "user": user(bound)}),
            json!({}),
        ] {
            assert!(matches!(of(refused.clone()), ReviewedToken::Refused(_)), "{refused}");
        }
    }
}
