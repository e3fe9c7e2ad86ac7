//! From arguments to wiring: the whole pass, its pacing and its outbox.
