//! Pull requests on a forge: one trait, Gitea and the local forge behind it.
