//! What CI systems are told of a result: outputs for later steps and jobs, and a summary for people.
//!
//! The outputs are the fields of the command's own JSON that a pipeline asks for, so that both agree.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::Value;

use crate::bump::Edit;
use crate::ci::Variables;
use crate::diff::images::ImageChange;
use crate::diff::render::markdown::{code, text};
use crate::http::mask;
use crate::ui::{Conclusion, Ui};

/// A longer table is cut: a summary is to be read.
const MOST_ROWS: usize = 50;

/// Fields of JSON, and the outputs that they are. The first of a name that is there counts.
const OUTPUTS: &[(&str, &str)] = &[
    ("changed", "changed"),
    ("digest", "digest"),
    ("status", "status"),
    ("environment", "environment"),
    ("revision", "commit"),
    ("head_sha", "commit"),
    ("commit", "commit"),
    ("branch", "branch"),
    ("head", "branch"),
    ("action", "action"),
    ("number", "number"),
    ("url", "url"),
];

/// Flags about what later jobs get to know.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct OutputArgs {
    /// Append the outputs to this dotenv file, for later jobs: `changed`, `commit`, `url`, …
    #[arg(long, value_name = "FILE")]
    pub output_env: Option<PathBuf>,
}

/// Keeps what is to be published; the last result of a run counts.
pub(crate) fn conclude(fields: &Value, summary: Option<String>, ui: &Ui) {
    let mut outputs: Vec<(&'static str, String)> = Vec::new();
    for (field, output) in OUTPUTS {
        let value = match &fields[*field] {
            Value::String(value) if !value.is_empty() => mask(value).replace(['\n', '\r'], " "),
            value @ (Value::Bool(_) | Value::Number(_)) => value.to_string(),
            _ => continue,
        };
        if !outputs.iter().any(|(name, _)| name == output) {
            outputs.push((output, value));
        }
    }
    ui.conclude(Conclusion { outputs, summary: summary.map(|summary| mask(&summary)) });
}

/// Tells the CI system, and later jobs by the file of `--output-env`.
pub(crate) fn publish(args: &OutputArgs, ui: &Ui) -> anyhow::Result<()> {
    let Some(Conclusion { outputs, summary }) = ui.conclusion() else { return Ok(()) };
    let variables = Variables::of_process();
    variables.publish(&outputs, args.output_env.as_deref())?;
    summary.map_or(Ok(()), |summary| variables.summarize(&summary))
}

/// A heading, and a table of the values that are others now.
pub(crate) fn of_edits(heading: &str, edits: &[Edit]) -> String {
    let row = |edit: &Edit| {
        let place = format!("{}:{}", edit.file, edit.line);
        let before = edit.before.as_deref().map_or_else(|| "–".to_owned(), code);
        [code(&place), code(&edit.key), before, code(&edit.after)]
    };
    table(heading, ["Place", "Key", "Before", "After"], edits.iter().map(row))
}

/// A heading, and a table of the images that are others now.
pub(crate) fn of_images(heading: &str, images: &[ImageChange]) -> String {
    let side = |version: &Option<String>| version.as_deref().map_or_else(|| "–".to_owned(), code);
    let row = |image: &ImageChange| [code(&image.name), side(&image.before), side(&image.after)];
    table(heading, ["Image", "Before", "After"], images.iter().map(row))
}

/// A heading, and a table of what is done to objects.
pub(crate) fn of_objects(
    heading: &str,
    objects: impl ExactSizeIterator<Item = (&'static str, String)>,
) -> String {
    let row = |(operation, object): (&str, String)| [operation.to_owned(), text(&object)];
    table(heading, ["Operation", "Object"], objects.map(row))
}

fn table<const N: usize>(
    heading: &str,
    names: [&str; N],
    rows: impl ExactSizeIterator<Item = [String; N]>,
) -> String {
    let (mut out, count) = (format!("### {heading}\n\n"), rows.len());
    if count == 0 {
        return out;
    }
    // Writing to a string cannot fail.
    let _ = writeln!(out, "| {} |\n|{}", names.join(" | "), " --- |".repeat(N));
    for row in rows.take(MOST_ROWS) {
        let _ = writeln!(out, "| {} |", row.join(" | "));
    }
    if count > MOST_ROWS {
        let _ = writeln!(out, "\nand {} more", count - MOST_ROWS);
    }
    out + "\n"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ui::{Color, Format, Verbosity};

    #[test]
    fn outputs_are_fields_of_the_json() {
        let ui = Ui::new(Format::Text, Color::Never, Verbosity::Quiet);
        let fields = json!({
            "changed": true, "number": 7, "url": "https://u:canary@h/7", "revision": null,
            "head_sha": "abc", "commit": "def", "branch": "a\nb=c", "edits": [],
        });
        conclude(&fields, None, &ui);
        let outputs = ui.conclusion().unwrap().outputs;
        let outputs: Vec<_> =
            outputs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            outputs,
            ["changed=true", "commit=abc", "branch=a b=c", "number=7", "url=https://***@h/7"]
        );
    }

    #[test]
    fn a_long_table_is_cut_and_its_cells_hold_no_markup() {
        let objects = (0..60).map(|n| ("create", format!("a|b\n<{n}>")));
        let table = of_objects("`x`", objects.collect::<Vec<_>>().into_iter());
        assert_eq!(table.matches("\n| create |").count(), MOST_ROWS);
        assert!(table.ends_with("\n\nand 10 more\n\n"), "{table}");
        assert!(table.contains("| create | a&#124;b &lt;0&gt; |\n"), "{table}");
        assert_eq!(of_objects("none", Vec::new().into_iter()), "### none\n\n");
    }
}
