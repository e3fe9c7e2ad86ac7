//! Charts in OCI registries: tags, the manifest, the layer that is the archive.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/main/spec.md>; tokens as
//! <https://distribution.github.io/distribution/spec/auth/token/> describes.

use kubeopt_model::Problem;
use kubeopt_net::header::{LINK, WWW_AUTHENTICATE};
use kubeopt_net::{Answer, NetError, Request, Secret, StatusCode, Url};
use serde::Deserialize;

use crate::charts::access::{ChartAccess, Located, authorized};
use crate::charts::digest::digest_of;
use crate::charts::refusals::{fetch_failed, no_version, not_understood, shown, wrong_digest};
use crate::charts::version::{VersionRange, newest};

/// Media type of the layer that is a chart's archive; the second is what Helm wrote before 3.7.
const CHART_LAYERS: [&str; 2] =
    ["application/vnd.cncf.helm.chart.content.v1.tar+gzip", "application/tar+gzip"];

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Largest manifest; the specification asks registries for 4 MiB.
const MANIFEST_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Pages of tags of a thousand each; nobody has published more versions of a chart.
const TAG_PAGES_MAX: usize = 20;

#[derive(Deserialize)]
struct Tags {
    #[serde(default)]
    tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layer {
    #[serde(default)]
    media_type: String,
    digest: String,
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
}

/// One chart in a registry, and the token that it gave.
struct Registry<'a> {
    access: &'a ChartAccess,
    base: &'a Url,
    path: &'a str,
    token: Option<Secret>,
}

/// Finds the archive of a version: a tag, a range, `@sha256:...`; none is the newest.
///
/// # Errors
/// `E-REN-021` where there is none, `E-REN-022` for a manifest with another digest, `E-REN-023`.
pub(super) async fn locate(
    access: &ChartAccess,
    base: &Url,
    version: Option<&str>,
) -> Result<Located, Problem> {
    let path = base.path().trim_matches('/');
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '/' | '.' | '_' | '-');
    if path.is_empty() || !path.chars().all(plain) || path.contains("..") {
        return Err(not_understood(base, "its path is not the name of an artifact"));
    }
    let mut registry = Registry { access, base, path, token: None };
    let (version, reference) = match version.map(str::trim) {
        Some(text) if text.trim_start_matches('@').starts_with("sha256:") => {
            let digest = text.trim_start_matches('@').to_owned();
            (digest.clone(), digest)
        }
        Some(text) if is_exact(text) => (text.to_owned(), tag_of(text)),
        wanted => {
            let version = registry.newest(wanted.unwrap_or_default()).await?;
            (version.clone(), tag_of(&version))
        }
    };
    registry.manifest(version, &reference).await
}

/// One version written out, or a tag that is neither a version nor a range.
fn is_exact(text: &str) -> bool {
    let is_tag = !text.is_empty()
        && text.len() <= 128
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+'));
    let is_whole = semver::Version::parse(text.strip_prefix('v').unwrap_or(text)).is_ok();
    is_tag && (is_whole || VersionRange::parse(text).is_none())
}

/// Tags cannot hold a plus; Helm writes an underscore.
fn tag_of(version: &str) -> String {
    version.replace('+', "_")
}

impl Registry<'_> {
    async fn newest(&mut self, range: &str) -> Result<String, Problem> {
        let parsed = VersionRange::parse(range).ok_or_else(|| no_version(self.base, range))?;
        let tags: Vec<String> = self.tags().await?.into_iter().map(|tag| tag.replace('_', "+")).collect();
        let found = newest(&parsed, tags.iter().map(String::as_str));
        found.map(str::to_owned).ok_or_else(|| no_version(self.base, range))
    }

    async fn tags(&mut self) -> Result<Vec<String>, Problem> {
        let mut all = Vec::new();
        let mut next = Some(self.url("tags/list?n=1000")?);
        for _ in 0..TAG_PAGES_MAX {
            let Some(url) = next.take() else { break };
            let answer = self.get(&url, "application/json").await?;
            let page: Tags = answer.json().map_err(|error| fetch_failed(self.base, &error))?;
            all.extend(page.tags.unwrap_or_default());
            next = self.next_page(&url, &answer);
        }
        Ok(all)
    }

    /// `Link: </v2/x/tags/list?n=1000&last=1.2.3>; rel="next"`, on the same origin only.
    fn next_page(&self, url: &Url, answer: &Answer) -> Option<Url> {
        let link = answer.headers.get(LINK)?.to_str().ok()?;
        let target = link.split_once('<')?.1.split_once('>')?.0;
        url.join(target).ok().filter(|next| next.origin() == self.base.origin())
    }

    async fn manifest(mut self, version: String, reference: &str) -> Result<Located, Problem> {
        let url = self.url(&format!("manifests/{reference}"))?;
        let answer = self.get(&url, MANIFEST).await?;
        if reference.starts_with("sha256:") && digest_of(&answer.body) != reference["sha256:".len()..] {
            return Err(wrong_digest(self.base));
        }
        let manifest: Manifest = answer.json().map_err(|error| fetch_failed(self.base, &error))?;
        let layer = manifest
            .layers
            .into_iter()
            .find(|layer| CHART_LAYERS.contains(&layer.media_type.as_str()))
            .ok_or_else(|| not_understood(self.base, "the artifact is no chart"))?;
        let archive = self.url(&format!("blobs/{}", layer.digest))?;
        Ok(Located { version, digest: Some(layer.digest), archive, token: self.token })
    }

    fn url(&self, rest: &str) -> Result<Url, Problem> {
        let plain =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '?' | '=' | ':' | '.' | '_' | '-');
        let url = self.base.join(&format!("/v2/{}/{rest}", self.path)).ok();
        url.filter(|_| rest.chars().all(plain))
            .ok_or_else(|| not_understood(self.base, &format!("`{}` is no reference", shown(rest))))
    }

    /// One request, and a second one with a token where the registry asks for it.
    async fn get(&mut self, url: &Url, accept: &str) -> Result<Answer, Problem> {
        let mut answer = self.try_get(url, accept).await?;
        if answer.status == StatusCode::UNAUTHORIZED && self.token.is_none() {
            let challenge = answer.headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
            if let Some(ask) = challenge.and_then(|challenge| token_url(self.base, challenge)) {
                self.token = Some(self.ask_token(ask).await?);
                answer = self.try_get(url, accept).await?;
            }
        }
        if answer.status == StatusCode::NOT_FOUND {
            return Err(no_version(self.base, url.path().rsplit('/').next().unwrap_or_default()));
        }
        answer.success().map_err(|error| fetch_failed(self.base, &error))
    }

    async fn try_get(&self, url: &Url, accept: &str) -> Result<Answer, Problem> {
        let mut request = Request::get(url.clone()).max_body_bytes(MANIFEST_BYTES_MAX);
        let failed = |error: NetError| fetch_failed(self.base, &error);
        request = request.header("accept", accept).map_err(failed)?;
        let (client, request) = authorized(self.access, request, self.token.as_ref()).map_err(failed)?;
        client.fetch(request).await.map_err(failed)
    }

    async fn ask_token(&self, url: Url) -> Result<Secret, Problem> {
        let asked = self.access.client.get_json(&url).await;
        let token: Token = asked.map_err(|error| fetch_failed(&without_query(&url), &error))?;
        let token = token.token.or(token.access_token).filter(|token| !token.is_empty());
        token.map(Secret::new).ok_or_else(|| not_understood(&without_query(&url), "it gave no token"))
    }
}

fn without_query(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_query(None);
    url
}

/// `Bearer realm="https://auth.example/token",service="registry",scope="repository:x:pull"`
fn token_url(base: &Url, challenge: &str) -> Option<Url> {
    let (scheme, rest) = challenge.trim().split_once(' ')?;
    let mut url = Url::parse(parameter(rest, "realm")?).ok()?;
    // A registry that is reached safely must not send a token's request over an open line.
    let is_as_safe = url.scheme() == "https" || url.scheme() == base.scheme();
    if !scheme.eq_ignore_ascii_case("bearer") || !is_as_safe {
        return None;
    }
    for name in ["service", "scope"] {
        if let Some(value) = parameter(rest, name) {
            url.query_pairs_mut().append_pair(name, value);
        }
    }
    Some(url)
}

/// A quoted parameter of a challenge.
fn parameter<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = text;
    while let Some((key, after)) = rest.split_once("=\"") {
        let (value, next) = after.split_once('"')?;
        if key.trim_matches([' ', ',']).eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = next;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_leads_to_the_tokens_address() {
        let base = Url::parse("https://registry.example/acme/web").unwrap();
        let ask = |challenge| token_url(&base, challenge).map(|url| url.to_string());
        assert_eq!(
            ask(
                r#"Bearer realm="https://auth.example/token",service="r.example", scope="repository:a/b:pull,push""#
            ),
            Some(
                "https://auth.example/token?service=r.example&scope=repository%3Aa%2Fb%3Apull%2Cpush"
                    .to_owned()
            )
        );
        for challenge in [
            "",
            "Bearer",
            "Basic realm=\"https://auth.example\"",
            "Bearer realm=\"nonsense\"",
            "Bearer service=\"x\"",
            "Bearer realm=\"http://auth.example/token\"",
            "Bearer realm=\"https://auth.example/tok",
        ] {
            assert_eq!(ask(challenge), None, "{challenge}");
        }
    }

    #[test]
    fn whole_versions_and_words_are_tags_while_ranges_are_looked_for() {
        for text in ["1.2.3", "v1.2.3", "1.2.3+build", "latest", "main-abc123"] {
            assert!(is_exact(text), "{text}");
        }
        for text in ["", "1.x", "^1.2.3", "*", ">=1", "1.2", "a/b", "a b"] {
            assert!(!is_exact(text), "{text}");
        }
        assert_eq!(tag_of("1.2.3+a"), "1.2.3_a");
    }
}
