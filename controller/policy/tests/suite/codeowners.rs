//! Who owns a file: three dialects, hostile files, and what is said of lines that are left out.

use kubeopt_model::RepoPath;
use kubeopt_policy::codeowners::{CodeOwners, Dialect};
use proptest::prelude::*;

fn path(text: &str) -> RepoPath {
    RepoPath::new(text).unwrap()
}

fn read(text: &str, dialect: Dialect) -> CodeOwners {
    CodeOwners::read(text, "CODEOWNERS", dialect).unwrap()
}

/// Users, then teams.
fn owners(file: &CodeOwners, of: &str) -> String {
    let owners = file.owners_of([&path(of)]).unwrap();
    owners.users.into_iter().chain(owners.teams).collect::<Vec<_>>().join(" ")
}

const GITHUB: &str = "\
# Everybody's
*       @acme/platform
*.js    @js-owner # and nobody else
*.go    docs@example.com
/build/logs/ @doctor
docs/*  @docs
apps/   @octo
/apps/github
**/logs @logger
/charts/**/values.yaml @charts
my\\ file.yaml @spacer
Ops.? @one
";

#[test]
fn of_github_the_last_line_that_matches_counts() {
    let file = read(GITHUB, Dialect::GitHub);
    assert_eq!(file.warnings(), []);
    for (of, owner) in [
        ("any.yaml", "acme/platform"),
        ("src/deep/a.js", "js-owner"),
        ("a.go", ""),
        ("build/logs/a/b.txt", "logger"),
        ("other/build/logs.txt", "acme/platform"),
        ("docs/start.md", "docs"),
        ("docs/build-app/trouble.md", "acme/platform"),
        ("x/docs/start.md", "acme/platform"),
        ("apps/a.yaml", "octo"),
        ("deep/apps/b/c.yaml", "octo"),
        ("apps/github/a.yaml", ""),
        ("apps/github", ""),
        ("apps/githubs/a.yaml", "octo"),
        ("deep/logs", "logger"),
        ("charts/values.yaml", "charts"),
        ("charts/a/b/values.yaml", "charts"),
        ("charts/a/values.yaml.tpl", "acme/platform"),
        ("dir/my file.yaml", "spacer"),
        ("Ops.a", "one"),
        ("ops.a", "acme/platform"),
    ] {
        assert_eq!(owners(&file, of), owner, "{of}");
    }
}

#[test]
fn of_gitlab_every_section_counts_with_its_own_last_line() {
    let file = read(
        "* @general\n\n[Documentation][2] @docs-team\ndocs/\n*.txt @txt @group/sub/team\n\n^[Database] @database\n\
         model/db/\nconfig/db/setup.md @docs-team\n!model/db/seeds/\nmodel/db/seeds/keep.sql\n\n[documentation]\n/README.md\n\
         \\#odd.md @odd\n/one/* @one\n/two/**/x[0-9].yaml @two @@maintainer someone # @comment\n",
        Dialect::GitLab,
    );
    assert_eq!(file.warnings(), []);
    for (of, owner) in [
        ("a.yaml", "general"),
        ("docs/a.md", "docs-team general"),
        ("x/docs/y/a.md", "docs-team general"),
        ("docs", "general"),
        ("model/db/CHANGELOG.txt", "database general txt group/sub/team"),
        ("deep/config/db/setup.md", "docs-team general"),
        ("model/db/seeds/keep.sql", "general"),
        ("README.md", "docs-team general"),
        ("x/README.md", "general"),
        ("x/#odd.md", "general odd"),
        ("one/a", "general one"),
        ("one/a/b", "general"),
        ("two/x1.yaml", "comment general two"),
        ("two/a/b/x2.yaml", "comment general two"),
        ("two/a/xa.yaml", "general"),
    ] {
        assert_eq!(owners(&file, of), owner, "{of}");
    }
}

#[test]
fn of_gitea_every_regular_expression_that_matches_counts() {
    let file = read(
        ".*\\\\.go @user1 user2 # comment\nfrontend/src/.*\\\\.js @org1/team1\n!frontend/.* @org1/team3\ndir/with\\#hash @hash\n\
         path\\ with\\ space @space\ndocs/(aws|google)/[^/]*\\\\.(md|txt) @user8\n",
        Dialect::Gitea,
    );
    assert_eq!(file.warnings(), []);
    for (of, owner) in [
        ("a/b.go", "user1 user2 org1/team3"),
        ("frontend/src/a/b.js", "org1/team1"),
        ("frontend/a.css", ""),
        ("dir/with#hash", "hash org1/team3"),
        ("path with space", "space org1/team3"),
        ("docs/aws/a.md", "user8 org1/team3"),
        ("docs/aws/b/a.md", "org1/team3"),
    ] {
        assert_eq!(owners(&file, of), owner, "{of}");
    }
}

#[test]
fn teams_group_files_and_a_file_without_one_has_no_group() {
    let file =
        read("* @ann\n/a/ @zoe @acme/a @acme/second\n/b/ @acme/b\n/c/ a@example.com\n", Dialect::GitHub);
    let team = |of: &str| file.team_of(&path(of)).unwrap();
    assert_eq!(team("a/x.yaml").as_deref(), Some("acme/a"), "the first that its line names");
    assert_eq!((team("x.yaml"), team("c/x.yaml")), (None, None));
    let all = |paths: &[&str]| {
        let paths: Vec<RepoPath> = paths.iter().map(|text| path(text)).collect();
        file.team_of_all(&paths).unwrap()
    };
    assert_eq!(all(&["b/x.yaml", "a/x.yaml", "a/y.yaml"]).as_deref(), Some("acme/a+acme/b"));
    assert_eq!(all(&["b/x.yaml", "x.yaml"]), None);
    assert_eq!(all(&[]), None);
    let owners = file.owners_of(&[path("a/x"), path("b/x"), path("c/x")]).unwrap();
    assert_eq!((owners.users.len(), owners.teams.len()), (1, 3), "an address is nobody to ask");
}

#[test]
fn lines_that_the_forge_would_not_read_are_told_and_left_out() {
    for (dialect, line, why) in [
        (Dialect::GitHub, "!a @ann", "GitHub reads neither"),
        (Dialect::GitHub, "*.[ch] @ann", "GitHub reads neither"),
        (Dialect::GitHub, "\\#a @ann", "GitHub reads neither"),
        (Dialect::GitHub, "a ann", "an owner is neither"),
        (Dialect::GitHub, "a @ann/b/c", "an owner is neither"),
        (Dialect::GitHub, "a @<script>", "an owner is neither"),
        (Dialect::GitHub, "/ @ann", "its pattern is empty"),
        (Dialect::GitHub, "a\\", "ends with a backslash"),
        (Dialect::GitLab, "[open @ann", "the heading of a section is not closed"),
        (Dialect::GitLab, "[ ] @ann", "the section has no name"),
        (Dialect::GitLab, "[a][x] @ann", "the number of approvals"),
        (Dialect::GitLab, "a[ @ann", "is not closed"),
        (Dialect::Gitea, "( @ann", "no regular expression"),
        (Dialect::Gitea, "(a{1000}){1000} @ann", "no regular expression, or too large"),
        (Dialect::Gitea, "a", "it names no owner"),
    ] {
        let file = read(&format!("# first\nx @bob\n{line}\n"), dialect);
        let [warning] = file.warnings() else { panic!("{line}: {:?}", file.warnings()) };
        assert!(warning.text.contains(why), "{line}: {warning}");
        assert_eq!(
            (warning.code.as_str(), warning.place.as_ref().and_then(|place| place.line)),
            ("E-POL-102", Some(3))
        );
        assert_eq!(owners(&file, "x"), "bob");
    }
    let flood = read(&"a ann\n".repeat(500), Dialect::GitHub);
    assert_eq!(flood.warnings().len(), 21);
    assert_eq!(flood.warnings()[20].text, "480 more lines of CODEOWNERS are left out");
}

#[test]
fn a_file_beyond_all_bounds_is_refused_and_hostile_patterns_end() {
    let refused =
        |text: &str| CodeOwners::read(text, "CODEOWNERS", Dialect::GitHub).map(|_| ()).unwrap_err().code;
    assert_eq!(refused(&"#".repeat((1 << 20) + 1)), "E-POL-101");
    assert_eq!(refused(&"a @b\n".repeat(10_001)), "E-POL-101");
    let stars = format!("*{}b*{}b @ann\n", "a".repeat(1500), "*a".repeat(500));
    let long = path(&"a".repeat(4000));
    for dialect in [Dialect::GitHub, Dialect::GitLab] {
        assert_eq!(
            owners(&read(&stars, dialect), long.as_str()),
            "",
            "one such pattern is within the budget"
        );
        let many = read(&stars.repeat(100), dialect);
        assert_eq!(many.owners_of([&long]).unwrap_err().code, "E-POL-103");
        assert_eq!(many.team_of(&long).unwrap_err().code, "E-POL-103");
    }
    let deep = format!("/{}b @ann\n", "**/a/".repeat(300));
    let file = read(&deep, Dialect::GitHub);
    assert_eq!(owners(&file, &"a/".repeat(1500)), "");
    let gitea = read("(a*)*b @ann\n", Dialect::Gitea);
    assert_eq!(owners(&gitea, long.as_str()), "");
}

#[test]
fn each_dialect_has_its_places() {
    assert_eq!(Dialect::GitHub.places()[0], ".github/CODEOWNERS");
    assert_eq!(Dialect::GitLab.places().last(), Some(&".gitlab/CODEOWNERS"));
    assert!(Dialect::Gitea.places().contains(&".gitea/CODEOWNERS"));
}

proptest! {
    #[test]
    fn no_file_panics_and_every_warning_has_a_line(
        text in "[-@a-c*?/#!\\[\\]\\\\^ \n(.)é]{0,120}",
        of in "[a-c./]{1,12}",
    ) {
        for dialect in [Dialect::GitHub, Dialect::GitLab, Dialect::Gitea] {
            let file = read(&text, dialect);
            prop_assert!(file.warnings().iter().all(|warning| warning.place.is_some()));
            if let Ok(of) = RepoPath::new(&of) {
                prop_assert!(file.owners_of([&of]).is_ok());
            }
        }
    }

    #[test]
    fn a_file_named_by_its_own_path_is_found(of in "[a-z]{1,4}(/[a-z0-9._-]{1,5}){0,3}") {
        let Ok(path) = RepoPath::new(&of) else { return Ok(()) };
        for dialect in [Dialect::GitHub, Dialect::GitLab] {
            let file = read(&format!("* @other\n/{} @acme/own\n", path.as_str()), dialect);
            let team = file.team_of(&path).unwrap();
            prop_assert_eq!(team.as_deref(), Some("acme/own"));
        }
    }
}
