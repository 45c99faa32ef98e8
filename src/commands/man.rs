//! `gitops man`: the manual pages, from the command's own definitions.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use clap_mangen::Man;

use crate::cli;
use crate::error::{Code, Hinted, Outcome};
use crate::files;
use crate::ui::Ui;

const EXAMPLES: &str = "\
Examples:
  gitops man bump-tag | man -l -
  gitops man --dir /usr/local/share/man/man1";

/// Print a manual page, or write them all
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The command to print the page of; without it, of gitops itself
    command: Option<String>,
    /// Write every page into this directory
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    dir: Option<PathBuf>,
}

/// A page: its file name and its roff text.
type Page = (String, Vec<u8>);

/// Prints one page, or writes all.
pub fn run(args: &Args, ui: &Ui) -> anyhow::Result<Outcome> {
    let pages = pages()?;
    if let Some(dir) = &args.dir {
        fs::create_dir_all(dir).with_context(|| format!("cannot create `{}`", dir.display()))?;
        for (name, page) in pages {
            files::replace(&dir.join(name), &page)?;
        }
        return Ok(Outcome::Done);
    }
    let name = match args.command.as_deref() {
        None | Some("gitops") => "gitops.1".to_owned(),
        Some(command) => format!("gitops-{command}.1"),
    };
    let Some((_, page)) = pages.into_iter().find(|(file, _)| *file == name) else {
        let message = format!("cannot print a manual page: no command `{}`", name_of(args));
        return Err(Hinted::new(Code::NotFound, message, "`gitops --help` lists them").into());
    };
    ui.text(&String::from_utf8_lossy(&page))?;
    Ok(Outcome::Done)
}

fn name_of(args: &Args) -> &str {
    args.command.as_deref().unwrap_or_default()
}

/// All pages, the program's own first.
pub fn pages() -> anyhow::Result<Vec<Page>> {
    let mut command = cli::command().disable_help_subcommand(true);
    command.build();
    let mut pages = vec![page("gitops.1".to_owned(), command.clone())?];
    for sub in command.get_subcommands() {
        let name = format!("gitops-{}", sub.get_name());
        let titled = sub.clone().name(name.clone()).bin_name(name.replacen('-', " ", 1));
        pages.push(page(format!("{name}.1"), titled)?);
    }
    Ok(pages)
}

fn page(file: String, command: clap::Command) -> anyhow::Result<Page> {
    let mut roff = Vec::new();
    Man::new(command).render(&mut roff)?;
    Ok((file, roff))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `SNAPSHOTS=overwrite cargo test` renews the committed pages.
    #[test]
    fn committed_pages_are_current() {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
        for (name, page) in pages().unwrap() {
            let file = dir.join(name);
            let page = String::from_utf8(page).unwrap();
            snapbox::assert_data_eq!(
                page,
                snapbox::Data::read_from(&file, Some(snapbox::data::DataFormat::Text)).raw()
            );
        }
    }
}
