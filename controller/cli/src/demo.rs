//! `kubeopt demo`: table, diff, pull request, and a page to read and merge it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use kubeopt_model::Timestamp;
use kubeopt_runtime::demo::{ForgePages, Programs, set_up};
use kubeopt_runtime::pass;
use kubeopt_runtime::scan::report_of;

use crate::args::Demo;
use crate::command::Outcome;
use crate::flags::Common;
use crate::out::{hint, print, problems};
use crate::published::published_text;
use crate::table;

/// Runs the loop once, then serves the page until Ctrl-C.
pub(crate) async fn run(demo: Demo, common: Common, program: &Path) -> Outcome {
    // First: nothing is shown before it is known that it can be read and merged.
    let listener = match demo.no_serve {
        true => None,
        false => Some(kubeopt_runtime::demo::listen(demo.listen).await.map_err(|problem| vec![problem])?),
    };
    let folder = Folder::of(demo.dir).map_err(|problem| vec![problem])?;
    let now = Timestamp::now();
    let progress = crate::progress::for_terminal(common.quiet);
    let demo_set = set_up(
        folder.path(),
        &Programs {
            own: program.to_owned(),
            kustomize: common.kustomize.clone(),
            helm: common.helm.clone(),
            sandbox: common.sandbox.map(Into::into).unwrap_or_default(),
        },
        now,
        progress,
    )
    .await
    .map_err(|problem| vec![problem])?;
    let report = pass(&demo_set.edges, now).await.map_err(|problem| vec![problem])?;
    demo_set.edges.progress.done();
    print(&table::scan(&report_of(&demo_set.edges, &report), false));
    print("\n");
    print(&report.plan_text());
    print("\n");
    print(&published_text(&report));
    problems(&report.problems());
    let Some(listener) = listener else {
        if !common.quiet {
            hint("next: kubeopt demo   (the same, and serves the page of the pull request)");
        }
        return Ok(ExitCode::SUCCESS);
    };
    let pages = ForgePages::new(demo_set);
    let address = listener.address();
    print(&format!("\nread, comment and merge it at http://{address}/   (Ctrl-C ends the demo)\n"));
    if !common.quiet {
        hint(&format!("repository and database: {}", folder.path().display()));
    }
    listener.serve(pages).await.map_err(|problem| vec![problem])?;
    Ok(ExitCode::SUCCESS)
}

/// A folder that was named, or a temporary one that goes with the demo.
enum Folder {
    Named(PathBuf),
    Temporary(tempfile::TempDir),
}

impl Folder {
    fn of(named: Option<PathBuf>) -> Result<Self, kubeopt_model::Problem> {
        match named {
            Some(path) => Ok(Self::Named(path)),
            None => tempfile::Builder::new()
                .prefix("kubeopt-demo-")
                .tempdir()
                .map(Self::Temporary)
                .map_err(|error| kubeopt_runtime::own_fault(&format!("no temporary folder: {error}"))),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Named(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }
}
