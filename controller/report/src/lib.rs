//! Words and pictures: title, body, comments and pages from templates.
