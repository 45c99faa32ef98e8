//! The matrix as one page that needs nothing else: light and dark, wide and narrow.

use std::fmt::Write as _;

use super::matrix::{Cell, Matrix};
use crate::moment;

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c1e21;--paper:#fff;--soft:#5c6370;--line:#d8dce2;--card:#f5f6f8;\
--lag:#8a4b00;--lag-paper:#fff1dc}
@media(prefers-color-scheme:dark){:root{--ink:#e6e8eb;--paper:#16181c;--soft:#9aa3b0;--line:#343a43;\
--card:#1f2329;--lag:#ffc46b;--lag-paper:#3a2a10}}
*{box-sizing:border-box}
body{margin:0;padding:2rem 1rem;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:72rem;margin:auto}
h1{font-size:1.4rem;margin:0 0 .25rem}
p{margin:0 0 1.5rem;color:var(--soft)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%}
th,td{padding:.6rem .8rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
thead th{background:var(--card);font-weight:600}
code{font:14px/1.4 ui-monospace,monospace;overflow-wrap:anywhere}
small{display:block;color:var(--soft)}
td.lags{background:var(--lag-paper)}
td.lags strong{color:var(--lag);font-weight:600}
a{color:inherit}
";

/// The page.
pub(super) fn page(matrix: &Matrix, now: i64, web: Option<&str>) -> String {
    let lagging = matrix.rows.values().flatten().flatten().filter(|cell| cell.lags).count();
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <title>What runs where</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>What runs where</h1>\n<p>{} apps in {} environments, {lagging} lagging. As Git declares it on \
         <time datetime=\"{}\">{} UTC</time>.</p>\n<div class=\"scroll\">\n<table>\n<thead><tr><th scope=\"col\">App</th>",
        matrix.rows.len(),
        matrix.environments.len(),
        moment::iso(now),
        moment::minute(now),
    );
    for environment in &matrix.environments {
        // Writing to a string cannot fail.
        let _ = write!(out, "<th scope=\"col\">{}</th>", escaped(environment));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for (app, cells) in &matrix.rows {
        let _ = write!(out, "<tr><th scope=\"row\">{}</th>", escaped(app));
        for (column, cell) in cells.iter().enumerate() {
            match cell {
                None => {
                    let _ = write!(out, "<td>{}</td>", matrix.nothing(column));
                }
                Some(cell) => out.push_str(&table_cell(cell, now, web)),
            }
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n</div>\n</main>\n</body>\n</html>\n");
    out
}

fn table_cell(cell: &Cell, now: i64, web: Option<&str>) -> String {
    let mut out = String::from(if cell.lags { "<td class=\"lags\">" } else { "<td>" });
    let _ = write!(out, "<code>{}</code>", escaped(&cell.version()));
    if cell.lags {
        out.push_str(" <strong>lags</strong>");
    }
    if let Some(event) = &cell.since {
        let since = moment::iso(event.seconds);
        let short = event.revision.short();
        let commit = web.map_or_else(
            || short.clone(),
            |web| format!("<a href=\"{}/commit/{}\">{short}</a>", escaped(web), event.revision.id),
        );
        let _ = write!(
            out,
            "<small><time datetime=\"{since}\" title=\"{since}\">{}</time>, {}, {commit}</small>",
            escaped(&cell.age(now)),
            escaped(&event.author),
        );
        if let Some(source) =
            event.source.as_deref().filter(|source| source.starts_with("https://"))
        {
            let revision = escaped(event.source_revision().unwrap_or_default());
            let _ =
                write!(out, "<small>source <a href=\"{}\">{revision}</a></small>", escaped(source));
        }
    }
    out.push_str("</td>");
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
