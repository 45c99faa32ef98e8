//! Pull requests without an API token: what a push alone can say to GitLab, Gitea, Forgejo and Gerrit, and
//! what their answers tell.

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::text::{cut, wrap_body};
use super::{Method, Proposal, Row};
use crate::http::Url;

/// How a forge opens a pull request for a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tokenless {
    /// Not at all.
    None,
    /// GitLab: options of the push.
    PushOptions,
    /// Gitea and Forgejo: a push to `refs/for/`, with options.
    Agit,
    /// Gerrit: a push to `refs/for/`, with options in its name. Gerrit knows no other way.
    RefsFor,
}

/// An option is one line of Git's protocol, and becomes one environment variable of a hook.
const LONGEST_OPTION: usize = 30_000;

/// A push that opens a pull request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Push {
    /// The reference to push to.
    pub reference: String,
    /// `git push -o …`.
    pub options: Vec<String>,
    /// What the commit's message has to end with.
    pub trailer: Option<String>,
    /// What cannot be said in this way.
    pub warnings: Vec<String>,
}

/// What a push's answer tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushNotes {
    /// The pull request's number.
    pub number: Option<u64>,
    /// Its page.
    pub url: Option<String>,
    /// Whether it is new; none where the server does not say.
    pub is_new: Option<bool>,
}

/// The push that opens, or updates, the pull request; none where the forge knows no such thing. `salt` counts
/// the changes of Gerrit for the same proposal that are closed already.
#[must_use]
pub fn tokenless_push(row: &Row, repository: &str, want: &Proposal, salt: u32) -> Option<Push> {
    let mut push = match row.tokenless {
        Tokenless::None => return None,
        Tokenless::PushOptions => gitlab(row, want),
        Tokenless::Agit => agit(row, want),
        Tokenless::RefsFor => gerrit(repository, want, salt),
    };
    if want.merge.as_ref().is_some_and(|merge| merge.now) && row.tokenless != Tokenless::RefsFor {
        push.warnings.push("--merge-now needs an API token".to_owned());
    }
    if want.supersede {
        push.warnings.push("--supersede needs an API token".to_owned());
    }
    Some(push)
}

/// One line of Git's protocol: a line end or NUL in it would begin another.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn lacking(push: &mut Push, title: &str, wishes: &[(&str, bool)]) {
    for (what, wished) in wishes {
        if *wished {
            push.warnings
                .push(format!("{title} takes no {what} in a push; they need an API token"));
        }
    }
}

fn gitlab(row: &Row, want: &Proposal) -> Push {
    let body = wrap_body(row.marks, &want.key, &want.body, LONGEST_OPTION);
    // GitLab reads `\n` as a line end; one that is meant so gets an invisible character between.
    let body = body.replace("\\n", "\\\u{200b}n").replace('\n', "\\n");
    let option = |name: &str, value: &str| format!("merge_request.{name}={}", one_line(value));
    let mut options = vec![
        "merge_request.create".to_owned(),
        option("target", &want.base),
        option("title", &want.title),
        option("description", &body),
    ];
    options.extend(want.labels.iter().map(|label| option("label", label)));
    options.extend(want.assignees.iter().map(|name| option("assign", name)));
    if want.draft == Some(true) {
        options.push("merge_request.draft".to_owned());
    }
    if let Some(merge) = &want.merge {
        // The name of before 17.11, which the newer ones still know.
        options.push("merge_request.merge_when_pipeline_succeeds".to_owned());
        if merge.delete_branch {
            options.push("merge_request.remove_source_branch".to_owned());
        }
        if merge.method == Method::Squash {
            options.push("merge_request.squash".to_owned());
        }
    }
    let reference = format!("refs/heads/{}", want.head);
    let mut push = Push { reference, options, ..Push::default() };
    lacking(&mut push, row.title, &[("reviewers", !want.reviewers.is_empty())]);
    push
}

fn agit(row: &Row, want: &Proposal) -> Push {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let body = wrap_body(row.marks, &want.key, &want.body, LONGEST_OPTION / 2);
    // Gitea decodes this, Forgejo does not and gets one line.
    let description = match row.name {
        "gitea" => format!("{{base64}}{}", STANDARD.encode(body)),
        _ => one_line(&cut(want.body.trim(), LONGEST_OPTION)),
    };
    let options = vec![
        format!("topic={}", one_line(&want.head)),
        format!("title={}", one_line(&want.title)),
        format!("description={description}"),
        // Ours is one commit on the newest base, which is never a descendant of the one before.
        "force-push=true".to_owned(),
    ];
    let mut push =
        Push { reference: format!("refs/for/{}", want.base), options, ..Push::default() };
    let wishes = [
        ("labels", !want.labels.is_empty()),
        ("reviewers", !want.reviewers.is_empty()),
        ("assignees", !want.assignees.is_empty()),
        ("draft state", want.draft.is_some()),
        ("auto-merge", want.merge.is_some()),
    ];
    lacking(&mut push, row.title, &wishes);
    push
}

fn gerrit(repository: &str, want: &Proposal, salt: u32) -> Push {
    // Commas and percent signs end an option.
    let value = |text: &str| -> String {
        one_line(text).chars().map(|c| if ",% ".contains(c) { '_' } else { c }).collect()
    };
    let mut options = vec![format!("topic={}", value(&want.head))];
    options.extend(want.labels.iter().map(|label| format!("hashtag={}", value(label))));
    options.extend(want.reviewers.iter().map(|name| format!("r={}", value(name))));
    options.extend(want.assignees.iter().map(|name| format!("cc={}", value(name))));
    match want.draft {
        Some(true) => options.push("wip".to_owned()),
        Some(false) => options.push("ready".to_owned()),
        None => {}
    }
    let mut push = Push::default();
    match &want.merge {
        // `%submit` asks nobody: it is a merge at once.
        Some(merge) if merge.now => options.push("submit".to_owned()),
        Some(_) => push.warnings.push(
            "it will not merge itself: Gerrit has no auto-merge; --merge-now would submit it at once"
                .to_owned(),
        ),
        None => {}
    }
    push.reference = format!("refs/for/{}%{}", want.base, options.join(","));
    push.trailer = Some(format!("Change-Id: {}", change_id(repository, want, salt)));
    push
}

/// The same for the same proposal, so that a second run makes a new patch set and no second change.
fn change_id(repository: &str, want: &Proposal, salt: u32) -> String {
    let salt = if salt == 0 { String::new() } else { format!("{salt}\n") };
    let text = format!("{repository}\n{}\n{}\n{salt}", want.base, want.head);
    let digest = Sha256::digest(text.as_bytes());
    format!("I{}", HEXLOWER.encode(&digest[..20]))
}

/// Reads number and page out of the `remote:` lines of a push: the last URL that is a pull request's.
#[must_use]
pub fn announced(lines: &[String]) -> PushNotes {
    let words = lines.iter().rev();
    let words = words.flat_map(|line| line.split_whitespace().map(move |word| (line, word)));
    let found = words.into_iter().find_map(|(line, word)| {
        let url = Url::parse(word).ok().filter(|url| url.scheme().starts_with("http"))?;
        let segments: Vec<&str> = url.path_segments()?.collect();
        let (kind, number) = match segments[..] {
            [.., kind, number] if !number.is_empty() => (kind, number),
            [.., kind, number, ""] => (kind, number),
            _ => return None,
        };
        let is_kind = matches!(kind, "merge_requests" | "pulls" | "pull" | "+");
        let number = number.parse().ok().filter(|_| is_kind)?;
        // Only Gerrit says it in a word that means it.
        let is_new = (kind == "+").then(|| line.contains("[NEW]"));
        Some(PushNotes { number: Some(number), url: Some(word.to_owned()), is_new })
    });
    found.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::{Merge, named};
    use super::*;

    fn proposal() -> Proposal {
        Proposal {
            head: "gitops/prod/api".to_owned(),
            base: "main".to_owned(),
            title: "deploy api v2\u{0}to prod".to_owned(),
            body: "one\ntwo C:\\new".to_owned(),
            key: "prod/api".to_owned(),
            labels: vec!["deploy".to_owned()],
            reviewers: vec!["ann@corp".to_owned()],
            ..Proposal::default()
        }
    }

    fn push(name: &str, want: &Proposal) -> Push {
        tokenless_push(named(name).unwrap(), "https://h/p", want, 0).unwrap()
    }

    #[test]
    fn gitlab_gets_options_of_one_line_each() {
        let merge = Some(Merge { delete_branch: true, ..Merge::default() });
        let push = push("gitlab", &Proposal { merge, draft: Some(true), ..proposal() });
        assert_eq!(push.reference, "refs/heads/gitops/prod/api");
        assert_eq!(
            push.options,
            [
                "merge_request.create",
                "merge_request.target=main",
                "merge_request.title=deploy api v2 to prod",
                "merge_request.description=<!-- gitops:begin -->\\n<!-- gitops:key prod/api -->\\n\\n\
                 one\\ntwo C:\\\u{200b}new\\n\\n<!-- gitops:end -->",
                "merge_request.label=deploy",
                "merge_request.draft",
                "merge_request.merge_when_pipeline_succeeds",
                "merge_request.remove_source_branch",
                "merge_request.squash",
            ]
        );
        let warnings = ["GitLab takes no reviewers in a push; they need an API token"];
        assert_eq!(push.warnings, warnings);
    }

    #[test]
    fn agit_names_its_topic_and_says_what_it_cannot() {
        let push = push("forgejo", &proposal());
        assert_eq!(push.reference, "refs/for/main");
        assert_eq!(push.options[0], "topic=gitops/prod/api");
        assert_eq!(push.options[2], "description=one two C:\\new");
        assert_eq!(push.warnings.len(), 2);
        let gitea = tokenless_push(named("gitea").unwrap(), "", &proposal(), 0).unwrap();
        assert!(gitea.options[2].starts_with("description={base64}PCEtLSBnaXRvcHM6YmVnaW4"));
    }

    #[test]
    fn gerrit_is_one_change_per_proposal_and_never_submits_unasked() {
        let push = push("gerrit", &proposal());
        let reference = "refs/for/main%topic=gitops/prod/api,hashtag=deploy,r=ann@corp";
        assert_eq!(push.reference, reference);
        let trailer = push.trailer.clone().unwrap();
        assert!(trailer.starts_with("Change-Id: I") && trailer.len() == 52, "{trailer}");
        let again = Proposal { title: "v3".to_owned(), ..proposal() };
        assert_eq!(super::gerrit("https://h/p", &again, 0).trailer, push.trailer);
        assert_ne!(super::gerrit("https://h/p", &again, 1).trailer, push.trailer);
        let auto = Proposal { merge: Some(Merge::default()), ..proposal() };
        assert!(!super::gerrit("", &auto, 0).reference.contains("submit"));
        let now = Some(Merge { now: true, ..Merge::default() });
        let now = super::gerrit("", &Proposal { merge: now, ..proposal() }, 0);
        assert!(now.reference.ends_with(",submit"), "{}", now.reference);
    }

    #[test]
    fn finds_the_page_in_what_the_server_says() {
        let table = [
            ("View merge request for x:|   https://h/g/r/-/merge_requests/7", Some(7)),
            ("To create a merge request:|  https://h/g/r/-/merge_requests/new?a=b", None),
            ("Visit the existing pull request:|  https://h/o/r/pulls/12", Some(12)),
            ("https://gerrit/c/proj/+/123 title [NEW]", Some(123)),
            ("https://gerrit/c/a/b/+/124/ title", Some(124)),
            ("nothing", None),
        ];
        for (text, number) in table {
            let lines: Vec<String> = text.split('|').map(str::to_owned).collect();
            assert_eq!(announced(&lines).number, number, "{text}");
        }
    }
}
