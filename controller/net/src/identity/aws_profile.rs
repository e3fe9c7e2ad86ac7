//! The shared credentials file of AWS: sections in brackets, keys and values; see "Shared config and credentials files" in
//! the reference of AWS SDKs and tools. Profiles that lead to others or to programs are not followed.

use std::collections::HashMap;
use std::path::PathBuf;

use super::asked::file;
use super::environment::Environment;
use super::sigv4::Keys;
use crate::error::NetError;
use crate::secret::Secret;

/// The keys of a profile; none where there is no file, or no such profile with keys in it.
pub(super) async fn keys(environment: &Environment, profile: &str) -> Result<Option<Keys>, NetError> {
    let named = environment.path("AWS_SHARED_CREDENTIALS_FILE");
    let usual = || Some(PathBuf::from(environment.get("HOME")?).join(".aws/credentials"));
    let Some(path) = named.or_else(usual) else { return Ok(None) };
    if !tokio::fs::try_exists(&path).await.unwrap_or(false) {
        return Ok(None);
    }
    Ok(in_section(file(path).await?.expose(), profile))
}

fn in_section(text: &str, profile: &str) -> Option<Keys> {
    let mut section = "";
    let mut found: HashMap<&str, &str> = HashMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            section = name.trim();
        } else if let (true, Some((name, value))) = (section == profile, line.split_once('=')) {
            found.insert(name.trim(), value.trim());
        }
    }
    let value =
        |name: &str| found.get(name).filter(|value| !value.is_empty()).map(|value| (*value).to_owned());
    Some(Keys {
        id: value("aws_access_key_id")?,
        secret: Secret::new(value("aws_secret_access_key")?),
        session: value("aws_session_token").map(Secret::new),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_keys_of_the_named_profile_only() {
        let text = "# mine\n[default]\naws_access_key_id = A\naws_secret_access_key=a=b\n\n[ other ]\r\naws_access_key_id=B\r\naws_secret_access_key=b\r\naws_session_token = t\r\n[half]\naws_access_key_id=C\n";
        let read = |profile: &str| {
            let keys = in_section(text, profile)?;
            let session = keys.session.map(|token| token.expose().to_owned());
            Some((keys.id, keys.secret.expose().to_owned(), session))
        };
        assert_eq!(read("default"), Some(("A".to_owned(), "a=b".to_owned(), None)));
        assert_eq!(read("other"), Some(("B".to_owned(), "b".to_owned(), Some("t".to_owned()))));
        assert_eq!((read("half"), read("none")), (None, None));
    }
}
