//! Excerpts of source lines that are safe to print: no secret, no control character, not endless. Knows no key; it
//! rather hides too much.

/// What makes a key look like a secret.
const SECRET_WORDS: [&str; 8] =
    ["token", "passw", "secret", "bearer", "credential", "apikey", "privatekey", "clientkey"];

/// An excerpt is for orientation; a screen is seldom wider.
const LONGEST_EXCERPT: usize = 160;

/// The line without line end and without anything that looks like a secret.
pub(crate) fn excerpt(line: &str) -> String {
    let printable: String =
        line.trim_end().chars().filter(|c| !c.is_control()).take(LONGEST_EXCERPT).collect();
    without_hook_address(&without_userinfo(&without_secret_parameters(&without_secret_values(&printable))))
}

/// Whether a key looks as if its value were a secret. `tokenFile` does not: it names a file.
pub(crate) fn looks_secret(key: &str) -> bool {
    let plain: String =
        key.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    !plain.ends_with("file")
        && (plain.ends_with("key") || SECRET_WORDS.iter().any(|word| plain.contains(word)))
}

/// Cuts the line after the first key that looks secret: what follows may be its value, in any notation.
fn without_secret_values(line: &str) -> String {
    for (at, _) in line.match_indices(':') {
        let key_start = line[..at]
            .rfind(|c: char| matches!(c, '{' | ',' | ' ' | '"' | '\'') && !line[..at].ends_with(c))
            .map_or(0, |start| start + 1);
        if looks_secret(&line[key_start..at]) {
            return format!("{}: ***", &line[..at]);
        }
    }
    line.to_owned()
}

/// Cuts the line after the first parameter of an address that looks secret: `?password=`.
fn without_secret_parameters(line: &str) -> String {
    for (at, _) in line.match_indices('=') {
        let start = line[..at].rfind(['?', '&', ' ']).map_or(0, |start| start + 1);
        if looks_secret(&line[start..at]) {
            return format!("{}=***", &line[..at]);
        }
    }
    line.to_owned()
}

/// `https://user:password@host` becomes `https://***@host`.
fn without_userinfo(line: &str) -> String {
    let Some(scheme_end) = line.find("://").map(|at| at + 3) else { return line.to_owned() };
    let authority_end = line[scheme_end..]
        .find(['/', ' ', ',', '}', '"', '\''])
        .map_or(line.len(), |length| scheme_end + length);
    match line[scheme_end..authority_end].rfind('@') {
        Some(at) => format!("{}***{}", &line[..scheme_end], &line[scheme_end + at..]),
        None => line.to_owned(),
    }
}

/// `https://hooks.slack.com/services/T/B/x` becomes `https://***`: whoever has such an address can write there.
fn without_hook_address(line: &str) -> String {
    match line.find("://").map(|at| at + 3) {
        Some(start) if line[start..].contains("hook") || line[start..].contains("logic.azure.com") => {
            format!("{}***", &line[..start])
        }
        Some(_) | None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_survives_in_an_excerpt() {
        for line in [
            "token: hunter2",
            "  - {name: a, token: hunter2, type: gitea}",
            "  pasword: x\n  password: \"hunter2\"",
            "\"password\": hunter2",
            "api-token : hunter2",
            "url: https://user:hunter2@prom.example/x",
            "{bearerToken: hunter2}",
            "reasoning: {key: hunter2}",
            "  routingKey: hunter2",
            "{type: slack, url: \"https://hooks.slack.com/services/T0/B0/hunter2\"}",
            "url: https://discord.com/api/webhooks/1/hunter2",
            "url: https://prod-1.westeurope.logic.azure.com/workflows/hunter2",
            "database: postgres://db/x?sslmode=require&password=hunter2",
        ] {
            assert!(!excerpt(line).contains("hunter2"), "{line} -> {}", excerpt(line));
        }
    }

    #[test]
    fn harmless_lines_stay_as_they_are() {
        for line in
            ["  cpu: {quantil: 0.9}", "tokenFile: /etc/x", "url: https://prom.example/a@b", "größe: ä"]
        {
            assert_eq!(excerpt(line), line);
        }
        assert_eq!(excerpt("a: \u{1b}[31mred\u{7}"), "a: [31mred");
    }
}
