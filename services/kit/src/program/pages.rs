//! What shells and readers of manuals want of a program.

use std::{fs, path::Path};

use anyhow::Context;
use clap::Command;
use clap_complete::Shell;

/// The completions of a shell, as a script that it reads.
pub(super) fn completions(mut command: Command, shell: Shell) -> String {
    let (name, mut script) = (command.get_name().to_owned(), Vec::new());
    clap_complete::generate(shell, &mut command, name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Writes a page of each command into `folder`, and tells how they are read.
pub(super) fn manual(command: Command, folder: &Path) -> anyhow::Result<String> {
    let written = fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(command, folder));
    written.with_context(|| format!("cannot write into {}", folder.display()))?;
    Ok(format!("The pages are in {0}: man {0}/NAME.1\n", folder.display()))
}
