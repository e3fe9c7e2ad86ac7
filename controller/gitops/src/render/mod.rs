//! From a folder of a repository to the manifests that are applied: plain folders in this process, kustomize in a child.
//!
//! The child, `kubeopt render`, reads one [`RenderRequest`] on its standard input and writes one [`RenderAnswer`] on its
//! standard output. It holds no credentials, its environment is cleared, it lays the files out in a private folder and
//! puts resource limits on itself before it runs kustomize. **It is not a sandbox yet**: landlock and seccomp are not
//! applied, so that what kustomize may read and call rests on the checks of `references`.

mod child;
mod client;
mod kustomize;
mod layout;
mod limits;
mod overlay;
mod plain;
mod protocol;
mod references;
mod run;

pub use child::serve_one;
pub use client::{Rendered, Renderer};
pub use kustomize::{Flavour, KustomizeBinary};
pub use protocol::{RenderAnswer, RenderLimits, RenderRequest};
