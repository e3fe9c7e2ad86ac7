//! CODEOWNERS: whom a repository names for its files. Pure: the text of the base branch comes in. Knows no person: whether
//! somebody exists and may review is asked of the forge.
//!
//! Three dialects. **GitHub**: patterns as in `.gitignore` without `!`, `[ ]` and `\#`; the last line that matches counts, and
//! one without owners takes them away. **GitLab**: sections with default owners, of which each counts by itself, and
//! exclusions (`!`). **Gitea** and Forgejo: regular expressions; every line that matches counts.
//!
//! The file is hostile: it is bounded in bytes, lines and patterns, and a look-up has a budget of steps.
//!
//! ```
//! use kubeopt_model::RepoPath;
//! use kubeopt_policy::codeowners::{CodeOwners, Dialect};
//!
//! let text = "* @acme/platform\n/apps/payments/ @acme/payments @ann\n";
//! let owners = CodeOwners::read(text, "CODEOWNERS", Dialect::GitHub)?;
//! let path = RepoPath::new("apps/payments/api.yaml").unwrap();
//! assert_eq!(owners.team_of(&path)?.as_deref(), Some("acme/payments"));
//! # Ok::<(), kubeopt_model::Problem>(())
//! ```

mod dialect;
mod line;
mod pattern;

use std::collections::BTreeSet;

use kubeopt_model::{Problem, RepoPath};

pub use dialect::Dialect;
pub use line::Owner;

use crate::codes;
use line::{Line, read_line};
use pattern::{Fuel, Pattern};

/// GitHub reads 3 MB; the largest of public repositories have a tenth of this.
const BYTES_MAX: usize = 1 << 20;

/// Lines with a pattern; each is tried for each file.
const RULES_MAX: usize = 10_000;

/// Lines that are told one by one; the first ones show the pattern, the rest is counted.
const WARNINGS_MAX: usize = 20;

/// Steps of matching in one look-up: about a tenth of a second. A thousand lines and a hundred files take a hundredth of it.
const STEPS_MAX: u64 = 20_000_000;

/// Who owns some files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owners {
    /// Users, without `@`.
    pub users: BTreeSet<String>,
    /// Teams, as `organisation/team`.
    pub teams: BTreeSet<String>,
}

/// A CODEOWNERS file that was read.
#[derive(Debug, Clone)]
pub struct CodeOwners {
    dialect: Dialect,
    place: String,
    sections: Vec<Section>,
    warnings: Vec<Problem>,
}

/// Lines that are looked at by themselves; GitHub and Gitea have one.
#[derive(Debug, Clone, Default)]
struct Section {
    /// In lower case; empty for what stands before the first heading.
    name: String,
    /// Owners of lines that name none.
    defaults: Vec<Owner>,
    rules: Vec<Rule>,
}

/// One line with a pattern.
#[derive(Debug, Clone)]
struct Rule {
    pattern: Pattern,
    owners: Vec<Owner>,
}

impl CodeOwners {
    /// Reads the file. `place` is its path, for messages. Lines that the forge would not read are left out and told.
    ///
    /// # Errors
    /// A file that is larger than kubeopt reads.
    pub fn read(text: &str, place: &str, dialect: Dialect) -> Result<Self, Problem> {
        let too_large = |what: String| {
            let help = "make it smaller, or name people under `pullRequests.reviewers`";
            Problem::new(codes::OWNERS_TOO_LARGE, format!("CODEOWNERS has {what}"), help).at(place, None)
        };
        if text.len() > BYTES_MAX {
            return Err(too_large(format!("{} bytes, at most {BYTES_MAX} are read", text.len())));
        }
        let mut file = Self {
            dialect,
            place: place.to_owned(),
            sections: vec![Section::default()],
            warnings: Vec::new(),
        };
        let (mut current, mut rules, mut left_out) = (0, 0, 0);
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (index, line) in text.lines().enumerate() {
            match read_line(line, dialect) {
                Ok(Line::Nothing) => {}
                Ok(Line::Heading { name, defaults }) => current = file.section(name, defaults),
                Ok(Line::Rule { pattern, owners }) => {
                    rules += 1;
                    file.sections[current].rules.push(Rule { pattern, owners });
                }
                Err(why) => {
                    left_out += 1;
                    file.warn(index + 1, why);
                }
            }
            if rules > RULES_MAX || file.sections.len() > RULES_MAX {
                return Err(too_large(format!("more than {RULES_MAX} lines with a pattern")));
            }
        }
        file.tell_rest(left_out);
        Ok(file)
    }

    /// Lines that were left out.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// Users and teams that own any of these files.
    ///
    /// # Errors
    /// When looking takes more steps than kubeopt spends on one look-up.
    pub fn owners_of<'p>(&self, paths: impl IntoIterator<Item = &'p RepoPath>) -> Result<Owners, Problem> {
        let mut fuel = Fuel::new(STEPS_MAX);
        let mut found = Owners::default();
        for path in paths {
            for owner in self.of(path, &mut fuel).ok_or_else(|| self.too_slow())? {
                match owner {
                    Owner::User(name) => found.users.insert(name.clone()),
                    Owner::Team(name) => found.teams.insert(name.clone()),
                    Owner::Email(_) => false,
                };
            }
        }
        Ok(found)
    }

    /// The team that owns a file: the first that its line names; none where no team does.
    ///
    /// # Errors
    /// As [`CodeOwners::owners_of`].
    pub fn team_of(&self, path: &RepoPath) -> Result<Option<String>, Problem> {
        self.first_team(path, &mut Fuel::new(STEPS_MAX))
    }

    /// The teams that own some files, joined with `+` in the order of their names: one group of pull requests. None where a
    /// file has no team.
    ///
    /// # Errors
    /// As [`CodeOwners::owners_of`].
    pub fn team_of_all<'p>(
        &self,
        paths: impl IntoIterator<Item = &'p RepoPath>,
    ) -> Result<Option<String>, Problem> {
        let mut fuel = Fuel::new(STEPS_MAX);
        let mut teams = BTreeSet::new();
        for path in paths {
            match self.first_team(path, &mut fuel)? {
                Some(team) => teams.insert(team),
                None => return Ok(None),
            };
        }
        let teams: Vec<String> = teams.into_iter().collect();
        Ok((!teams.is_empty()).then(|| teams.join("+")))
    }

    fn first_team(&self, path: &RepoPath, fuel: &mut Fuel) -> Result<Option<String>, Problem> {
        let owners = self.of(path, fuel).ok_or_else(|| self.too_slow())?;
        Ok(owners.into_iter().find_map(|owner| match owner {
            Owner::Team(name) => Some(name.clone()),
            Owner::User(_) | Owner::Email(_) => None,
        }))
    }

    /// The owners of one file, in the order of their lines; none when the fuel is used up.
    fn of(&self, path: &RepoPath, fuel: &mut Fuel) -> Option<Vec<&Owner>> {
        let mut owners = Vec::new();
        for section in &self.sections {
            let found = match self.dialect {
                Dialect::Gitea => section.all(path.as_str(), fuel)?,
                Dialect::GitHub | Dialect::GitLab => section.last(path.as_str(), fuel)?,
            };
            owners.extend(found);
        }
        Some(owners)
    }

    /// The section of that name, made if it is new; headings of the same name are one section.
    fn section(&mut self, name: String, defaults: Vec<Owner>) -> usize {
        match self.sections.iter().position(|section| section.name == name) {
            Some(known) => {
                if !defaults.is_empty() {
                    self.sections[known].defaults = defaults;
                }
                known
            }
            None => {
                self.sections.push(Section { name, defaults, rules: Vec::new() });
                self.sections.len() - 1
            }
        }
    }

    fn warn(&mut self, line: usize, why: &'static str) {
        if self.warnings.len() < WARNINGS_MAX {
            let text = format!("this line of CODEOWNERS is left out: {why}");
            let help = "correct the line; all others count meanwhile";
            let warning = Problem::new(codes::OWNERS_LINE, text, help).at(&self.place, Some(line));
            self.warnings.push(warning);
        }
    }

    fn tell_rest(&mut self, left_out: usize) {
        let more = left_out.saturating_sub(self.warnings.len());
        if more > 0 {
            let text = format!("{more} more lines of CODEOWNERS are left out");
            let warning = Problem::new(codes::OWNERS_LINE, text, "correct the lines that were told first");
            self.warnings.push(warning.at(&self.place, None));
        }
    }

    fn too_slow(&self) -> Problem {
        let text = format!("looking for owners took more than {STEPS_MAX} steps");
        let help = "write fewer or simpler patterns, or name people under `pullRequests.reviewers`";
        Problem::new(codes::OWNERS_TOO_SLOW, text, help).at(&self.place, None)
    }
}

impl Section {
    /// The owners of the last line that matches. A line that excludes counts wherever it stands.
    fn last(&self, path: &str, fuel: &mut Fuel) -> Option<Vec<&Owner>> {
        for rule in self.rules.iter().filter(|rule| rule.pattern.excludes()) {
            if rule.pattern.matches(path, fuel)? {
                return Some(Vec::new());
            }
        }
        for rule in self.rules.iter().rev().filter(|rule| !rule.pattern.excludes()) {
            if rule.pattern.matches(path, fuel)? {
                let owners = if rule.owners.is_empty() { &self.defaults } else { &rule.owners };
                return Some(owners.iter().collect());
            }
        }
        Some(Vec::new())
    }

    /// The owners of all lines that match.
    fn all(&self, path: &str, fuel: &mut Fuel) -> Option<Vec<&Owner>> {
        let mut owners = Vec::new();
        for rule in &self.rules {
            if rule.pattern.matches(path, fuel)? {
                owners.extend(&rule.owners);
            }
        }
        Some(owners)
    }
}
