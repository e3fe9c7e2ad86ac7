//! Repositories of charts of the configuration: which may be asked, where, and with which credentials.

use url::Url;

use crate::config::basic::check_basic;
use crate::config::document::ChartRepositorySection;
use crate::config::scalars::{check_url, file, optional, required};
use crate::config::types::ChartRepositoryConfig;
use crate::text::{At, Fault, Reading};

/// What releases write before the address of a registry.
const REGISTRY: &str = "oci://";

/// One repository of charts; none after a problem was told.
pub(crate) fn check_chart_repository(
    section: At<ChartRepositorySection>,
    reading: &mut Reading<'_>,
) -> Option<ChartRepositoryConfig> {
    let At { value: section, line } = section;
    let help = "name its address: `url: https://charts.example/stable`";
    let url = required(section.url, line, "charts[].url", help, reading);
    let plain_http = section.plain_http.is_some_and(|at| at.value);
    let address = url.and_then(|at| check_address(at, plain_http, reading));
    if section.bearer_file.is_some() && section.basic.is_some() {
        let text = "`bearerFile` and `basic` cannot both be used".to_owned();
        let help = "keep the one that the server wants".to_owned();
        reading.refuse(line, Fault::Contradiction { text, help });
    }
    let basic = optional(section.basic, |at| check_basic(at, reading));
    let (address, url) = address?;
    Some(ChartRepositoryConfig {
        address,
        url,
        bearer_file: section.bearer_file.map(file),
        basic: basic?,
        ca_file: section.ca_file.map(file),
    })
}

/// The address as releases write it, and where it is asked.
fn check_address(at: At<String>, plain_http: bool, reading: &mut Reading<'_>) -> Option<(String, Url)> {
    let At { value, line } = at;
    let Some(rest) = value.strip_prefix(REGISTRY) else {
        if plain_http {
            let text = "`plainHttp` is for registries, and this is the address of a repository".to_owned();
            let help = "remove `plainHttp`; an address that begins with http:// says it already".to_owned();
            reading.refuse(line, Fault::Contradiction { text, help });
        }
        let url = check_url(At { value, line }, "charts[].url", reading)?;
        return Some((url.as_str().trim_end_matches('/').to_owned(), url));
    };
    let scheme = if plain_http { "http://" } else { "https://" };
    let url = check_url(At { value: format!("{scheme}{rest}"), line }, "charts[].url", reading)?;
    let below = url.as_str().trim_start_matches(scheme).trim_end_matches('/');
    Some((format!("{REGISTRY}{below}"), url))
}
