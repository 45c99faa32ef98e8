//! Git's packet lines, and the side band that carries a pack and the remote's words in one stream.

use std::io::{self, Read};

/// The longest packet, its four digits included.
const LONGEST: usize = 65_520;

/// What a stream of packets consists of.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Packet<'a> {
    Data(&'a [u8]),
    Flush,
    Delimiter,
    End,
}

/// Appends a packet of data.
pub(crate) fn line(out: &mut Vec<u8>, data: impl AsRef<[u8]>) {
    let data = data.as_ref();
    debug_assert!(data.len() + 4 <= LONGEST, "a request's lines are short");
    out.extend(format!("{:04x}", data.len() + 4).as_bytes());
    out.extend(data);
}

/// Appends the packet that ends a list.
pub(crate) fn flush(out: &mut Vec<u8>) {
    out.extend(b"0000");
}

/// Appends the packet between a command and its arguments.
pub(crate) fn delimiter(out: &mut Vec<u8>) {
    out.extend(b"0001");
}

/// What the remote says instead of an answer.
#[derive(Debug)]
pub(crate) struct RemoteError(pub(crate) String);

impl std::fmt::Display for RemoteError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RemoteError {}

/// Reads packets one by one.
pub(crate) struct Packets<R> {
    inner: R,
    buffer: Vec<u8>,
}

impl<R: Read> Packets<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, buffer: Vec::new() }
    }

    /// The next packet; an end of the stream is an error, since every list ends with a packet.
    pub(crate) fn next(&mut self) -> io::Result<Packet<'_>> {
        let mut digits = [0; 4];
        self.inner.read_exact(&mut digits)?;
        // Digits alone: the number's parser would also take a sign.
        let text =
            std::str::from_utf8(&digits).ok().filter(|t| t.bytes().all(|b| b.is_ascii_hexdigit()));
        let length = text.and_then(|text| usize::from_str_radix(text, 16).ok());
        let length = length.ok_or_else(|| not_a_packet(digits))?;
        match length {
            0 => return Ok(Packet::Flush),
            1 => return Ok(Packet::Delimiter),
            2 => return Ok(Packet::End),
            3 => return Err(not_a_packet(digits)),
            _ => {}
        }
        self.buffer.resize(length - 4, 0);
        self.inner.read_exact(&mut self.buffer)?;
        if let Some(text) = self.buffer.strip_prefix(b"ERR ") {
            let text = String::from_utf8_lossy(text).trim_end().to_owned();
            return Err(io::Error::other(RemoteError(text)));
        }
        Ok(Packet::Data(&self.buffer))
    }

    /// The next packet as a line of text without its end; nothing at the end of a list.
    pub(crate) fn text(&mut self) -> io::Result<Option<String>> {
        Ok(match self.next()? {
            Packet::Data(data) => {
                let data = data.strip_suffix(b"\n").unwrap_or(data);
                Some(String::from_utf8_lossy(data).into_owned())
            }
            _ => None,
        })
    }
}

fn not_a_packet(digits: [u8; 4]) -> io::Error {
    let shown = String::from_utf8_lossy(&digits).into_owned();
    io::Error::new(io::ErrorKind::InvalidData, format!("`{shown}` is no length of a Git packet"))
}

/// The first band of a side-band stream as a reader; the second goes to `say`, line by line.
pub(crate) struct SideBand<'a, R> {
    packets: &'a mut Packets<R>,
    say: &'a dyn Fn(&str),
    data: Vec<u8>,
    at: usize,
    /// The beginning of a line of the remote's.
    words: Vec<u8>,
    done: bool,
}

impl<'a, R: Read> SideBand<'a, R> {
    /// Reads from where the bands begin.
    pub(crate) fn new(packets: &'a mut Packets<R>, say: &'a dyn Fn(&str)) -> Self {
        Self { packets, say, data: Vec::new(), at: 0, words: Vec::new(), done: false }
    }

    /// Takes over a first packet that was read already.
    pub(crate) fn with_first(mut self, packet: &[u8]) -> io::Result<Self> {
        self.sort(packet)?;
        Ok(self)
    }

    fn sort(&mut self, packet: &[u8]) -> io::Result<()> {
        match packet.split_first() {
            Some((1, data)) => {
                self.data.clear();
                self.data.extend(data);
                self.at = 0;
            }
            Some((2, words)) => self.hear(words),
            Some((3, words)) => {
                let text = String::from_utf8_lossy(words).trim().to_owned();
                return Err(io::Error::other(RemoteError(text)));
            }
            _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "no such side band")),
        }
        Ok(())
    }

    fn hear(&mut self, words: &[u8]) {
        for &byte in words {
            // A carriage return ends a progress line that the next one is to overwrite: not worth keeping.
            match byte {
                b'\n' => self.say_words(),
                b'\r' => self.words.clear(),
                byte => self.words.push(byte),
            }
        }
    }

    fn say_words(&mut self) {
        let line = String::from_utf8_lossy(&self.words).trim_end().to_owned();
        self.words.clear();
        (self.say)(&line);
    }
}

impl<R: Read> Read for SideBand<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.data.len() && !self.done {
            self.data.clear();
            self.at = 0;
            if let Packet::Data(packet) = self.packets.next()? {
                let packet = packet.to_vec();
                self.sort(&packet)?;
            } else {
                self.done = true;
                if !self.words.is_empty() {
                    self.say_words();
                }
            }
        }
        let length = buffer.len().min(self.data.len() - self.at);
        buffer[..length].copy_from_slice(&self.data[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn writes_and_reads_packets() {
        let mut bytes = Vec::new();
        line(&mut bytes, "want x\n");
        delimiter(&mut bytes);
        flush(&mut bytes);
        assert_eq!(bytes, b"000bwant x\n00010000");
        let mut packets = Packets::new(bytes.as_slice());
        assert_eq!(packets.next().unwrap(), Packet::Data(b"want x\n"));
        assert_eq!(packets.next().unwrap(), Packet::Delimiter);
        assert_eq!(packets.next().unwrap(), Packet::Flush);
        assert_eq!(packets.next().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn refuses_what_is_no_packet() {
        for bytes in ["<htm", "0003", "zzzz", "00", "0009abc", "+001"] {
            let error = Packets::new(bytes.as_bytes()).next().unwrap_err();
            let kinds = [io::ErrorKind::InvalidData, io::ErrorKind::UnexpectedEof];
            assert!(kinds.contains(&error.kind()), "{bytes}: {error}");
        }
    }

    #[test]
    fn an_error_packet_is_an_error() {
        let error = Packets::new(&b"000fERR no way\n"[..]).next().unwrap_err();
        assert_eq!(error.to_string(), "no way");
    }

    #[test]
    fn parts_the_bands() {
        let mut bytes = Vec::new();
        for packet in [&b"\x01da"[..], b"\x02one\ntw", b"\x02o\n50%\rdone", b"\x01ta"] {
            line(&mut bytes, packet);
        }
        flush(&mut bytes);
        let said = RefCell::new(Vec::new());
        let say = |line: &str| said.borrow_mut().push(line.to_owned());
        let mut packets = Packets::new(bytes.as_slice());
        let mut data = Vec::new();
        SideBand::new(&mut packets, &say).read_to_end(&mut data).unwrap();
        assert_eq!(data, b"data");
        assert_eq!(*said.borrow(), ["one", "two", "done"]);
    }

    #[test]
    fn the_third_band_is_an_error() {
        let mut packets = Packets::new(&b"000a\x03fatal"[..]);
        let error = SideBand::new(&mut packets, &|_| {}).read(&mut [0; 9]).unwrap_err();
        assert_eq!(error.to_string(), "fatal");
    }
}
