//! Asking for references and objects.

use std::io::{Read, Write};

use super::packet::{Packet, Packets, SideBand, delimiter, flush, line};
use super::{AGENT, Capabilities, Refs};

/// What to ask for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Want<'a> {
    /// The objects wanted.
    pub(crate) ids: Vec<String>,
    /// Commits whose trees we hold, but not their parents.
    pub(crate) have: Vec<String>,
    /// How many commits deep.
    pub(crate) depth: Option<u32>,
    /// What to leave out, as `git`'s `--filter`.
    pub(crate) filter: Option<&'a str>,
    /// Whether the pack may build on what we hold. Not where we hold less than a commit's name promises.
    pub(crate) thin: bool,
}

fn head(command: &str, capabilities: &Capabilities) -> Vec<u8> {
    let mut body = Vec::new();
    line(&mut body, format!("command={command}\n"));
    line(&mut body, format!("{AGENT}\n"));
    if let Some(format) = capabilities.value("object-format") {
        line(&mut body, format!("object-format={format}\n"));
    }
    delimiter(&mut body);
    body
}

/// The request for what version 2 knows of `HEAD` and one branch.
pub(crate) fn list_refs_request(capabilities: &Capabilities, prefixes: &[&str]) -> Vec<u8> {
    let mut body = head("ls-refs", capabilities);
    line(&mut body, "symrefs\n");
    for prefix in prefixes {
        line(&mut body, format!("ref-prefix {prefix}\n"));
    }
    flush(&mut body);
    body
}

/// Asks a version 2 server for references by prefix.
pub(crate) fn list_refs(
    capabilities: &Capabilities,
    prefixes: &[&str],
    session: &mut dyn super::super::connection::Session,
) -> anyhow::Result<Refs> {
    let mut packets = Packets::new(session.ask(list_refs_request(capabilities, prefixes))?);
    let mut refs = Refs::default();
    while let Some(text) = packets.text()? {
        let mut words = text.split(' ');
        let (Some(id), Some(name)) = (words.next(), words.next()) else { continue };
        if name == "HEAD" {
            let target = words.find_map(|word| word.strip_prefix("symref-target:refs/heads/"));
            refs.head = target.map(str::to_owned);
        }
        if id != "unborn" {
            refs.ids.insert(name.to_owned(), id.to_owned());
        }
    }
    Ok(refs)
}

/// Version 2's request.
fn request_two(capabilities: &Capabilities, want: &Want<'_>) -> Vec<u8> {
    let mut body = head("fetch", capabilities);
    if want.thin {
        line(&mut body, "thin-pack\n");
    }
    for option in ["no-progress\n", "ofs-delta\n"] {
        line(&mut body, option);
    }
    arguments(&mut body, want);
    line(&mut body, "done\n");
    flush(&mut body);
    body
}

fn arguments(body: &mut Vec<u8>, want: &Want<'_>) {
    for id in &want.ids {
        line(body, format!("want {id}\n"));
    }
    for id in &want.have {
        line(body, format!("shallow {id}\n"));
    }
    if let Some(depth) = want.depth {
        line(body, format!("deepen {depth}\n"));
    }
    if let Some(filter) = want.filter {
        line(body, format!("filter {filter}\n"));
    }
    for id in &want.have {
        line(body, format!("have {id}\n"));
    }
}

/// Version 0's request: everything in one go, so that it is the same over HTTP and a pipe.
fn request_zero(capabilities: &Capabilities, want: &Want<'_>) -> Vec<u8> {
    let mut words = Vec::new();
    // Azure DevOps insists on the first; none of them needs another round.
    for name in ["multi_ack_detailed", "side-band-64k", "thin-pack", "no-progress", "ofs-delta"] {
        if capabilities.has(name) && (want.thin || name != "thin-pack") {
            words.push(name.to_owned());
        }
    }
    for (name, needed) in [("shallow", true), ("filter", want.filter.is_some())] {
        if needed && capabilities.has(name) {
            words.push(name.to_owned());
        }
    }
    if capabilities.value("object-format").is_some() {
        words.push(format!("object-format={}", capabilities.object_format()));
    }
    if capabilities.value("agent").is_some() {
        words.push(AGENT.to_owned());
    }
    let mut body = Vec::new();
    for (at, id) in want.ids.iter().enumerate() {
        let words = if at == 0 { format!(" {}", words.join(" ")) } else { String::new() };
        line(&mut body, format!("want {id}{words}\n"));
    }
    let rest = Want { ids: Vec::new(), have: Vec::new(), ..want.clone() };
    for id in &want.have {
        line(&mut body, format!("shallow {id}\n"));
    }
    arguments(&mut body, &rest);
    flush(&mut body);
    for id in &want.have {
        line(&mut body, format!("have {id}\n"));
    }
    line(&mut body, "done\n");
    body
}

/// Asks for objects and copies the pack to `sink`.
pub(crate) fn fetch(
    capabilities: &Capabilities,
    is_two: bool,
    want: &Want<'_>,
    session: &mut dyn super::super::connection::Session,
    say: &dyn Fn(&str),
    sink: &mut dyn Write,
) -> anyhow::Result<()> {
    let body =
        if is_two { request_two(capabilities, want) } else { request_zero(capabilities, want) };
    let mut packets = Packets::new(session.ask(body)?);
    if is_two {
        find_pack(&mut packets)?;
        std::io::copy(&mut SideBand::new(&mut packets, say), sink)?;
    } else {
        answer_zero(&mut packets, want, say, sink)?;
    }
    Ok(())
}

/// Skips the sections before the pack.
fn find_pack<R: Read>(packets: &mut Packets<R>) -> anyhow::Result<()> {
    loop {
        match packets.next()? {
            Packet::Data(b"packfile\n" | b"packfile") => return Ok(()),
            Packet::Data(_) | Packet::Delimiter => {}
            Packet::Flush | Packet::End => anyhow::bail!("the server sent no objects"),
        }
    }
}

fn answer_zero<R: Read>(
    packets: &mut Packets<R>,
    want: &Want<'_>,
    say: &dyn Fn(&str),
    sink: &mut dyn Write,
) -> anyhow::Result<()> {
    if want.depth.is_some() {
        while packets.text()?.is_some() {}
    }
    loop {
        let Packet::Data(data) = packets.next()? else {
            anyhow::bail!("the server sent no objects");
        };
        if data.starts_with(b"ACK ") || data.starts_with(b"NAK") {
            // With `multi_ack_detailed` several come; the last one names no state, and the pack follows.
            continue;
        }
        let first = data.to_vec();
        let mut band = SideBand::new(packets, say).with_first(&first)?;
        std::io::copy(&mut band, sink)?;
        return Ok(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want() -> Want<'static> {
        Want {
            ids: vec!["new".to_owned()],
            have: vec!["old".to_owned()],
            depth: Some(1),
            filter: Some("blob:none"),
            thin: true,
        }
    }

    #[test]
    fn version_two_states_what_we_hold() {
        let capabilities = Capabilities::new(["object-format=sha1".to_owned()]);
        let body = String::from_utf8(request_two(&capabilities, &want())).unwrap();
        let version = env!("CARGO_PKG_VERSION");
        let agent = format!("{:04x}agent=gitops/{version}\n", 4 + 14 + version.len());
        assert_eq!(
            body,
            format!(
                "0012command=fetch\n{agent}0017object-format=sha1\n0001000ethin-pack\n\
                 0010no-progress\n000eofs-delta\n000dwant new\n0010shallow old\n000ddeepen 1\n\
                 0015filter blob:none\n000dhave old\n0009done\n0000"
            )
        );
    }

    #[test]
    fn version_zero_asks_for_what_the_server_has() {
        let words = ["multi_ack", "side-band-64k", "shallow", "thin-pack"].map(str::to_owned);
        let want = Want { filter: None, ..want() };
        let body = String::from_utf8(request_zero(&Capabilities::new(words), &want)).unwrap();
        assert_eq!(
            body,
            "002dwant new side-band-64k thin-pack shallow\n0010shallow old\n000ddeepen 1\n\
             0000000dhave old\n0009done\n"
        );
    }
}
