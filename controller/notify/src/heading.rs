//! What services show at the top of a notice. Knows no service.

use crate::notice::{Notice, NoticeState};

/// `Resolved: ` before the title of what is over.
pub(crate) fn headline(notice: &Notice) -> String {
    match notice.state {
        NoticeState::Raised => notice.title.clone(),
        NoticeState::Resolved => format!("Resolved: {}", notice.title),
    }
}

/// `warning · not-synced · cluster prod-eu`
pub(crate) fn context(notice: &Notice) -> String {
    format!("{} · {} · cluster {}", notice.severity, notice.kind, notice.cluster)
}
