//! `gitops completions`: the shells' completion scripts, from the command's own definitions.

use clap_complete::Shell;

use crate::cli;
use crate::error::Outcome;
use crate::ui::Ui;

const EXAMPLES: &str = "\
Examples:
  gitops completions bash > /etc/bash_completion.d/gitops
  gitops completions fish > ~/.config/fish/completions/gitops.fish";

/// Print the completion script of a shell
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// Prints the script.
pub fn run(args: &Args, ui: &Ui) -> anyhow::Result<Outcome> {
    ui.text(&script(args.shell))?;
    Ok(Outcome::Done)
}

/// The completion script of `shell`.
#[must_use]
pub fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut cli::command(), "gitops", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum as _;
    use clap_complete::Generator as _;

    /// `SNAPSHOTS=overwrite cargo test` renews the committed scripts.
    #[test]
    fn committed_scripts_are_current() {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("completions");
        for shell in Shell::value_variants() {
            let file = dir.join(shell.file_name("gitops"));
            snapbox::assert_data_eq!(
                script(*shell),
                snapbox::Data::read_from(&file, Some(snapbox::data::DataFormat::Text)).raw()
            );
        }
    }
}
