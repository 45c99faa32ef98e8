//! Risks and notices for the places where code is reviewed: GitHub annotations, SARIF, GitLab.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use crate::diff::images::ImageChange;
use crate::diff::{Comparison, risks};

/// How many annotations GitHub shows per step and level.
const GITHUB_LIMIT: usize = 10;

/// What the ids mean that are no risks.
pub const DESCRIPTIONS: &[(&str, &str)] =
    &[("image", "An image changes"), ("duplicate", "Something is declared more than once")];

/// One thing to say about one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A stable id.
    pub id: String,
    /// The file.
    pub file: String,
    /// The line.
    pub line: u32,
    /// What to say.
    pub message: String,
    /// Whether it is worth a warning, or a notice only.
    pub is_warning: bool,
}

/// What a comparison has to say about lines: risks, then notices, then images.
#[must_use]
pub fn of(comparison: &Comparison) -> Vec<Finding> {
    let risks = comparison.risks.iter().map(|risk| Finding {
        id: risk.id.to_owned(),
        file: risk.path.to_string(),
        line: risk.line,
        message: format!("{}: {}", risk.object, risk.message),
        is_warning: true,
    });
    let notices = comparison.diagnostics.iter().map(|notice| Finding {
        id: "duplicate".to_owned(),
        file: notice.path.to_string(),
        line: notice.lines.last().copied().unwrap_or(1),
        message: notice.message.clone(),
        is_warning: true,
    });
    risks.chain(notices).chain(comparison.images.iter().flat_map(image)).collect()
}

fn image(image: &ImageChange) -> Vec<Finding> {
    let side = |version: &Option<String>| version.clone().unwrap_or_else(|| "none".to_owned());
    let message = format!(
        "{}: {} → {} ({})",
        image.name,
        side(&image.before),
        side(&image.after),
        image.class.as_str()
    );
    let finding = |user: &crate::diff::images::User| Finding {
        id: "image".to_owned(),
        file: user.path.to_string(),
        line: user.line,
        message: message.clone(),
        is_warning: false,
    };
    image.users.iter().map(finding).collect()
}

/// Workflow commands of GitHub Actions.
#[must_use]
pub fn github(findings: &[Finding], command: &str) -> String {
    let mut out = String::new();
    for (level, is_warning) in [("warning", true), ("notice", false)] {
        let own: Vec<&Finding> = findings.iter().filter(|f| f.is_warning == is_warning).collect();
        // The last place is for the count of those that do not fit.
        let shown = if own.len() > GITHUB_LIMIT { GITHUB_LIMIT - 1 } else { own.len() };
        for finding in &own[..shown] {
            let _ = writeln!(
                out,
                "::{level} file={},line={},title={}::{}",
                property(&finding.file),
                finding.line,
                property(&finding.id),
                data(&finding.message)
            );
        }
        if own.len() > shown {
            let _ = writeln!(out, "::{level} title={command}::{} more", own.len() - shown);
        }
    }
    out
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// A SARIF 2.1.0 log.
#[must_use]
pub fn sarif(findings: &[Finding], descriptions: &[(&str, &str)]) -> Json {
    let mut ids: Vec<&str> = findings.iter().map(|finding| finding.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let rule = |id: &&str| {
        let known = descriptions.iter().chain(risks::IDS).find(|(known, _)| known == id);
        json!({ "id": id, "shortDescription": { "text": known.map_or(*id, |(_, text)| text) } })
    };
    let result = |finding: &Finding| {
        json!({
            "ruleId": finding.id,
            "level": if finding.is_warning { "warning" } else { "note" },
            "message": { "text": finding.message },
            "locations": [{ "physicalLocation": {
                "artifactLocation": { "uri": finding.file },
                "region": { "startLine": finding.line.max(1) },
            } }],
        })
    };
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "gitops",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": ids.iter().map(rule).collect::<Json>(),
            } },
            "results": findings.iter().map(result).collect::<Json>(),
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(number: u32) -> Finding {
        Finding {
            id: "downgrade".into(),
            file: "a,b.yaml".into(),
            line: number,
            message: "100%\nx".into(),
            is_warning: true,
        }
    }

    #[test]
    fn annotations_escape_and_stay_within_the_limit() {
        let all: Vec<Finding> = (1..=12).map(finding).collect();
        let text = github(&all, "gitops diff");
        assert_eq!(text.lines().count(), 10);
        assert!(text.starts_with("::warning file=a%2Cb.yaml,line=1,title=downgrade::100%25%0Ax\n"));
        assert!(text.ends_with("::warning title=gitops diff::3 more\n"));
        assert_eq!(github(&all[..10], "gitops diff").lines().count(), 10);
    }

    #[test]
    fn sarif_names_rules_and_places() {
        let log = sarif(&[finding(3)], &[]);
        let run = &log["runs"][0];
        assert_eq!(run["tool"]["driver"]["rules"][0]["id"], "downgrade");
        assert_eq!(run["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"], 3);
    }
}
