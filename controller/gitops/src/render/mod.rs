//! From a folder of a repository to the manifests that are applied: plain folders in this process, kustomize and Helm in a
//! child.
//!
//! [`Renderer`] checks what a folder refers to, lays the files that it needs out in a private folder and starts the
//! child, `kubeopt render` ([`serve_one`]). The child reads on its standard input which program it is to become, puts
//! limits and a sandbox on itself, says so in one line, and becomes that program by `execve`; what follows on its standard
//! output are the manifests. It holds no credentials, its environment is cleared, and it has nothing to write to but its
//! two pipes.

mod binary;
mod cache;
mod child;
mod client;
mod complaint;
mod helm;
mod kustomize;
mod layout;
mod limits;
mod overlay;
mod plain;
mod prepare;
mod protocol;
mod references;
mod rendered;
mod sandbox;

#[cfg(test)]
mod helm_render_tests;
#[cfg(test)]
mod kustomize_tests;
#[cfg(test)]
mod sandbox_tests;
#[cfg(test)]
mod testing;

pub use child::serve_one;
pub use client::Renderer;
pub use helm::HelmBinary;
pub use kustomize::{Flavour, KustomizeBinary};
pub use protocol::{HelmArguments, RenderLimits, RenderRequest, Sandbox};
pub use rendered::Rendered;
