//! The addresses of one GitHub.

use kubeopt_net::{NetError, Url};

use crate::error::ForgeError;
use crate::transport::address;

/// The addresses of one GitHub.
#[derive(Debug, Clone)]
pub(super) struct Places {
    /// Where people look.
    pub(super) web: Url,
    /// The REST API.
    pub(super) rest: Url,
    /// The GraphQL API.
    pub(super) graphql: Url,
}

impl Places {
    /// github.com and `*.ghe.com` have their API on a host of its own, Enterprise servers below `/api`.
    pub(super) fn of(web: &Url) -> Result<Self, ForgeError> {
        let invalid = |why| NetError::InvalidUrl { url: web.scheme().to_owned(), why };
        if web.cannot_be_a_base() {
            return Err(invalid("it is not the address of a server").into());
        }
        let host = web.host_str().ok_or_else(|| invalid("it has no host"))?.to_ascii_lowercase();
        if host != "github.com" && !host.ends_with(".ghe.com") {
            let [rest, graphql] = [["api", "v3"], ["api", "graphql"]].map(|parts| address(web, &parts));
            return Ok(Self { web: web.clone(), rest: rest?, graphql: graphql? });
        }
        let mut rest = web.clone();
        rest.set_host(Some(&format!("api.{host}")))
            .map_err(|_| invalid("it has no host that could be one"))?;
        rest.set_path("/");
        Ok(Self { web: web.clone(), graphql: address(&rest, &["graphql"])?, rest })
    }
}
