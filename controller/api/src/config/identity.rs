//! Credentials of managed services in the configuration: which cloud, and what it has to know beyond its own variables.

use crate::config::scalars::{file, malformed, required};
use crate::config::types::CloudIdentity;
use crate::text::{At, Reading, section};

/// Longest name of a region; the longest of AWS has 14 characters.
const REGION_CHARS_MAX: usize = 32;

/// Longest name of a role, as IAM has it.
const ROLE_CHARS_MAX: usize = 2048;

section! {
    /// Requests signed for AWS (Signature Version 4). Keys are looked for where its SDKs look: variables, the shared
    /// credentials file, a web identity token, pod identity, the metadata service of the instance.
    pub(crate) struct Sigv4 {
        /// Region of the workspace; required.
        "region" => region: String = null,
        /// Profile of the shared credentials file; nothing else is looked for then.
        "profile" => profile: String = null,
        /// Role that is assumed with what was found.
        "roleArn" => role_arn: String = null,
    }
}

section! {
    /// Tokens of Google: for the key of a service account, else from the metadata server (workload identity).
    pub(crate) struct Google {
        /// Key file of a service account; absent is that of `GOOGLE_APPLICATION_CREDENTIALS`, if any.
        "credentialsFile" => credentials_file: String = null,
    }
}

section! {
    /// Tokens of Microsoft Entra: for a client secret, else for the token of workload identity, else of the machine's
    /// managed identity.
    pub(crate) struct Azure {
        /// Directory; absent is `AZURE_TENANT_ID`.
        "tenantId" => tenant_id: String = null,
        /// Application, or a managed identity of the machine; absent is `AZURE_CLIENT_ID`.
        "clientId" => client_id: String = null,
        /// File that holds the application's secret.
        "clientSecretFile" => client_secret_file: String = null,
    }
}

/// For AWS; none after a problem was told.
pub(crate) fn check_sigv4(section: At<Sigv4>, reading: &mut Reading<'_>) -> Option<CloudIdentity> {
    let help = "name the region of the workspace: `region: eu-west-1`";
    let region = required(section.value.region, section.line, "sigv4.region", help, reading)?;
    // It becomes part of the name of a host that credentials are sent to.
    let is_region = |text: &str| {
        !text.is_empty()
            && text.len() <= REGION_CHARS_MAX
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if !is_region(&region.value) {
        return malformed(&region, "sigv4.region", "a region such as `eu-west-1`", reading);
    }
    if let Some(role) = &section.value.role_arn
        && !(role.value.starts_with("arn:") && role.value.len() <= ROLE_CHARS_MAX)
    {
        let expected = "a role such as `arn:aws:iam::123456789012:role/kubeopt`";
        return malformed(role, "sigv4.roleArn", expected, reading);
    }
    Some(CloudIdentity::Aws {
        region: region.value,
        profile: section.value.profile.map(|at| at.value),
        role_arn: section.value.role_arn.map(|at| at.value),
    })
}

/// For Google.
pub(crate) fn check_google(section: At<Google>) -> CloudIdentity {
    CloudIdentity::Google { credentials_file: section.value.credentials_file.map(file) }
}

/// For Azure; none after a problem was told.
pub(crate) fn check_azure(section: At<Azure>, reading: &mut Reading<'_>) -> Option<CloudIdentity> {
    let is_name = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    for (key, at) in
        [("azure.tenantId", &section.value.tenant_id), ("azure.clientId", &section.value.client_id)]
    {
        if let Some(at) = at.as_ref().filter(|at| !is_name(&at.value)) {
            return malformed(at, key, "an id such as `11111111-2222-3333-4444-555555555555`", reading);
        }
    }
    Some(CloudIdentity::Azure {
        tenant_id: section.value.tenant_id.map(|at| at.value),
        client_id: section.value.client_id.map(|at| at.value),
        client_secret_file: section.value.client_secret_file.map(file),
    })
}
