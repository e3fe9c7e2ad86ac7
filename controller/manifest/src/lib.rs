//! YAML by span: mark, read back, edit, remove, compare, and the guards that refuse.
//!
//! Pure: bytes in, values out. It never sees a repository, a cluster or a renderer, only files and what a renderer made
//! of them. Two parsers that know nothing of each other stand behind every edit: yaml-edit changes, yaml-rust2 checks.
//!
//! ```
//! use kubeopt_manifest::{edit, read_sites};
//! use kubeopt_model::{Amount, FieldEdit, MilliCores, RepoPath};
//!
//! let file = RepoPath::new("api.yaml").expect("a path");
//! let text = b"apiVersion: apps/v1
//! kind: Deployment
//! metadata: {name: api}
//! spec:
//!   template:
//!     spec:
//!       containers:
//!       - name: api
//!         resources:
//!           requests:
//!             cpu: \"1\" # sized by hand
//! ";
//! let site = read_sites(&file, text).expect("YAML").remove(0).site.expect("editable");
//! let after = Amount::Cpu(MilliCores(310));
//! let edited = edit(&file, text, &[FieldEdit { site, after }]).expect("edited");
//! assert!(String::from_utf8_lossy(&edited).ends_with("cpu: \"310m\" # sized by hand\n"));
//! ```

mod candidate;
mod closure;
pub mod codes;
mod compare;
mod create;
mod create_apply;
mod create_extent;
mod create_fresh;
mod create_insert;
mod create_place;
mod create_style;
mod cut;
mod edit;
mod guard;
mod kustomize;
mod mark;
mod mark_index;
mod patch_file;
mod pods;
mod read_back;
mod refusal;
mod register;
mod remove;
mod rendered;
mod replace;
mod role;
mod scalers;
mod scope;
mod sites;
mod slot;
mod stream;
mod target;
mod target_key;
mod template;
mod text;
mod transform;
mod tree_edit;
mod values_key;
mod watermark;
mod wish;
mod written;
mod yaml_text;

pub use closure::{Closure, closure, known_files};
pub use codes::CODES;
pub use compare::{Differences, compare, compare_all};
pub use create::{Created, Creation, create, create_texts};
pub use create_apply::{Insertion, uncreate};
pub use edit::{edit, edit_as_written};
pub use guard::{FILE_BYTES_MAX, guard_file, guard_place, guard_place_as};
pub use kustomize::{FILE_NAMES, KustomizationFile, KustomizationKind, is_remote, kustomization};
pub use mark::{Marked, mark, mark_targets};
pub use mark_index::{KnownMarks, Mark, MarkIndex};
pub use patch_file::{ContainerPatch, extend_patch, patch_text};
pub use read_back::{Arrival, ReadBack, read_back};
pub use register::register_patch;
pub use remove::{remove, take_out};
pub use rendered::{Rendered, RenderedContainer, workloads};
pub use role::FileRole;
pub use scalers::{RenderedTarget, read_back_targets, targets};
pub use sites::{SiteRead, read_sites};
pub use slot::{DescribedContainer, SetField, Slot, Slots, offered, slots, slots_at};
pub use target::edit_targets;
pub use transform::{Origin, Transform};
