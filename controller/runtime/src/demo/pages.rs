//! The demo's page: pull requests of the local forge to read, comment on and merge. After a merge the next pass runs at
//! once and says what it sees.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use kubeopt_forge::{Forge, LocalForge, PullRequest, PullRequestQuery, PullRequestState, StateFilter};
use kubeopt_model::{Problem, RepositoryId, Timestamp};
use kubeopt_report::page::{PageComment, PageState, PullRequestCard, pull_request_path};
use kubeopt_report::templates::{FAVICON_PATH, FAVICON_SVG, STYLE_CSS, STYLE_PATH};
use kubeopt_report::{IndexPage, PullRequestPage, index_page, problem_page, pull_request_page};
use kubeopt_server::{App, Asset, FormToken, Metrics, Page, Pages, PullRequestAt, Readiness};
use tokio::net::TcpListener;

use super::Demo;
use crate::pipeline::pass;
use crate::publishing::BRANCH_PREFIX;

/// Whoever sits at the demo.
const VISITOR: &str = "you";

/// The pages, with the demo behind them.
pub struct ForgePages {
    demo: Demo,
}

impl ForgePages {
    /// Shows this demo.
    pub fn new(demo: Demo) -> Self {
        Self { demo }
    }

    fn forge(&self) -> &LocalForge {
        &self.demo.forge
    }

    /// The repository of an address: the demo has one.
    fn repository(&self, at: &PullRequestAt) -> Result<&RepositoryId, Problem> {
        let own = &self.demo.repository;
        if own.owner == at.owner && own.name == at.name {
            return Ok(own);
        }
        let text = format!("there is no repository {}/{}", at.owner, at.name);
        Err(Problem::new(crate::codes::NOT_CONFIGURED, text, "go back to the list of pull requests"))
    }

    async fn cards(&self) -> Result<Vec<PullRequestCard>, Problem> {
        let query = PullRequestQuery::with_prefix(BRANCH_PREFIX, StateFilter::All);
        let repository = &self.demo.repository;
        let pulls = self.forge().pull_requests(repository, &query).await.map_err(|error| error.problem())?;
        let mut cards = Vec::new();
        for pull in pulls.into_iter().rev() {
            let comments =
                self.forge().comments_on(repository, pull.number).await.map_err(|error| error.problem())?;
            cards.push(PullRequestCard {
                owner: repository.owner.clone(),
                name: repository.name.clone(),
                number: pull.number,
                state: state(&pull),
                is_draft: pull.is_draft,
                title: pull.title,
                opened_unix_s: pull.created_unix_s,
                comments: comments.len(),
                labels: pull.labels,
            });
        }
        Ok(cards)
    }

    async fn show(&self, at: &PullRequestAt, token: &FormToken) -> Result<String, Problem> {
        let repository = self.repository(at)?;
        let forge = self.forge();
        let pull = forge.pull_request(repository, at.number).await.map_err(|error| error.problem())?;
        let files = forge.changed_files(repository, at.number).await.map_err(|error| error.problem())?;
        let comments = forge.comments_on(repository, at.number).await.map_err(|error| error.problem())?;
        let comments: Vec<PageComment> = comments
            .into_iter()
            .map(|comment| PageComment {
                by_kubeopt: comment.author != VISITOR,
                author: comment.author,
                at_unix_s: comment.created_unix_s,
                markdown: comment.body,
            })
            .collect();
        let page = PullRequestPage {
            owner: &repository.owner,
            name: &repository.name,
            number: pull.number,
            title: &pull.title,
            is_draft: pull.is_draft,
            state: &state(&pull),
            author: &pull.author,
            base: &pull.base,
            branch: &pull.head_branch,
            head: &pull.head_oid,
            opened_unix_s: pull.created_unix_s,
            body: &pull.body,
            files: &files,
            comments: &comments,
            labels: &pull.labels,
            form_token: token.as_str(),
            notice: None,
            now: Timestamp::now(),
        };
        pull_request_page(&self.demo.edges.templates, &page).map_err(|error| error.problem())
    }

    async fn merge_and_follow(&self, at: &PullRequestAt) -> Result<(), Problem> {
        let repository = self.repository(at)?;
        self.forge().merge(repository, at.number, VISITOR).await.map_err(|error| error.problem())?;
        let report = pass(&self.demo.edges, Timestamp::now()).await?;
        let lines = report.merge_lines();
        for line in &lines {
            tracing::info!("{line}");
        }
        let next = match report.decided.proposals.len() {
            0 => "Nothing else is to be changed.".to_owned(),
            more => format!("{more} more pull requests are proposed."),
        };
        let said = format!("The next pass has run: {}. {next}", lines.join("; "));
        self.forge().comment(repository, at.number, &said).await.map_err(|error| error.problem())?;
        Ok(())
    }
}

fn state(pull: &PullRequest) -> PageState {
    let (by, at_unix_s) = (VISITOR.to_owned(), pull.updated_unix_s);
    match pull.state {
        PullRequestState::Open => PageState::Open,
        PullRequestState::Closed => PageState::Closed { by, at_unix_s },
        PullRequestState::Merged => {
            PageState::Merged { commit: pull.merge_commit.clone().unwrap_or_default(), by, at_unix_s }
        }
    }
}

/// Back to the pull request, or the reason why it was not done.
fn done(at: &PullRequestAt, outcome: Result<(), Problem>) -> Page {
    match outcome {
        Ok(()) => Page::SeeOther(pull_request_path(&at.owner, &at.name, at.number)),
        Err(problem) => Page::Refused(problem),
    }
}

#[async_trait]
impl Pages for ForgePages {
    async fn index(&self) -> Page {
        let shown = self.cards().await.and_then(|cards| {
            let page = IndexPage {
                pull_requests: &cards,
                missing: "No pull request has been opened yet.",
                help: "kubeopt demo",
                now: Timestamp::now(),
            };
            index_page(&self.demo.edges.templates, &page).map_err(|error| error.problem())
        });
        shown.map_or_else(Page::Failed, Page::Shown)
    }

    async fn pull_request(&self, at: &PullRequestAt, token: &FormToken) -> Page {
        self.show(at, token).await.map_or_else(Page::Missing, Page::Shown)
    }

    async fn comment(&self, at: &PullRequestAt, text: &str) -> Page {
        let outcome = match self.repository(at) {
            Ok(repository) => self.forge().comment_as(repository, at.number, VISITOR, text).await,
            Err(problem) => return Page::Missing(problem),
        };
        done(at, outcome.map(|_| ()).map_err(|error| error.problem()))
    }

    async fn merge(&self, at: &PullRequestAt) -> Page {
        done(at, self.merge_and_follow(at).await)
    }

    async fn mark_ready(&self, at: &PullRequestAt) -> Page {
        let outcome = match self.repository(at) {
            Ok(repository) => self.forge().mark_ready(repository, at.number).await,
            Err(problem) => return Page::Missing(problem),
        };
        done(at, outcome.map(|_| ()).map_err(|error| error.problem()))
    }

    async fn close(&self, at: &PullRequestAt) -> Page {
        let outcome = match self.repository(at) {
            Ok(repository) => self.forge().close(repository, at.number).await,
            Err(problem) => return Page::Missing(problem),
        };
        done(at, outcome.map(|_| ()).map_err(|error| error.problem()))
    }

    fn problem(&self, heading: &str, problem: &Problem) -> String {
        problem_page(&self.demo.edges.templates, heading, problem).unwrap_or_else(|_| heading.to_owned())
    }

    fn assets(&self) -> Vec<Asset> {
        vec![
            Asset {
                path: STYLE_PATH,
                content_type: "text/css; charset=utf-8",
                body: Cow::Borrowed(STYLE_CSS.as_bytes()),
            },
            Asset {
                path: FAVICON_PATH,
                content_type: "image/svg+xml",
                body: Cow::Borrowed(FAVICON_SVG.as_bytes()),
            },
        ]
    }
}

/// A page server that listens and does not answer yet.
pub struct PageServer {
    listener: TcpListener,
    address: SocketAddr,
}

/// Listens on a loopback address.
///
/// # Errors
/// When the address is not loopback, or taken.
pub async fn listen(address: SocketAddr) -> Result<PageServer, Problem> {
    if !address.ip().is_loopback() {
        let text = format!("{address} is not a loopback address; the demo's page has no login");
        return Err(Problem::new(crate::codes::NOT_CONFIGURED, text, "use --listen 127.0.0.1:8765"));
    }
    let failed = |error: std::io::Error| {
        let text = format!("unable to listen on {address}: {error}");
        Problem::new(crate::codes::NOT_CONFIGURED, text, "choose another port with --listen 127.0.0.1:PORT")
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(PageServer { listener, address })
}

impl PageServer {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until Ctrl-C.
    ///
    /// # Errors
    /// When the server fails.
    pub async fn serve(self, pages: ForgePages) -> Result<(), Problem> {
        let readiness = Readiness::starting();
        readiness.ready();
        let token = FormToken::random().map_err(|error| error.problem())?;
        let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"), ""));
        let app = App { readiness, metrics, pages: Some((Arc::new(pages), token)), webhooks: None };
        let ctrl_c = async {
            // An error means that Ctrl-C cannot be caught; the process then ends by it.
            let _ctrl_c = tokio::signal::ctrl_c().await;
        };
        kubeopt_server::serve(self.listener, app, ctrl_c).await.map_err(|error| error.problem())
    }
}
