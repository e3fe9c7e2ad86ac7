//! Landlock: which files can be opened, and how.

use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, PathBeneath, PathFd,
    Ruleset, RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetStatus, Scope,
};

use crate::render::sandbox::loader::Needs;

/// What must be there: all rights over files of the first version, Linux 5.13.
const LEAST: ABI = ABI::V1;

/// What is used where the kernel has it: truncation (6.2), TCP (6.7), devices (6.10), signals and abstract sockets (6.12).
const MOST: ABI = ABI::V6;

/// Restricts this thread and what it becomes.
///
/// # Errors
/// What is missing, as a sentence.
pub(super) fn restrict(readable: &Path, needs: &Needs) -> Result<(), String> {
    let status = apply(readable, needs).map_err(|error| error.to_string())?;
    match status {
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
        RulesetStatus::NotEnforced => Err("the kernel does not enforce it".to_owned()),
    }
}

fn apply(readable: &Path, needs: &Needs) -> Result<RulesetStatus, Box<dyn std::error::Error>> {
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(LEAST))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(MOST))?
        .handle_access(AccessNet::from_all(MOST))?
        .scope(Scope::from_all(MOST))?
        .create()?;
    rules = allow(rules, readable, AccessFs::ReadFile | AccessFs::ReadDir)?;
    rules = allow(rules, Path::new("/dev/null"), AccessFs::ReadFile.into())?;
    for file in &needs.executed {
        rules = allow(rules, file, AccessFs::ReadFile | AccessFs::Execute)?;
    }
    for place in &needs.libraries {
        // Which of them exist differs between distributions.
        if let Ok(metadata) = place.metadata() {
            let folder = if metadata.is_dir() { AccessFs::ReadDir.into() } else { BitFlags::EMPTY };
            let access: BitFlags<AccessFs> = folder | AccessFs::ReadFile;
            rules = allow(rules, place, access)?;
        }
    }
    Ok(rules.restrict_self()?.ruleset)
}

fn allow(
    rules: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, Box<dyn std::error::Error>> {
    Ok(rules.add_rule(PathBeneath::new(PathFd::new(path)?, access))?)
}
