//! The presets that `extends: kubeopt:NAME` takes, embedded from `policies/`. This file knows no key of them.

macro_rules! presets {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../policies/", $name, ".yaml")))),*]
    };
}

/// All presets: (name, text of the file).
pub const PRESETS: &[(&str, &str)] =
    presets!["conservative", "balanced", "aggressive", "production", "development", "batch", "jvm"];

/// The text of one preset.
pub fn preset(name: &str) -> Option<&'static str> {
    PRESETS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// The policy file that a repository gets in its first pull request.
pub const FIRST_POLICY: &str = include_str!("../../../policies/first.kubeopt.yaml");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_begins_by_saying_whom_it_is_for() {
        assert_eq!(PRESETS.len(), 7);
        for (name, text) in PRESETS {
            assert!(text.starts_with("# For "), "{name}");
            assert!(
                !text.lines().any(|line| line.starts_with("extends:")),
                "{name}: a preset extends nothing"
            );
        }
        assert!(preset("balanced").is_some() && preset("reckless").is_none());
    }
}
