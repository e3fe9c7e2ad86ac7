//! YAML by span: mark, read back, edit, compare, and the guards that refuse.
