//! The forges: the contract on the local one, what only the local one does, and how Gitea's answers are taken.

mod contract;
mod gitea;
mod local;
