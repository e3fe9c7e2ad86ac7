//! Which helm there is, and how it is called: `helm template`, with a chart and nothing that leads out of it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use kubeopt_model::Problem;
use kubeopt_model::release::Parameter;

use crate::charts::dependencies::layout_of;
use crate::codes;
use crate::render::binary::{ask, candidates, checked_version};
use crate::render::layout::{relative, values_file};
use crate::render::prepare::Prepared;
use crate::render::protocol::{HelmArguments, RenderRequest};

/// Longest name of a release; Helm's own limit, which leaves room for suffixes of a label's 63 characters.
const RELEASE_NAME_CHARS_MAX: usize = 53;

/// Most layers, parameters and API versions together. The largest public Applications have some dozen.
const ARGUMENTS_MAX: usize = 2_000;

/// Bytes of all arguments; Linux takes 2 MiB, the environment included.
const ARGUMENT_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of one argument; Linux takes 128 KiB.
const ONE_ARGUMENT_BYTES_MAX: usize = 100 * 1024;

/// What helps where there is none.
pub(crate) const INSTALL: &str =
    "install helm v3 or v4 on the path, or name its path in the environment variable KUBEOPT_HELM";

/// A helm binary that was found and has told its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelmBinary {
    /// Absolute path.
    pub program: PathBuf,
    /// As it tells it: `v4.3.1`.
    pub version: String,
}

impl HelmBinary {
    /// Looks at the configured path only, if there is one; else at `helm` on the path.
    ///
    /// # Errors
    /// `E-REN-001` with what was tried.
    pub async fn find(configured: Option<&Path>) -> Result<Self, Problem> {
        let search = std::env::var_os("PATH").unwrap_or_default();
        Self::find_in(configured, &search).await
    }

    async fn find_in(configured: Option<&Path>, search: &OsStr) -> Result<Self, Problem> {
        let mut tried = "`helm` is not on the path".to_owned();
        for program in candidates(configured, &["helm"], search) {
            match ask_version(&program).await {
                Ok(found) => return Ok(found),
                Err(why) => tried = format!("{}: {why}", program.display()),
            }
        }
        Err(Problem::new(codes::RENDERER_MISSING, format!("no helm binary was found: {tried}"), INSTALL))
    }

    /// As proofs name it: `helm v4.3.1`.
    pub fn label(&self) -> String {
        format!("helm {}", self.version)
    }
}

async fn ask_version(program: &Path) -> Result<HelmBinary, String> {
    // The child has another working folder.
    let program = std::path::absolute(program).map_err(|error| error.to_string())?;
    let text = ask(&program, &["version", "--template", "{{.Version}}"]).await?;
    let version = checked_version(text.trim()).ok_or("it does not tell its version")?;
    Ok(HelmBinary { program, version })
}

/// What helm is given for a request.
///
/// Hooks are rendered, since what they run asks for resources too; tests are not, nobody runs them. CRDs are left out.
///
/// # Errors
/// `E-REN-014` and `E-REN-015` of the chart, `E-REN-017` for arguments that helm would take for something else.
pub(crate) fn prepare(request: &RenderRequest) -> Result<Prepared, Problem> {
    let RenderRequest { entry, files, overlay, target_namespace, helm, .. } = request;
    if overlay.is_some() {
        return Err(refused("what is added on top of a release is not rendered", "keep resources out of it"));
    }
    let chart = layout_of(files, entry)?;
    let nothing = HelmArguments::default();
    let helm = helm.as_ref().unwrap_or(&nothing);
    let mut arguments = vec!["template".to_owned(), release_name(&helm.name)?, relative(entry)];
    let namespace = helm.namespace.as_ref().or(target_namespace.as_ref());
    arguments.push(format!("--namespace={}", namespace.map_or("default", |namespace| namespace.as_str())));
    arguments.push("--skip-tests".to_owned());
    arguments.extend((0..helm.values.len()).map(|index| format!("--values={}", values_file(index))));
    for parameter in &helm.parameters {
        arguments.push(set(parameter)?);
    }
    if let Some(version) = &helm.kube_version {
        arguments.push(format!("--kube-version={}", plain("a version of Kubernetes", version)?));
    }
    for version in &helm.api_versions {
        arguments.push(format!("--api-versions={}", plain("an API version", version)?));
    }
    let lengths = || arguments.iter().map(String::len);
    let is_long = lengths().sum::<usize>() > ARGUMENT_BYTES_MAX
        || lengths().any(|bytes| bytes > ONE_ARGUMENT_BYTES_MAX);
    if arguments.len() > ARGUMENTS_MAX || is_long {
        let text = "the release has more values and parameters than helm can be given";
        return Err(refused(text, "write the parameters into one file of values"));
    }
    Ok(Prepared { files: chart, values: helm.values.clone(), arguments, ..Prepared::default() })
}

/// Helm's own rule: a DNS subdomain of at most 53 characters. Nothing that begins with a hyphen passes.
fn release_name(name: &str) -> Result<String, Problem> {
    if name.is_empty() {
        return Ok("release-name".to_owned());
    }
    let part = |part: &str| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !part.is_empty() && !part.starts_with('-') && !part.ends_with('-') && part.chars().all(plain)
    };
    if name.len() <= RELEASE_NAME_CHARS_MAX && name.split('.').all(part) {
        return Ok(name.to_owned());
    }
    let shown: String = name.escape_debug().take(100).collect();
    Err(refused(
        &format!("`{shown}` is not the name of a release"),
        "use at most 53 lower case letters, digits, hyphens and dots, as helm does",
    ))
}

/// `--set=a.b=c`. Commas of the value would begin the next one, so they are escaped, unless the value is a list in braces
/// or they are escaped already; this is what Argo CD does.
fn set(parameter: &Parameter) -> Result<String, Problem> {
    let Parameter { name, value, force_string } = parameter;
    let shown: String = name.escape_debug().take(100).collect();
    let splits = name.is_empty() || name.contains(['=', ',', '{', '}']) || name.chars().any(char::is_control);
    if splits || value.contains('\0') {
        return Err(refused(
            &format!("the parameter `{shown}` is not one path within the values"),
            "write its path with dots, as helm's --set takes it",
        ));
    }
    let flag = if *force_string { "--set-string" } else { "--set" };
    let is_list = value.starts_with('{') && value.ends_with('}');
    let value = if is_list { value.clone() } else { escape_commas(value) };
    Ok(format!("{flag}={name}={value}"))
}

fn escape_commas(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        if c == ',' && !escaped.ends_with('\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn plain<'a>(what: &str, text: &'a str) -> Result<&'a str, Problem> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '/' | '_');
    if !text.is_empty() && text.len() <= 200 && text.chars().all(plain) {
        return Ok(text);
    }
    let shown: String = text.escape_debug().take(100).collect();
    Err(refused(
        &format!("`{shown}` is not {what}"),
        "write it as `kubectl version` or `kubectl api-versions` does",
    ))
}

fn refused(text: &str, help: &str) -> Problem {
    Problem::new(codes::HELM_ARGUMENTS, text, help)
}

#[cfg(test)]
#[path = "helm_tests.rs"]
mod tests;
