//! Pushing: one reference, from the value we saw to ours, or not at all.

use std::io::Read;

use super::packet::{Packets, SideBand, flush, line};
use super::{AGENT, Capabilities};

/// What to change.
#[derive(Clone, Debug)]
pub(crate) struct Update<'a> {
    /// The full name of the reference.
    pub(crate) name: &'a str,
    /// What it must still be; zeros for a new one.
    pub(crate) old: &'a str,
    /// What it is to be.
    pub(crate) new: &'a str,
    /// Words for the server's hooks.
    pub(crate) options: &'a [String],
}

/// The server's verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// The reference is what we asked for; where the server made something else of it, the commit that this
    /// had before.
    Done(Option<String>),
    /// It is not, for this reason.
    Refused(String),
    /// The server said nothing about it.
    Silent,
}

/// The request.
pub(crate) fn request(capabilities: &Capabilities, update: &Update<'_>, pack: &[u8]) -> Vec<u8> {
    let mut words = Vec::new();
    // Only what is on offer, and of the two reports the newer.
    for name in ["report-status-v2", "report-status", "side-band-64k", "quiet"] {
        let is_older = name == "report-status" && capabilities.has("report-status-v2");
        if capabilities.has(name) && !is_older {
            words.push(name.to_owned());
        }
    }
    if !update.options.is_empty() {
        words.push("push-options".to_owned());
    }
    if capabilities.value("object-format").is_some() {
        words.push(format!("object-format={}", capabilities.object_format()));
    }
    words.push(AGENT.to_owned());
    let Update { name, old, new, options } = update;
    let mut body = Vec::with_capacity(pack.len() + 512);
    line(&mut body, format!("{old} {new} {name}\0 {}", words.join(" ")));
    flush(&mut body);
    if !options.is_empty() {
        for option in *options {
            line(&mut body, option);
        }
        flush(&mut body);
    }
    body.extend(pack);
    body
}

/// Sends it and reads the verdict.
pub(crate) fn push(
    capabilities: &Capabilities,
    update: &Update<'_>,
    pack: &[u8],
    session: &mut dyn super::super::connection::Session,
    say: &dyn Fn(&str),
) -> anyhow::Result<Reply> {
    let body = request(capabilities, update, pack);
    let mut packets = Packets::new(session.ask(body)?);
    let reply = if capabilities.has("side-band-64k") {
        let mut report = Vec::new();
        SideBand::new(&mut packets, say).read_to_end(&mut report)?;
        verdict(&mut Packets::new(report.as_slice()), update.name)?
    } else {
        verdict(&mut packets, update.name)?
    };
    Ok(reply)
}

fn verdict<R: Read>(packets: &mut Packets<R>, name: &str) -> anyhow::Result<Reply> {
    let mut unpacked = None;
    let mut reply = Reply::Silent;
    loop {
        let text = match packets.text() {
            Ok(Some(text)) => text,
            Ok(None) => break,
            // No report at all: the server is one that does not send any.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error.into()),
        };
        if let Some(result) = text.strip_prefix("unpack ") {
            unpacked = (result != "ok").then(|| format!("unpacker error: {result}"));
        } else if text.strip_prefix("ok ") == Some(name) {
            reply = Reply::Done(None);
        } else if let (Some(old), Reply::Done(replaced)) =
            (text.strip_prefix("option old-oid "), &mut reply)
        {
            *replaced = Some(old.trim().to_owned()).filter(|old| old.bytes().any(|b| b != b'0'));
        } else if let Some(rest) = text.strip_prefix("ng ") {
            let reason = rest.strip_prefix(name).unwrap_or(rest).trim();
            reply = Reply::Refused(reason.to_owned());
        }
    }
    Ok(match (reply, unpacked) {
        (Reply::Done(replaced), None) => Reply::Done(replaced),
        // The unpacker's word is the cause of whatever else is said.
        (_, Some(error)) => Reply::Refused(error),
        (reply, None) => reply,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "refs/heads/main";

    fn reply(lines: &[&str]) -> Reply {
        let mut bytes = Vec::new();
        for text in lines {
            line(&mut bytes, text);
        }
        flush(&mut bytes);
        verdict(&mut Packets::new(bytes.as_slice()), NAME).unwrap()
    }

    #[test]
    fn only_ok_for_our_reference_is_success() {
        let refused = |text: &str| Reply::Refused(text.to_owned());
        assert_eq!(reply(&["unpack ok\n", "ok refs/heads/main\n"]), Reply::Done(None));
        assert_eq!(reply(&["unpack ok\n", "ok refs/heads/other\n"]), Reply::Silent);
        assert_eq!(reply(&["unpack ok\n"]), Reply::Silent);
        let declined = reply(&["unpack ok\n", "ng refs/heads/main hook declined\n"]);
        assert_eq!(declined, refused("hook declined"));
        let broken = reply(&["unpack index-pack failed\n", "ng refs/heads/main unpacker error\n"]);
        assert_eq!(broken, refused("unpacker error: index-pack failed"));
        assert_eq!(verdict(&mut Packets::new(&b""[..]), NAME).unwrap(), Reply::Silent);
    }

    #[test]
    fn asks_for_what_is_offered() {
        let update = Update { name: NAME, old: "0", new: "1", options: &["ci.skip".to_owned()] };
        let words = ["report-status", "report-status-v2", "side-band-64k", "push-options"];
        let body = request(&Capabilities::new(words.map(str::to_owned)), &update, b"PACK");
        let text = String::from_utf8(body).unwrap();
        assert!(text.contains("0 1 refs/heads/main\0 report-status-v2 side-band-64k push-options"));
        assert!(text.ends_with("0000000bci.skip0000PACK"), "{text:?}");
        assert!(!text.contains("quiet"));
    }
}
