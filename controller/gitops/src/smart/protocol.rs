//! The messages of Git's protocol version 2 that a shallow fetch of one branch needs. Pure: text in, text out.
//!
//! Reference: gitprotocol-v2(5).

use crate::smart::pkt::{Packet, write_delimiter, write_flush, write_line};

/// What the server says that it can do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Capabilities {
    /// `fetch=... filter`: large blobs can be left out.
    pub(crate) filter: bool,
    /// `fetch=... shallow`: history can be left out.
    pub(crate) shallow: bool,
}

/// Reads the answer to `info/refs`. The error says what is missing.
pub(crate) fn read_capabilities(packets: &[Packet]) -> Result<Capabilities, String> {
    let mut lines = packets.iter().filter_map(Packet::line).filter(|line| !line.starts_with("# service="));
    match lines.next() {
        Some(first) if first == "version 2" => {}
        Some(first) if first.starts_with("ERR ") => return Err(first),
        Some(_) => return Err("it does not speak protocol version 2".to_owned()),
        None => return Err("the answer is empty".to_owned()),
    }
    let mut capabilities = Capabilities::default();
    let (mut refs, mut fetch) = (false, false);
    for line in lines {
        let (name, value) = line.split_once('=').unwrap_or((&line, ""));
        match name {
            "ls-refs" => refs = true,
            "fetch" => {
                fetch = true;
                capabilities.filter = value.split(' ').any(|feature| feature == "filter");
                capabilities.shallow = value.split(' ').any(|feature| feature == "shallow");
            }
            "object-format" if value != "sha1" => {
                return Err(format!("object format {value} is not supported"));
            }
            _ => {}
        }
    }
    if refs && fetch { Ok(capabilities) } else { Err("it offers no fetch".to_owned()) }
}

/// Asks for the default branch, or one branch.
pub(crate) fn ask_refs(branch: Option<&str>) -> Vec<u8> {
    let mut body = command("ls-refs");
    write_delimiter(&mut body);
    write_line(&mut body, "symrefs");
    match branch {
        Some(branch) => write_line(&mut body, &format!("ref-prefix refs/heads/{branch}")),
        None => write_line(&mut body, "ref-prefix HEAD"),
    }
    write_flush(&mut body);
    body
}

/// A branch and the commit that it points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tip {
    /// Name without `refs/heads/`.
    pub(crate) branch: String,
    /// Commit, 40 hex digits.
    pub(crate) commit: String,
}

/// Finds the branch in the answer; none where the server has no such branch.
pub(crate) fn read_tip(packets: &[Packet], branch: Option<&str>) -> Result<Option<Tip>, String> {
    for line in packets.iter().filter_map(Packet::line) {
        refuse_error(&line)?;
        let mut words = line.split(' ');
        let (Some(commit), Some(name)) = (words.next(), words.next()) else { continue };
        let target = words.find_map(|word| word.strip_prefix("symref-target:"));
        let found = match branch {
            Some(branch) => name.strip_prefix("refs/heads/").filter(|name| *name == branch),
            None if name == "HEAD" => target.and_then(|target| target.strip_prefix("refs/heads/")),
            None => None,
        };
        let Some(branch) = found else { continue };
        if !is_commit(commit) {
            return Err("a branch points to something that is no commit id".to_owned());
        }
        return Ok(Some(Tip { branch: branch.to_owned(), commit: commit.to_owned() }));
    }
    Ok(None)
}

/// What is wanted, and what is here already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Want<'a> {
    /// The commit.
    pub(crate) commit: &'a str,
    /// A commit of an earlier fetch, whose objects need not be sent again.
    pub(crate) have: Option<&'a str>,
    /// Blobs of this size and above are left out, where the server can do that.
    pub(crate) leave_out_bytes: u64,
}

/// Asks for the pack of one commit without its history.
pub(crate) fn ask_pack(want: &Want<'_>, capabilities: &Capabilities) -> Vec<u8> {
    let mut body = command("fetch");
    write_delimiter(&mut body);
    write_line(&mut body, "no-progress");
    write_line(&mut body, "ofs-delta");
    if capabilities.filter {
        write_line(&mut body, &format!("filter blob:limit={}", want.leave_out_bytes));
    }
    if capabilities.shallow {
        if let Some(have) = want.have {
            write_line(&mut body, &format!("shallow {have}"));
        }
        write_line(&mut body, "deepen 1");
    }
    write_line(&mut body, &format!("want {}", want.commit));
    if let Some(have) = want.have {
        // Without history there is no way from one commit to the other, and then only a thin pack leaves out what the
        // commit that is here holds; libgit2 completes it from the cache.
        write_line(&mut body, "thin-pack");
        write_line(&mut body, &format!("have {have}"));
    }
    write_line(&mut body, "done");
    write_flush(&mut body);
    body
}

/// The parts of the answer to `ask_pack`, frame by frame.
#[derive(Debug, Default)]
pub(crate) struct PackAnswer {
    in_pack: bool,
    done: bool,
    /// Commits whose parents were not sent.
    pub(crate) shallow: Vec<String>,
}

impl PackAnswer {
    /// Takes the next frame; gives the bytes of the pack that it holds, if any.
    pub(crate) fn take(&mut self, packet: Packet) -> Result<Option<Vec<u8>>, String> {
        match packet {
            Packet::Data(data) if self.in_pack => side_band(data),
            Packet::Data(_) => {
                let line = packet.line().unwrap_or_default();
                refuse_error(&line)?;
                if line == "packfile" {
                    self.in_pack = true;
                } else if let Some(commit) = line.strip_prefix("shallow ")
                    && is_commit(commit)
                {
                    self.shallow.push(commit.to_owned());
                }
                Ok(None)
            }
            Packet::Flush => {
                self.done = self.in_pack;
                Ok(None)
            }
            Packet::Delimiter | Packet::ResponseEnd => Ok(None),
        }
    }

    /// The pack has arrived to its end.
    pub(crate) fn is_complete(&self) -> bool {
        self.done
    }
}

/// Band 1 is the pack, band 2 progress, band 3 the server's last words.
fn side_band(mut data: Vec<u8>) -> Result<Option<Vec<u8>>, String> {
    match data.first() {
        Some(1) => {
            data.remove(0);
            Ok(Some(data))
        }
        Some(2) => Ok(None),
        Some(3) => Err(clean(&String::from_utf8_lossy(&data[1..]))),
        Some(_) | None => Err("a frame of the pack belongs to no band".to_owned()),
    }
}

fn command(name: &str) -> Vec<u8> {
    let mut body = Vec::new();
    write_line(&mut body, &format!("command={name}"));
    write_line(&mut body, &format!("agent=kubeopt/{}", env!("CARGO_PKG_VERSION")));
    write_line(&mut body, "object-format=sha1");
    body
}

fn refuse_error(line: &str) -> Result<(), String> {
    match line.strip_prefix("ERR ") {
        Some(message) => Err(clean(message)),
        None => Ok(()),
    }
}

/// Characters of a server's message that are shown.
const MESSAGE_CHARS_MAX: usize = 300;

/// What a server says may hold terminal control sequences.
fn clean(message: &str) -> String {
    let plain: String = message
        .trim()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MESSAGE_CHARS_MAX)
        .collect();
    format!("the server says: {plain}")
}

fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OID: &str = "0123456789abcdef0123456789abcdef01234567";

    fn lines(lines: &[&str]) -> Vec<Packet> {
        lines.iter().map(|line| Packet::Data(format!("{line}\n").into_bytes())).collect()
    }

    #[test]
    fn reads_what_a_server_can_do() {
        let full = ["# service=git-upload-pack", "version 2", "ls-refs=unborn", "fetch=shallow filter", "x"];
        let capabilities = read_capabilities(&lines(&full)).unwrap();
        assert_eq!(capabilities, Capabilities { filter: true, shallow: true });
        for bad in [
            &["version 2", "ls-refs", "fetch", "object-format=sha256"][..],
            &["version 2", "ls-refs"],
            &["version 1"],
            &["ERR gone"],
            &[],
        ] {
            assert!(read_capabilities(&lines(bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_branch_is_found_by_its_whole_name() {
        let head = format!("{OID} HEAD symref-target:refs/heads/trunk");
        let longer = format!("{OID} refs/heads/main-2");
        let exact = format!("{OID} refs/heads/main");
        let tip = |branch: &str| Some(Tip { branch: branch.to_owned(), commit: OID.to_owned() });
        assert_eq!(read_tip(&lines(&[&head]), None), Ok(tip("trunk")));
        assert_eq!(read_tip(&lines(&[&longer, &exact]), Some("main")), Ok(tip("main")));
        assert_eq!(read_tip(&lines(&[&longer]), Some("main")), Ok(None));
        assert_eq!(read_tip(&lines(&[&format!("{OID} HEAD")]), None), Ok(None));
        assert!(read_tip(&lines(&["zz refs/heads/main"]), Some("main")).is_err());
    }

    #[test]
    fn the_pack_is_what_arrives_on_band_one() {
        let mut answer = PackAnswer::default();
        let mut pack = Vec::new();
        let mut packets = lines(&["shallow-info", &format!("shallow {OID}")]);
        packets.push(Packet::Delimiter);
        packets.extend(lines(&["packfile"]));
        packets.extend([
            Packet::Data(b"\x01PA".to_vec()),
            Packet::Data(b"\x02noise".to_vec()),
            Packet::Data(b"\x01CK".to_vec()),
        ]);
        for packet in packets {
            pack.extend(answer.take(packet).unwrap().unwrap_or_default());
        }
        assert!(!answer.is_complete());
        answer.take(Packet::Flush).unwrap();
        assert!(answer.is_complete());
        assert_eq!((pack.as_slice(), answer.shallow.as_slice()), (&b"PACK"[..], &[OID.to_owned()][..]));
    }

    #[test]
    fn the_servers_last_words_are_shown_without_control_characters() {
        let mut answer = PackAnswer { in_pack: true, ..PackAnswer::default() };
        let words = answer.take(Packet::Data(b"\x03out of \x1b[31mmemory".to_vec())).unwrap_err();
        assert_eq!(words, "the server says: out of  [31mmemory");
    }
}
