//! Labels, reviewers and assignees: what is asked for, what is there, and what people decided since.

use std::collections::BTreeSet;

/// Most names that are put on one pull request; forges take 10 to 15 people, and nobody reads more labels.
pub const NAMES_MAX: usize = 20;

/// Longest name of a label, account or team.
const NAME_CHARS_MAX: usize = 100;

/// What kubeopt wants on a pull request, and what it put there before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// The names that should be there; the first [`NAMES_MAX`] count.
    pub wanted: Vec<String>,
    /// [`Arranged::set`] of the last time. What of it is gone was taken off by a person and stays off; what of it is
    /// not wanted any more is taken off. Everything else is people's and stays.
    pub set_before: Vec<String>,
}

/// A name that could not be put there; the pull request is none the worse for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declined {
    /// The name.
    pub name: String,
    /// What the forge said.
    pub why: String,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arranged {
    /// What is there now, whoever put it there, sorted.
    pub there: Vec<String>,
    /// What kubeopt put there now or before and still wants, sorted: to be given as [`Asked::set_before`] the next
    /// time.
    pub set: Vec<String>,
    /// What could not be put there.
    pub declined: Vec<Declined>,
}

/// What is left to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Steps {
    pub(crate) add: Vec<String>,
    pub(crate) remove: Vec<String>,
    there: Vec<String>,
    kept: Vec<String>,
    declined: Vec<Declined>,
}

impl Asked {
    /// What differs from what is there. Names are the same whatever their case when `same` says so.
    pub(crate) fn against(&self, there: &[String], same: fn(&str, &str) -> bool) -> Steps {
        let among = |names: &[String], name: &str| names.iter().any(|other| same(other, name));
        let (mut wanted, mut declined): (Vec<String>, Vec<Declined>) = (Vec::new(), Vec::new());
        for name in &self.wanted {
            if among(&wanted, name) {
                continue;
            }
            match why_not(name, wanted.len()) {
                None => wanted.push(name.clone()),
                Some(why) => declined.push(Declined { name: shown(name), why: why.to_owned() }),
            }
        }
        let before = &self.set_before;
        let add = wanted.iter().filter(|name| !among(there, name) && !among(before, name)).cloned();
        let remove = there.iter().filter(|name| among(before, name) && !among(&wanted, name)).cloned();
        let kept = wanted.iter().filter(|name| among(before, name)).cloned();
        Steps {
            add: add.collect(),
            remove: remove.collect(),
            kept: kept.collect(),
            there: there.to_vec(),
            declined,
        }
    }
}

impl Steps {
    /// A name that the forge did not take is told instead of added.
    pub(crate) fn decline(&mut self, name: &str, why: impl Into<String>) {
        self.add.retain(|other| other != name);
        self.declined.push(Declined { name: name.to_owned(), why: why.into() });
    }

    /// After everything else was added and removed.
    pub(crate) fn done(self) -> Arranged {
        let mut there: BTreeSet<String> = self.there.into_iter().collect();
        there.retain(|name| !self.remove.contains(name));
        there.extend(self.add.iter().cloned());
        let set: BTreeSet<String> = self.kept.into_iter().chain(self.add).collect();
        Arranged {
            there: there.into_iter().collect(),
            set: set.into_iter().collect(),
            declined: self.declined,
        }
    }
}

/// Labels differ by case.
pub(crate) fn same_label(one: &str, other: &str) -> bool {
    one == other
}

/// Accounts do not.
pub(crate) fn same_account(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

fn why_not(name: &str, taken: usize) -> Option<&'static str> {
    if name.trim() != name || name.is_empty() || name.chars().any(char::is_control) {
        return Some("this is not a name");
    }
    if name.chars().count() > NAME_CHARS_MAX {
        return Some("the name is longer than 100 characters");
    }
    (taken >= NAMES_MAX).then_some("more than 20 are not put on one pull request")
}

/// A name as it may stand in a text.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn people_have_the_last_word() {
        // What is wanted, what was set before, what is there; then what is added, removed, there and remembered.
        for (wanted, before, there, add, remove, then, set) in [
            ("a b", "", "", "a b", "", "a b", "a b"),
            ("a b", "a b", "a b", "", "", "a b", "a b"),
            ("a b", "a b", "a", "", "", "a", "a b"),
            ("a", "a b", "a b c", "", "b", "a c", "a"),
            ("a", "", "a c", "", "", "a c", ""),
            ("", "a", "c", "", "", "c", ""),
            ("a a", "", "c", "a", "", "a c", "a"),
        ] {
            let asked = Asked { wanted: names(wanted), set_before: names(before) };
            let steps = asked.against(&names(there), same_label);
            assert_eq!((&steps.add, &steps.remove), (&names(add), &names(remove)), "{asked:?}");
            let done = steps.done();
            assert_eq!((&done.there, &done.set), (&names(then), &names(set)), "{asked:?}");
            // Asked again with what came of it, nothing is left to do.
            let again = Asked { set_before: done.set.clone(), ..asked };
            let steps = again.against(&done.there, same_label);
            assert!(steps.add.is_empty() && steps.remove.is_empty(), "{again:?}");
        }
    }

    #[test]
    fn accounts_are_the_same_in_any_case_and_labels_are_not() {
        let asked = Asked { wanted: names("Ada"), set_before: Vec::new() };
        assert_eq!(asked.against(&names("ada"), same_account).add, names(""));
        assert_eq!(asked.against(&names("ada"), same_label).add, names("Ada"));
    }

    #[test]
    fn what_is_no_name_is_declined_and_keeps_nothing_back() {
        let mut wanted: Vec<String> = ["", " a", "a\nb", "good"].map(str::to_owned).to_vec();
        wanted.push("x".repeat(101));
        wanted.extend((0..25).map(|at| format!("n{at}")));
        let mut steps = Asked { wanted, set_before: Vec::new() }.against(&[], same_label);
        assert_eq!(steps.add.len(), NAMES_MAX);
        assert_eq!(steps.declined.len(), 4 + 6);
        assert!(
            steps.declined.iter().all(|declined| declined.name.len() <= 100 && !declined.name.contains('\n'))
        );
        steps.decline("good", "it is not");
        let done = steps.done();
        assert!(!done.there.contains(&"good".to_owned()) && !done.set.contains(&"good".to_owned()));
    }
}
