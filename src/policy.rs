//! What may be deployed: the rules of `policy:` and the guards of the command line.

use globset::{Glob, GlobMatcher};
use semver::Version as Semver;

use crate::error::{Code, Hinted};
use crate::image::{Version, canonical};

/// The rules of `policy:`, ready to ask.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    registries: Vec<GlobMatcher>,
    deny_tags: Vec<GlobMatcher>,
}

impl Policy {
    /// Reads the patterns; in both lists `*` stands for any text.
    pub fn new(registries: &[String], deny_tags: &[String]) -> anyhow::Result<Self> {
        let compile = |patterns: &[String]| {
            patterns.iter().map(|pattern| Ok(glob(pattern)?.compile_matcher())).collect()
        };
        let compile: &dyn Fn(&[String]) -> anyhow::Result<Vec<GlobMatcher>> = &compile;
        Ok(Self { registries: compile(registries)?, deny_tags: compile(deny_tags)? })
    }

    /// Refuses a version of an image that the rules forbid. An image whose repository is not known
    /// (the file has only its tag) is judged by its tag.
    pub fn check(&self, repository: Option<&str>, version: &Version) -> Result<(), Hinted> {
        if let Some(repository) = repository.filter(|_| !self.registries.is_empty()) {
            let full = canonical(repository);
            if !self.registries.iter().any(|rule| rule.is_match(&full) || rule.is_match(repository))
            {
                let allowed: Vec<&str> =
                    self.registries.iter().map(|rule| rule.glob().glob()).collect();
                return Err(Hinted::new(
                    Code::Policy,
                    format!("the policy does not allow images of `{repository}`"),
                    format!("policy.registries allows {}", allowed.join(", ")),
                ));
            }
        }
        let Some(tag) = &version.tag else { return Ok(()) };
        match self.deny_tags.iter().find(|rule| rule.is_match(tag)) {
            None => Ok(()),
            Some(rule) => Err(Hinted::new(
                Code::Policy,
                format!("the policy denies the tag `{tag}`"),
                format!("policy.deny-tags has `{}`", rule.glob().glob()),
            )),
        }
    }
}

/// A pattern of the configuration.
pub(crate) fn glob(pattern: &str) -> anyhow::Result<Glob> {
    Glob::new(pattern).map_err(|error| {
        let message = format!("cannot read the pattern `{pattern}`: {}", error.kind());
        Hinted::plain(Code::Config, message).into()
    })
}

/// Refuses to go from one tag to an older one, or to one that cannot be compared with it.
pub fn refuse_downgrade(before: &str, after: &str) -> Result<(), Hinted> {
    if before == after || before.is_empty() {
        return Ok(());
    }
    let refuse = |cause: String| {
        let hint = "leave --no-downgrade out to set it all the same";
        Err(Hinted::new(Code::Downgrade, cause, hint))
    };
    let (Some(old), Some(new)) = (semver(before), semver(after)) else {
        let which = if semver(before).is_none() { before } else { after };
        return refuse(format!(
            "cannot tell whether `{after}` is newer than `{before}`: `{which}` is no semantic version"
        ));
    };
    if new < old {
        return refuse(format!("`{after}` is older than `{before}`"));
    }
    Ok(())
}

/// `v1.2` is 1.2.0.
fn semver(tag: &str) -> Option<Semver> {
    let tag = tag.split('@').next().unwrap_or(tag);
    let tag = tag.strip_prefix(['v', 'V']).unwrap_or(tag);
    let end = tag.find(['-', '+']).unwrap_or(tag.len());
    let (core, rest) = tag.split_at(end);
    let missing = 2_usize.checked_sub(core.matches('.').count())?;
    Semver::parse(&format!("{core}{}{rest}", ".0".repeat(missing))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    #[test]
    fn judges_registries_and_tags() {
        let lists = |list: &[&str]| list.iter().map(|&s| s.to_owned()).collect::<Vec<_>>();
        let policy = Policy::new(
            &lists(&["ghcr.io/acme/*", "docker.io/library/*"]),
            &lists(&["latest", "*-dirty"]),
        )
        .unwrap();
        assert!(policy.check(Some("ghcr.io/acme/api"), &version("v1")).is_ok());
        assert!(policy.check(Some("nginx"), &version("v1")).is_ok());
        assert!(policy.check(None, &version("v1")).is_ok());
        let denied = |repository, tag| policy.check(repository, &version(tag)).unwrap_err();
        assert_eq!(denied(Some("ghcr.io/acmes/api"), "v1").code(), Code::Policy);
        assert!(denied(Some("evil/ghcr.io/acme/api"), "v1").to_string().contains("does not allow"));
        assert!(denied(None, "latest").to_string().contains("denies the tag `latest`"));
        assert!(denied(Some("nginx"), "v1-dirty").hint().unwrap().contains("*-dirty"));
        assert!(Policy::new(&lists(&["[a"]), &[]).is_err());
    }

    #[test]
    fn compares_versions() {
        let fine = [
            ("v1.2.3", "v1.2.4"),
            ("1.2", "1.10"),
            ("v1", "v1"),
            ("v1.0.0-rc1", "v1.0.0"),
            ("", "v1"),
        ];
        for (before, after) in fine {
            assert!(refuse_downgrade(before, after).is_ok(), "{before} {after}");
        }
        let refused = [
            ("1.10", "1.9"),
            ("v2", "v1.9.9"),
            ("v1.0.0", "v1.0.0-rc1"),
            ("main-abc", "v1"),
            ("v1", "12e4567x"),
        ];
        for (before, after) in refused {
            assert_eq!(
                refuse_downgrade(before, after).unwrap_err().code(),
                Code::Downgrade,
                "{before} {after}"
            );
        }
    }
}
