//! The creation of keys that are not there yet: bytes in, bytes out, in the style of the file.
//!
//! Text is inserted by span, because no editor keeps every style (measured: steps of two whatever the neighbours do,
//! mixed line ends). yaml-rust2 reads before and after: the events must differ in exactly what was created; yaml-edit
//! must then read every created value at its path. Whether the place feeds a container is for a rendering to say.

use std::collections::{BTreeMap, btree_map};

use kubeopt_model::{Amount, EditSite, FieldPath, Problem, RepoPath, Step};

use crate::create_apply::{Insertion, Planned, applied, line_at, outward, unproven};
use crate::create_fresh::{Fresh, Style};
use crate::create_insert::{changes, events_after, splices};
use crate::create_place::{Place, Spot, find, not_created};
use crate::create_style::{near, of_document, of_nothing};
use crate::guard::{content_refusal, document_refusal, guard_file};
use crate::refusal::{Refusal, shortened};
use crate::stream::{NodeId, Stream};
use crate::text::{Text, splice};
use crate::tree_edit::reads_as;
use crate::yaml_text::YamlText;

/// Bytes of a created text. Quantities have at most about 20; marks have fewer.
const TEXT_BYTES_MAX: usize = 64;

/// A value that shall be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Creation {
    /// Where: the full path, with the keys that are missing; the text is empty.
    pub site: EditSite,
    /// What shall stand there.
    pub after: Amount,
}

/// A file with values created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// All bytes.
    pub bytes: Vec<u8>,
    /// The values as they stand now, in the order in which they were asked for.
    pub sites: Vec<EditSite>,
    /// What was inserted, for [`crate::uncreate`].
    pub insertions: Vec<Insertion>,
}

/// Creates the values at the given sites with all keys that lead to them. Every byte that was there stays, but for
/// `{}`, `[]`, `null` and `~` that give way to keys.
///
/// # Errors
/// The first reason why a value is not created, with its line: see [`crate::codes::CODES`]. A value that is there
/// already is one (E-SRC-029).
pub fn create(path: &RepoPath, bytes: &[u8], creations: &[Creation]) -> Result<Vec<u8>, Problem> {
    let texts: Vec<(EditSite, String)> =
        creations.iter().map(|one| (one.site.clone(), one.after.to_string())).collect();
    create_texts(path, bytes, &texts).map(|created| created.bytes)
}

/// The same with texts, such as watermarks, and with what is needed to find and to undo them.
///
/// # Errors
/// As [`create`]; also when a text is not one word of letters, digits, `.`, `+`, `-` and `_`.
pub fn create_texts(
    path: &RepoPath,
    bytes: &[u8],
    creations: &[(EditSite, String)],
) -> Result<Created, Problem> {
    guard_file(path, bytes)?;
    let yaml =
        YamlText::read(bytes).map_err(|unreadable| unreadable.refusal.at(path, unreadable.line, ""))?;
    let wanted: Vec<Wanted<'_>> = creations
        .iter()
        .map(|(site, text)| Wanted { site, path: &site.path.0, document: site.document, text })
        .collect();
    for one in &wanted {
        one.refusal()
            .map_or(Ok(()), |refusal| Err(one.failed(refusal)))
            .map_err(|failed| failed.problem(path, &yaml.text))?;
    }
    let planned = plan(&yaml, &wanted).map_err(|failed| failed.problem(path, &yaml.text))?;
    let (bytes, insertions) = applied(&yaml, &planned).map_err(|refusal| refusal.of_file(path))?;
    let sites = created_sites(&bytes, creations).map_err(|refusal| refusal.of_file(path))?;
    Ok(Created { bytes, sites, insertions })
}

/// One value that is asked for; its path may be the end of that of the site, within a block.
#[derive(Debug, Clone, Copy)]
struct Wanted<'w> {
    site: &'w EditSite,
    document: usize,
    path: &'w [Step],
    text: &'w str,
}

impl Wanted<'_> {
    fn refusal(&self) -> Option<Refusal> {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-' | b'_');
        if !self.site.text.is_empty() {
            let expected = shortened(&self.site.text);
            return Some(Refusal::Stale { expected, found: String::new() });
        }
        let is_good = (1..=TEXT_BYTES_MAX).contains(&self.text.len()) && self.text.bytes().all(is_word);
        let reason = || format!("`{}` is no quantity", shortened(self.text));
        (!is_good).then(|| Refusal::NotQuantity { reason: reason() })
    }

    fn failed(&self, refusal: Refusal) -> Failed {
        Failed { refusal, line: self.site.line }
    }
}

/// Why something is not created, and the line that was meant.
struct Failed {
    refusal: Refusal,
    line: usize,
}

impl Failed {
    fn problem(&self, path: &RepoPath, text: &Text<'_>) -> Problem {
        self.refusal.at(path, self.line, text.line(self.line))
    }
}

/// What goes to one place.
struct Group<'w> {
    place: Place,
    fresh: Option<Fresh>,
    wanted: Vec<Wanted<'w>>,
}

fn plan(yaml: &YamlText<'_>, wanted: &[Wanted<'_>]) -> Result<Vec<Planned>, Failed> {
    let mut styles = Styles::default();
    let mut planned = Vec::new();
    for ((document, spot), group) in groups(yaml, wanted)? {
        let Some(first) = group.wanted.first() else { continue };
        let style = styles.of(yaml, document).map_err(|refusal| first.failed(refusal))?;
        match (spot, group.fresh) {
            (Spot::Hosted(host), _) => planned.extend(hosted(yaml, host, &group.place, &group.wanted)?),
            (_, Some(mut fresh)) => {
                let nested = near(yaml, &style, &group.place.around);
                fresh.sort(nested.limits_first);
                let changes =
                    changes(yaml, &group.place, &fresh, &style).map_err(|refusal| first.failed(refusal))?;
                planned.extend(
                    changes
                        .into_iter()
                        .map(|change| Planned::new(document, first.path, &group.place, change)),
                );
            }
            (_, None) => {}
        }
    }
    Ok(planned)
}

fn groups<'w>(
    yaml: &YamlText<'_>,
    wanted: &[Wanted<'w>],
) -> Result<BTreeMap<(usize, Spot), Group<'w>>, Failed> {
    let mut groups: BTreeMap<(usize, Spot), Group<'w>> = BTreeMap::new();
    for one in wanted {
        let place = find(yaml, one.document, one.path).map_err(|refusal| one.failed(refusal))?;
        let fresh = match place.spot {
            Spot::Hosted(_) => None,
            Spot::Mapping(_) | Spot::Sequence(_) | Spot::Null(_) | Spot::Blank => Some(
                Fresh::along(&one.path[place.existing..], one.text).ok_or_else(|| one.failed(no_item()))?,
            ),
        };
        match groups.entry((one.document, place.spot)) {
            btree_map::Entry::Vacant(vacant) => {
                vacant.insert(Group { place, fresh, wanted: vec![*one] });
            }
            btree_map::Entry::Occupied(mut known) => {
                let known = known.get_mut();
                known.wanted.push(*one);
                if let (Some(known), Some(fresh)) = (&mut known.fresh, fresh) {
                    known.join(fresh).map_err(|refusal| one.failed(refusal))?;
                }
            }
        }
    }
    Ok(groups)
}

/// The style of each document, and whether anything may be created in it.
#[derive(Default)]
pub(crate) struct Styles {
    known: BTreeMap<usize, Result<Style, Refusal>>,
}

impl Styles {
    pub(crate) fn of(&mut self, yaml: &YamlText<'_>, document: usize) -> Result<Style, Refusal> {
        let style = self.known.entry(document).or_insert_with(|| {
            let root = document.checked_sub(1).and_then(|at| yaml.stream.documents.get(at));
            let Some(root) = root else { return Ok(of_nothing()) };
            match document_refusal(&yaml.stream, *root) {
                Some(refusal) => Err(refusal),
                None => Ok(of_document(yaml, *root)),
            }
        });
        style.clone()
    }
}

/// The place where a path begins to be missing, if a value can be created there. One answer holds for all paths whose
/// places have the same spot.
///
/// # Errors
/// Why none can.
pub(crate) fn creatable(
    yaml: &YamlText<'_>,
    styles: &mut Styles,
    document: usize,
    path: &[Step],
) -> Result<Place, Refusal> {
    let place = find(yaml, document, path)?;
    let style = styles.of(yaml, document)?;
    if let Spot::Hosted(host) = place.spot {
        let site =
            EditSite { document, path: FieldPath(path.to_vec()), ..EditSite::live_only(String::new()) };
        let one = Wanted { site: &site, document, path, text: "1" };
        return match hosted(yaml, host, &place, &[one]) {
            Ok(_) => Ok(place),
            Err(failed) => Err(failed.refusal),
        };
    }
    let fresh = Fresh::along(&path[place.existing..], "1").ok_or_else(no_item)?;
    changes(yaml, &place, &fresh, &style).map(|_| place)
}

/// What puts a node at the place where a path begins to be missing: the node stands for the missing steps, as a mapping
/// of keys or a list of items.
pub(crate) fn added(
    yaml: &YamlText<'_>,
    document: usize,
    path: &[Step],
    fresh: impl FnOnce(&Place) -> Fresh,
) -> Result<Vec<Planned>, Refusal> {
    let place = find(yaml, document, path)?;
    let style = Styles::default().of(yaml, document)?;
    let mut fresh = fresh(&place);
    fresh.sort(near(yaml, &style, &place.around).limits_first);
    let changes = changes(yaml, &place, &fresh, &style)?;
    Ok(changes.into_iter().map(|change| Planned::new(document, path, &place, change)).collect())
}

fn no_item() -> Refusal {
    not_created("the list has no such item")
}

/// Creation within the text of a literal block, as changes of the text around it.
fn hosted(
    yaml: &YamlText<'_>,
    host: NodeId,
    place: &Place,
    wanted: &[Wanted<'_>],
) -> Result<Vec<Planned>, Failed> {
    let Some(first) = wanted.first() else { return Ok(Vec::new()) };
    let fail = |refusal: Refusal| first.failed(refusal);
    let value = yaml.stream.scalar(host).unwrap_or_default().to_owned();
    let inner = YamlText::inner(value).map_err(|unreadable| fail(unreadable.refusal))?;
    if inner.stream.documents.len() != 1 {
        return Err(fail(not_created("the block does not hold one document")));
    }
    if let Some((refusal, _)) = content_refusal(&inner) {
        return Err(fail(refusal));
    }
    let inside: Vec<Wanted<'_>> =
        wanted.iter().map(|one| Wanted { document: 1, path: &one.path[place.existing..], ..*one }).collect();
    let inner_plan = plan(&inner, &inside)?;
    let after = inner_after(&inner, &inner_plan).map_err(fail)?;
    let way = &first.path[..place.existing];
    outward(yaml, host, &inner, inner_plan, after)
        .map(|planned| planned.into_iter().map(|one| one.below(first.document, way)).collect())
        .map_err(fail)
}

/// The text of a block with its changes, proven.
fn inner_after(inner: &YamlText<'_>, planned: &[Planned]) -> Result<String, Refusal> {
    let changes: Vec<_> = planned.iter().map(|one| one.change.clone()).collect();
    let after = splice(&inner.text.body, &splices(&changes));
    let stream = Stream::read(&after).map_err(|unreadable| unproven(&unreadable.refusal.to_string()))?;
    let expected = events_after(&inner.stream, &changes);
    if expected.as_ref() == Some(&stream.events) {
        Ok(after)
    } else {
        Err(unproven("the block reads otherwise"))
    }
}

/// Where the created values stand, read by both parsers.
fn created_sites(bytes: &[u8], creations: &[(EditSite, String)]) -> Result<Vec<EditSite>, Refusal> {
    let yaml = YamlText::read(bytes).map_err(|unreadable| unproven(&unreadable.refusal.to_string()))?;
    let wanted: Vec<(usize, &FieldPath, &str)> =
        creations.iter().map(|(site, text)| (site.document, &site.path, text.as_str())).collect();
    reads_as(&yaml.text, &wanted)?;
    creations
        .iter()
        .map(|(site, text)| {
            let line = line_at(&yaml, site.document, &site.path.0, text)
                .ok_or_else(|| unproven("a created value is not there"))?;
            Ok(EditSite { line, text: text.clone(), ..site.clone() })
        })
        .collect()
}
