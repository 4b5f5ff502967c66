//! The PROXY protocol: who a proxy in front of us speaks for (HAProxy's `proxy-protocol.txt`,
//! versions 1 and 2).
//!
//! The header precedes everything else on a connection, TLS included, and whoever may send it
//! may claim to be anybody: read it from proxies that are trusted, by their address, and from
//! nobody else. It has to be there then; a connection that begins otherwise is given up.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Takes a header, octet by octet if need be, and not an octet of what follows it.
///
/// It holds no more than a header's [most octets](Self::LONGEST). Its time is the caller's to
/// limit.
///
/// ```
/// use mailwire::proxy::Preface;
///
/// let mut preface = Preface::new();
/// let received = b"PROXY TCP4 192.0.2.7 192.0.2.1 35646 25\r\nEHLO client.test\r\n";
/// let (taken, header) = preface.take(received)?;
/// let header = header.expect("all of it is there");
/// assert_eq!(header.source, Some("192.0.2.7:35646".parse()?));
/// assert_eq!(&received[taken..], b"EHLO client.test\r\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Preface {
    held: Vec<u8>,
}

/// What a header says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// Who connected to the proxy. None if the proxy speaks for itself, as for a health check, or
    /// does not know: then the connection's own addresses count.
    pub source: Option<SocketAddr>,
    /// Where they connected to.
    pub destination: Option<SocketAddr>,
    /// What version 2 may add, by type: 0x02 is the name that TLS was asked for, 0x20 is about TLS
    /// at the proxy.
    pub extras: Vec<(u8, Vec<u8>)>,
}

/// Octets that are no header, or one that is too long or damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a header of the PROXY protocol")]
pub struct InvalidPreface;

impl Preface {
    /// The most octets of a header of version 2; one of version 1 has at most 107. Version 2 could
    /// announce 64 KiB, of which nobody needs more than a few hundred octets.
    pub const LONGEST: usize = 4096;

    /// For the beginning of a connection.
    pub const fn new() -> Self {
        Self { held: Vec::new() }
    }

    /// Takes what belongs to the header from the front of `bytes`: how many octets, and the header
    /// once it is complete.
    ///
    /// # Errors
    ///
    /// As soon as it is certain that this will not be a header.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(usize, Option<Header>), InvalidPreface> {
        let mut taken = 0;
        while taken < bytes.len() {
            let rest = &bytes[taken..];
            let next = self.belonging(rest)?;
            self.held.extend_from_slice(&rest[..next]);
            taken += next;
            if let Some(header) = self.complete()? {
                return Ok((taken, Some(header)));
            }
        }
        Ok((taken, None))
    }

    /// How many of the next octets belong to the header for certain.
    fn belonging(&self, next: &[u8]) -> Result<usize, InvalidPreface> {
        let held = self.held.len();
        let wanted = match self.held.first() {
            None => 1,
            Some(b'P') => match memchr::memchr(b'\n', next) {
                Some(end) if held + end < LONGEST_LINE => end + 1,
                None if held + next.len() < LONGEST_LINE => next.len(),
                _ => return Err(InvalidPreface),
            },
            Some(_) => self.binary_length()? - held,
        };
        Ok(wanted.min(next.len()))
    }

    /// The length of a header of version 2, as far as it is known.
    fn binary_length(&self) -> Result<usize, InvalidPreface> {
        let Some(length) = self.held.get(14..16) else {
            return Ok(FIXED);
        };
        let length = FIXED + usize::from(u16::from_be_bytes([length[0], length[1]]));
        match length <= Self::LONGEST {
            true => Ok(length),
            false => Err(InvalidPreface),
        }
    }

    fn complete(&self) -> Result<Option<Header>, InvalidPreface> {
        let held = &self.held[..];
        let marks = [LINE_MARK, BINARY_MARK];
        let is_possible = |mark: &[u8]| {
            let both = held.len().min(mark.len());
            held[..both] == mark[..both]
        };
        if !marks.into_iter().any(is_possible) {
            return Err(InvalidPreface);
        }
        if held[0] == b'P' {
            return match held {
                [line @ .., b'\r', b'\n'] => read_line(line).map(Some),
                [.., b'\n'] => Err(InvalidPreface),
                _ => Ok(None),
            };
        }
        match held.len() >= FIXED && held.len() == self.binary_length()? {
            true => read_binary(held).map(Some),
            false => Ok(None),
        }
    }
}

/// Version 1: `PROXY TCP4 SOURCE DESTINATION SOURCE-PORT DESTINATION-PORT`.
fn read_line(line: &[u8]) -> Result<Header, InvalidPreface> {
    let line = std::str::from_utf8(line).map_err(|_| InvalidPreface)?;
    let words: Vec<_> = line.split(' ').collect();
    let [_, family, source, destination, from, to] = words[..] else {
        return match words.get(1) {
            // Whatever follows is to be ignored.
            Some(&"UNKNOWN") => Ok(Header::default()),
            _ => Err(InvalidPreface),
        };
    };
    let address = |text: &str| match family {
        "TCP4" => text.parse().map(IpAddr::V4).map_err(|_| InvalidPreface),
        "TCP6" => text.parse().map(IpAddr::V6).map_err(|_| InvalidPreface),
        _ => Err(InvalidPreface),
    };
    let port = |text: &str| match text.parse::<u16>() {
        Ok(port) if port.to_string() == text => Ok(port),
        _ => Err(InvalidPreface),
    };
    if family == "UNKNOWN" {
        return Ok(Header::default());
    }
    Ok(Header {
        source: Some((address(source)?, port(from)?).into()),
        destination: Some((address(destination)?, port(to)?).into()),
        extras: Vec::new(),
    })
}

/// Version 2, all of it.
fn read_binary(header: &[u8]) -> Result<Header, InvalidPreface> {
    let (command, family) = (header[12], header[13]);
    let rest = &header[FIXED..];
    let speaks_for_another = match command {
        0x20 => false,
        0x21 => true,
        _ => return Err(InvalidPreface),
    };
    let (addresses, extras) = match family {
        0x11 | 0x12 => rest.split_at_checked(12).ok_or(InvalidPreface)?,
        0x21 | 0x22 => rest.split_at_checked(36).ok_or(InvalidPreface)?,
        // Two paths of a Unix socket, which name nobody.
        0x31 | 0x32 => rest.split_at_checked(216).ok_or(InvalidPreface)?,
        // Unspecified: what follows cannot be known, and is to be ignored.
        0x00 => (&rest[..0], &rest[..0]),
        _ if speaks_for_another => return Err(InvalidPreface),
        _ => (&rest[..0], &rest[..0]),
    };
    let extras = read_extras(extras, header)?;
    let (source, destination) = match addresses.len() {
        _ if !speaks_for_another => (None, None),
        12 | 36 => {
            let (addresses, ports) = addresses.split_at(addresses.len() - 4);
            let (source, destination) = addresses.split_at(addresses.len() / 2);
            let port = |at: usize| u16::from_be_bytes([ports[at], ports[at + 1]]);
            (
                ip(source).map(|ip| (ip, port(0)).into()),
                ip(destination).map(|ip| (ip, port(2)).into()),
            )
        }
        _ => (None, None),
    };
    Ok(Header {
        source,
        destination,
        extras,
    })
}

fn ip(octets: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(octets) {
        return Some(Ipv4Addr::from(octets).into());
    }
    let octets = <[u8; 16]>::try_from(octets).ok()?;
    Some(Ipv6Addr::from(octets).into())
}

/// Type, length, value; the checksum among them, if there is one, must be right.
fn read_extras(text: &[u8], header: &[u8]) -> Result<Vec<(u8, Vec<u8>)>, InvalidPreface> {
    let mut extras = Vec::new();
    let mut rest = text;
    while let [kind, high, low, after @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (value, after) = after.split_at_checked(length).ok_or(InvalidPreface)?;
        match *kind {
            CHECKSUM => {
                let at = header.len() - after.len() - length;
                let mut whole = header.to_vec();
                let field = whole.get_mut(at..at + length).ok_or(InvalidPreface)?;
                field.fill(0);
                if value != crc32c(&whole).to_be_bytes() {
                    return Err(InvalidPreface);
                }
            }
            // Padding.
            0x04 => {}
            kind => extras.push((kind, value.to_vec())),
        }
        rest = after;
    }
    match rest {
        [] => Ok(extras),
        _ => Err(InvalidPreface),
    }
}

/// The checksum of RFC 4960 appendix B. Bit by bit: it is rare, and over few octets.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0x82f6_3b78 & (sum & 1).wrapping_neg());
        }
    }
    !sum
}

const LINE_MARK: &[u8] = b"PROXY ";
const BINARY_MARK: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The longest header of version 1, with its CRLF.
const LONGEST_LINE: usize = 107;

/// Octets of a header of version 2 before the addresses.
const FIXED: usize = 16;

const CHECKSUM: u8 = 0x03;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is read, and what is left, in pieces of a size.
    fn read(bytes: &[u8], piece: usize) -> Result<Option<(Header, usize)>, InvalidPreface> {
        let mut preface = Preface::new();
        let mut used = 0;
        for piece in bytes.chunks(piece) {
            let (taken, header) = preface.take(piece)?;
            used += taken;
            if let Some(header) = header {
                return Ok(Some((header, used)));
            }
            assert_eq!(taken, piece.len());
            assert!(preface.held.len() <= Preface::LONGEST);
        }
        Ok(None)
    }

    fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).expect("short");
        [BINARY_MARK, &[command, family], &length.to_be_bytes(), rest].concat()
    }

    fn with_addresses(source: &str, destination: &str) -> Header {
        Header {
            source: Some(source.parse().expect("an address")),
            destination: Some(destination.parse().expect("an address")),
            extras: Vec::new(),
        }
    }

    #[test]
    fn headers() {
        let four = [192, 0, 2, 7, 192, 0, 2, 1, 0x8b, 0x3e, 0, 25];
        let mut six = [0; 36];
        (six[15], six[31], six[33], six[35]) = (7, 1, 9, 25);
        let v4 = with_addresses("192.0.2.7:35646", "192.0.2.1:25");
        let named = Header {
            extras: vec![(2, b"mx.test".to_vec())],
            ..v4.clone()
        };
        let mut sealed = binary(0x21, 0x11, &[&four[..], &[3, 0, 4, 0, 0, 0, 0]].concat());
        let sum = crc32c(&sealed);
        let at = sealed.len() - 4;
        sealed[at..].copy_from_slice(&sum.to_be_bytes());
        for (bytes, header) in [
            (
                b"PROXY TCP4 192.0.2.7 192.0.2.1 35646 25\r\n".to_vec(),
                v4.clone(),
            ),
            (
                b"PROXY TCP6 ::7 ::1 9 25\r\n".to_vec(),
                with_addresses("[::7]:9", "[::1]:25"),
            ),
            (b"PROXY UNKNOWN\r\n".to_vec(), Header::default()),
            (b"PROXY UNKNOWN a b c d\r\n".to_vec(), Header::default()),
            (binary(0x21, 0x11, &four), v4.clone()),
            (
                binary(0x21, 0x21, &six),
                with_addresses("[::7]:9", "[::1]:25"),
            ),
            (binary(0x20, 0, b""), Header::default()),
            (binary(0x20, 0x11, &four), Header::default()),
            (binary(0x21, 0, b"what ever"), Header::default()),
            (binary(0x21, 0x31, &[0; 216]), Header::default()),
            (
                binary(
                    0x21,
                    0x11,
                    &[&four[..], &[2, 0, 7], b"mx.test", &[4, 0, 1, 0]].concat(),
                ),
                named,
            ),
            (sealed, v4),
        ] {
            let whole = [&bytes[..], b"EHLO\r\n"].concat();
            for piece in 1..=whole.len() {
                let (read, used) = read(&whole, piece).expect("legal").expect("whole");
                assert_eq!((&read, used), (&header, bytes.len()), "pieces of {piece}");
            }
            assert_eq!(read(&bytes[..bytes.len() - 1], 1), Ok(None));
        }
    }

    #[test]
    fn what_is_none() {
        let four = [192, 0, 2, 7, 192, 0, 2, 1, 0x8b, 0x3e, 0, 25];
        for bytes in [
            b"EHLO c\r\n".to_vec(),
            b"PROXY".iter().chain(b"\r\n").copied().collect(),
            b"PROXY TCP4 192.0.2.7 192.0.2.1 35646 25\n".to_vec(),
            b"PROXY TCP4 192.0.2.7 192.0.2.1 35646\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.7 192.0.2.1 35646 65536\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.7 192.0.2.1 35646 025\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.7 192.0.2.1 35646 +25\r\n".to_vec(),
            b"PROXY TCP4 ::7 ::1 9 25\r\n".to_vec(),
            b"PROXY TCP4  192.0.2.1 35646 25\r\n".to_vec(),
            b"PROXY UDP4 192.0.2.7 192.0.2.1 35646 25\r\n".to_vec(),
            [b"PROXY UNKNOWN ".to_vec(), vec![b'x'; 107]].concat(),
            binary(0x11, 0x11, &four),
            binary(0x22, 0x11, &four),
            binary(0x21, 0x11, &four[1..]),
            binary(0x21, 0x41, &four),
            binary(0x21, 0x11, &[&four[..], &[2, 0, 7], b"mx"].concat()),
            binary(0x21, 0x11, &[&four[..], &[2, 0]].concat()),
            binary(0x21, 0x11, &[&four[..], &[3, 0, 4, 1, 2, 3, 4]].concat()),
            binary(0x21, 0x11, &[0; 4090]),
        ] {
            for piece in [1, 7, bytes.len()] {
                assert_eq!(
                    read(&bytes, piece),
                    Err(InvalidPreface),
                    "{}",
                    bytes.escape_ascii()
                );
            }
        }
    }

    #[test]
    fn the_checksum_of_the_standard() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    proptest! {
        #[test]
        fn any_octets_however_cut(
            mark in prop::sample::select(&[LINE_MARK, BINARY_MARK, b""][..]),
            rest in prop::collection::vec(any::<u8>(), 0..200),
            piece in 1usize..50,
        ) {
            let bytes = [mark, &rest].concat();
            prop_assert_eq!(read(&bytes, piece), read(&bytes, bytes.len().max(1)));
        }
    }
}
