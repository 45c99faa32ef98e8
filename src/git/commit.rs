//! The text of a commit: who, when, on top of what, and why.

use std::fmt;

/// An author or committer at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
    /// Seconds since 1970.
    pub seconds: i64,
    /// Minutes east of Greenwich.
    pub offset: i32,
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.offset < 0 { '-' } else { '+' };
        let (hours, minutes) = (self.offset.abs() / 60, self.offset.abs() % 60);
        let (name, email) = (plain(&self.name), plain(&self.email));
        write!(f, "{name} <{email}> {} {sign}{hours:02}{minutes:02}", self.seconds)
    }
}

/// What Git takes out of names: its own separators and what stands at the edges by mistake.
fn plain(text: &str) -> String {
    let inner: String = text.chars().filter(|c| !c.is_control() && !"<>".contains(*c)).collect();
    inner.trim_matches(|c: char| c.is_whitespace() || ".,:;\"'\\".contains(c)).to_owned()
}

/// The bytes to be signed and stored.
pub(super) fn text(
    tree: &str,
    parent: Option<&str>,
    author: &Person,
    committer: &Person,
    message: &str,
) -> String {
    let parent = parent.map(|parent| format!("parent {parent}\n")).unwrap_or_default();
    let message = message.trim_matches('\n').trim_end();
    format!("tree {tree}\n{parent}author {author}\ncommitter {committer}\n\n{message}\n")
}

/// The same with a signature as its last header.
pub(super) fn signed(text: &str, header: &str, signature: &str) -> String {
    let (head, message) = text.split_once("\n\n").unwrap_or((text, ""));
    let signature = signature.trim_end().replace('\n', "\n ");
    format!("{head}\n{header} {signature}\n\n{message}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_git_writes() {
        let ada = Person {
            name: "Ada <Lovelace>.\n".to_owned(),
            email: "ada@example.com".to_owned(),
            seconds: 1_700_000_000,
            offset: -330,
        };
        let text = text("t", Some("p"), &ada, &ada, "\nfeat: x\n\nbody\n\n");
        let who = "Ada Lovelace <ada@example.com> 1700000000 -0530";
        assert_eq!(
            text,
            format!("tree t\nparent p\nauthor {who}\ncommitter {who}\n\nfeat: x\n\nbody\n")
        );
        let signed = signed(&text, "gpgsig", "-----BEGIN\nabc\n-----END\n");
        assert!(signed.ends_with("\ngpgsig -----BEGIN\n abc\n -----END\n\nfeat: x\n\nbody\n"));
    }
}
