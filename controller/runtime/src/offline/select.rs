//! What people write to mean workloads and containers of a folder, with the help for what means none.

use kubeopt_model::Problem;
use kubeopt_model::selection::Selection;

use crate::codes;

/// Reads a selection.
///
/// # Errors
/// Where it names no workload.
pub fn read_selection(text: &str) -> Result<Selection, Problem> {
    text.parse().map_err(|_| {
        let text = format!("`{}` does not name a workload", text.chars().take(200).collect::<String>());
        let help = "write [NAMESPACE/]KIND/NAME[/CONTAINER], NAME or *, such as payments/deploy/api/api";
        Problem::new(codes::NO_SUCH_WORKLOAD, text, help)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_nothing_is_refused_with_what_to_write() {
        let problem = read_selection("a/b/c/d/e").unwrap_err();
        assert_eq!(problem.code, codes::NO_SUCH_WORKLOAD);
        assert!(problem.help.contains("NAMESPACE"), "{problem:?}");
        assert!(read_selection("deploy/api").is_ok());
    }
}
