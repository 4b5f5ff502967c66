//! Which octets may stand where.

/// A class of octets (RFC 9051 section 9).
#[derive(Clone, Copy)]
pub(crate) struct Class(u16);

impl Class {
    /// `ATOM-CHAR`
    pub(crate) const ATOM: Self = Self(1 << 0);
    /// `ASTRING-CHAR`: an atom's, and `]`.
    pub(crate) const ASTRING: Self = Self(1 << 1);
    /// `list-char`: an astring's, and the wildcards.
    pub(crate) const LIST: Self = Self(1 << 2);
    /// Of a `tag`: an astring's without `+`.
    pub(crate) const TAG: Self = Self(1 << 3);
    /// Of a quoted string, as it is: ASCII without CR, LF, NUL, `"` and `\`.
    pub(crate) const QUOTED: Self = Self(1 << 4);
    /// Of base64, with its padding.
    pub(crate) const BASE64: Self = Self(1 << 5);
    /// Of an atom in UTF-8: an astring's, and all above 127.
    pub(crate) const UTF8: Self = Self(1 << 6);
    /// Of a mailbox name that is the same in modified UTF-7: printable ASCII without `&`.
    pub(crate) const PLAIN: Self = Self(1 << 7);
    /// Of anything between spaces.
    pub(crate) const PRINTABLE: Self = Self(1 << 9);
    /// Of a pattern in UTF-8: a `list-char`, and all above 127.
    pub(crate) const UTF8_LIST: Self = Self(1 << 8);
}

const CLASSES: [u16; 256] = {
    let mut classes = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let o = octet as u8;
        let mut class = 0;
        let special = matches!(o, b'(' | b')' | b'{' | b'"' | b'\\');
        let wild = matches!(o, b'%' | b'*');
        let printable = o > 32 && o < 127 && !special;
        if printable && !wild && o != b']' {
            class |= Class::ATOM.0;
        }
        if printable && !wild {
            class |= Class::ASTRING.0 | Class::UTF8.0;
        }
        if printable {
            class |= Class::LIST.0;
        }
        if printable && !wild && o != b'+' {
            class |= Class::TAG.0;
        }
        if o > 0 && o < 128 && !matches!(o, b'\r' | b'\n' | b'"' | b'\\') {
            class |= Class::QUOTED.0;
        }
        if o.is_ascii_alphanumeric() || matches!(o, b'+' | b'/' | b'=') {
            class |= Class::BASE64.0;
        }
        if printable || o > 127 {
            class |= Class::UTF8_LIST.0;
        }
        if o > 32 && o != 127 {
            class |= Class::PRINTABLE.0;
        }
        if o > 127 {
            class |= Class::UTF8.0;
        }
        if o >= 32 && o < 127 && o != b'&' {
            class |= Class::PLAIN.0;
        }
        classes[octet] = class;
        octet += 1;
    }
    classes
};

#[inline]
pub(crate) fn is(octet: u8, class: Class) -> bool {
    CLASSES[usize::from(octet)] & class.0 != 0
}

#[inline]
pub(crate) fn is_all(octets: &[u8], class: Class) -> bool {
    octets.iter().all(|octet| is(*octet, class))
}

/// How many octets of the class stand in front.
#[inline]
pub(crate) fn length_of(octets: &[u8], class: Class) -> usize {
    octets
        .iter()
        .position(|octet| !is(*octet, class))
        .unwrap_or(octets.len())
}
