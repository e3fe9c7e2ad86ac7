//! Literals in the templates of charts: which are found, that they are edited as text, and what is refused.

use kubeopt_manifest::{
    FileRole, KnownMarks, Marked, Origin, edit, guard_place, guard_place_as, mark, read_back,
};
use kubeopt_model::{Amount, EditSite, FieldEdit, FileSet, MilliCores, RepoPath};

use crate::{field_path, path};

const REDIS: &str = "{{- if .Values.redis.create }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Values.redis.name }}
spec:
  template:
    spec:
      containers:
      - name: redis
        image: {{ .Values.image | quote }}
        resources:
          limits:
            memory: \"256Mi\" # größer
            cpu: 125m
          requests:
            cpu: 70m   # sized by hand
            memory: {{ .Values.redis.memory }}
      - name: side
        resources:
          requests: {cpu: 1m}
          limits:
{{- if .Values.big }}
            cpu: 2
{{- else }}
            cpu: 1 # {{ not this }}
{{- end }}
{{- end }}
";

const FILE: &str = "chart/templates/redis.yaml";

fn marked(text: &str, role: FileRole) -> Marked {
    let chart = (path("chart/Chart.yaml"), b"name: shop\n".to_vec());
    mark(&FileSet::from([chart, (path(FILE), text.as_bytes().to_vec())]), &|file| {
        if file.file_name() == "Chart.yaml" { FileRole::Manifest } else { role }
    })
}

fn text_of(marked: &Marked) -> String {
    String::from_utf8_lossy(&marked.files[&path(FILE)]).into_owned()
}

fn set(text: &str, site: &EditSite, cpu: u64) -> Result<String, String> {
    let after = Amount::Cpu(MilliCores(cpu));
    edit(&path(FILE), text.as_bytes(), &[FieldEdit { site: site.clone(), after }])
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .map_err(|problem| problem.code)
}

/// What Helm would make of the text above: actions alone on their lines go, the others become words.
fn rendered(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("{{"));
    let words = lines.map(|line| match (line.find("{{"), line.rfind("}}")) {
        (Some(open), Some(close)) => format!("{}word{}", &line[..open], &line[close + 2..]),
        _ => line.to_owned(),
    });
    words
        .filter(|line| !line.contains("word }}") && !line.ends_with("cpu: 1 # word"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn literals_on_lines_of_their_own_are_found_and_traced() {
    let marked = marked(REDIS, FileRole::Template);
    let seen: Vec<String> = marked
        .marks
        .iter()
        .map(|mark| format!("{} {}={}", mark.site.line, mark.site.path, mark.site.text))
        .collect();
    let around = "spec.template.spec.containers";
    assert_eq!(
        seen,
        [
            format!("14 {around}.resources.limits.memory=256Mi"),
            format!("15 {around}.resources.limits.cpu=125m"),
            format!("17 {around}.resources.requests.cpu=70m"),
            format!("24 {around}.resources.limits.cpu=2"),
        ]
    );
    assert!(marked.marks.iter().all(|mark| mark.refusal.is_none()));
    let back =
        read_back(rendered(&text_of(&marked)).as_bytes(), &KnownMarks::of([&marked.index()])).expect("text");
    let arrivals: Vec<String> = back
        .arrivals
        .iter()
        .map(|arrival| {
            let from = match &arrival.from {
                Origin::Mark(at) => marked.marks[*at].site.line.to_string(),
                Origin::Transformed(..) => "changed".to_owned(),
                Origin::Unmarked => "-".to_owned(),
            };
            format!("{} {} {from}", arrival.container, arrival.field)
        })
        .collect();
    assert_eq!(
        arrivals,
        [
            "redis requests.cpu 17",
            "redis limits.cpu 15",
            "redis requests.memory -",
            "redis limits.memory 14",
            "side requests.cpu -",
            "side limits.cpu 24",
        ]
    );
}

#[test]
fn a_literal_is_edited_as_text_and_back() {
    for text in [REDIS.to_owned(), REDIS.replace('\n', "\r\n"), format!("\u{feff}{}", REDIS.trim_end())] {
        let marked = marked(&text, FileRole::Template);
        assert_eq!(marked.marks.len(), 4);
        let site = &marked.marks[2].site;
        let edited = set(&text, site, 310).expect("edited");
        assert_eq!(edited, text.replace("cpu: 70m   #", "cpu: 310m   #"));
        let back = EditSite { text: "310m".to_owned(), ..site.clone() };
        assert_eq!(set(&edited, &back, 70), Ok(text.clone()));
        assert_eq!(set(&text, site, 70), Ok(text.clone()), "nothing to do");
        let whole = set(&text, &marked.marks[3].site, 3000).expect("edited");
        assert_eq!(whole, text.replace("cpu: 2", "cpu: 3"));
    }
}

#[test]
fn a_literal_is_edited_only_if_it_is_still_exactly_that() {
    let marked = marked(REDIS, FileRole::Template);
    let site = marked.marks[2].site.clone();
    for (changed, code) in [
        (EditSite { text: "71m".to_owned(), ..site.clone() }, "E-SRC-014"),
        (EditSite { line: 16, ..site.clone() }, "E-SRC-015"),
        (EditSite { line: 18, ..site.clone() }, "E-SRC-004"),
        (EditSite { line: 26, ..site.clone() }, "E-SRC-004"),
        (EditSite { line: 9_999, ..site.clone() }, "E-SRC-015"),
        (EditSite { document: 2, ..site.clone() }, "E-SRC-014"),
        (EditSite { path: field_path("spec.cpu"), ..site.clone() }, "E-SRC-014"),
    ] {
        assert_eq!(set(REDIS, &changed, 310), Err(code.to_owned()), "{changed:?}");
    }
    let elsewhere = edit(
        &path("apps/redis.yaml"),
        REDIS.as_bytes(),
        &[FieldEdit { site: site.clone(), after: Amount::Cpu(MilliCores(310)) }],
    );
    assert_eq!(elsewhere.map_err(|problem| problem.code), Err("E-SRC-004".to_owned()), "it is in no chart");
    let two = [310, 320].map(|cpu| FieldEdit { site: site.clone(), after: Amount::Cpu(MilliCores(cpu)) });
    let contradiction = edit(&path(FILE), REDIS.as_bytes(), &two).map_err(|problem| problem.code);
    assert_eq!(contradiction, Err("E-SRC-020".to_owned()));
    let memory = FieldEdit { site, after: Amount::Memory(kubeopt_model::Bytes(1)) };
    let other = edit(&path(FILE), REDIS.as_bytes(), &[memory]).map_err(|problem| problem.code);
    assert_eq!(other, Err("E-SRC-013".to_owned()));
}

#[test]
fn only_what_the_line_shows_by_itself_is_taken() {
    let around = |line: &str| format!("x: {{{{ .y }}}}\nresources:\n  limits:\n{line}\n");
    for (line, found) in [
        ("    cpu: 1", true),
        ("    cpu:\t'1'\t# why", true),
        ("    \"cpu\": 1", true),
        ("    memory: 1.5Gi", true),
        ("    cpu: 1#", false),
        ("    cpu: '1' m", false),
        ("    cpu: '1", false),
        ("    cpu:", false),
        ("    cpu: &a 1", false),
        ("    cpu: !!str 1", false),
        ("    cpu: lots", false),
        ("    cpu: {{ .c }}", false),
        ("    cpu: 1 {{- /* why */}}", false),
        ("    gpu: 1", false),
        ("    # cpu: 1", false),
        ("  cpu: 1", false),
        ("    deeper:\n      cpu: 1", false),
        ("    {{/*\n    cpu: 1\n    */}}", false),
        ("    text: |\n      limits:\n        cpu: 1", false),
        ("---\n    cpu: 1", false),
        ("\tcpu: 1", false),
    ] {
        let marked = marked(&around(line), FileRole::Template);
        assert_eq!(marked.marks.len(), usize::from(found), "{line}");
    }
}

#[test]
fn the_role_decides_and_not_the_parser() {
    // This reads as YAML, though it is a template.
    let text = "kind: Deployment\nname: \"{{ .Release.Name }}\"\nresources:\n  {{- toYaml .Values.r | nindent 2 }}\n  limits:\n    cpu: 1\n";
    assert_eq!(marked(text, FileRole::Template).marks.len(), 1);
    let as_manifest = marked(text, FileRole::Manifest);
    assert!(as_manifest.marks.iter().all(|mark| mark.refusal.is_some()));
    let quoted = "kind: X\nname: \"{{ .Release.Name }}\"\nresources:\n  limits:\n    cpu: 1\n";
    let marks = marked(quoted, FileRole::Template).marks;
    assert_eq!(set(quoted, &marks[0].site, 2000).expect("edited"), quoted.replace("cpu: 1", "cpu: 2"));
    // Without an action a template is its own rendering, and is read as the YAML that it is.
    let plain = "kind: X\nresources: {limits: {cpu: 1}}\n";
    let marks = marked(plain, FileRole::Template).marks;
    assert_eq!((marks.len(), &marks[0].refusal), (1, &None));
    assert!(marked(plain, FileRole::Manifest).marks[0].refusal.is_some(), "a chart owns it");
}

#[test]
fn the_same_path_in_another_document_is_another_line() {
    let text = "kind: A\nname: \"{{ a }}\"\nresources:\n  limits:\n    cpu: 1\n---\nkind: B\nresources:\n  limits:\n    cpu: 1\n";
    let marks = marked(text, FileRole::Template).marks;
    let lines: Vec<usize> = marks.iter().map(|mark| mark.site.line).collect();
    assert_eq!(lines, [5, 10]);
    let edited = set(text, &marks[1].site, 2000).expect("edited");
    assert_eq!(edited, format!("{}2\n", text.trim_end().strip_suffix('1').expect("the value")));
}

#[test]
fn generated_templates_and_places_of_others_are_refused() {
    let generated = format!("# Code generated by x. DO NOT EDIT.\n{REDIS}");
    let marked = marked(&generated, FileRole::Template);
    let codes: Vec<_> =
        marked.marks.iter().map(|mark| mark.refusal.as_ref().map(|p| p.code.as_str())).collect();
    assert_eq!(codes, [Some("E-SRC-007"); 4]);
    assert_eq!(set(&generated, &marked.marks[0].site, 1), Err("E-SRC-007".to_owned()));
    let all = |file: &RepoPath| file.as_str() == "chart/Chart.yaml";
    assert_eq!(guard_place(&path(FILE), &all).map_err(|p| p.code), Err("E-SRC-004".to_owned()));
    assert_eq!(guard_place_as(&path(FILE), FileRole::Template, &all), Ok(()));
    let ci = path(".github/templates/a.yaml");
    assert_eq!(
        guard_place_as(&ci, FileRole::Template, &all).map_err(|p| p.code),
        Err("E-SRC-017".to_owned())
    );
}
