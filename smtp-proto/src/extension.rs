//! Extensions of SMTP by their names, and sets of them.

use std::fmt;

/// An extension that this crate knows (RFC 5321 section 2.2).
///
/// What stands behind its keyword in a reply to EHLO is the [configuration](crate::server::Config)'s
/// on one side and the [capabilities](crate::client::Capabilities)' on the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Extension {
    /// `PIPELINING` (RFC 2920): commands in groups.
    Pipelining,
    /// `SIZE` (RFC 1870): the size of a message is said and limited.
    Size,
    /// `STARTTLS` (RFC 3207).
    StartTls,
    /// `AUTH` (RFC 4954).
    Auth,
    /// `VRFY` (RFC 5321 section 3.5).
    Verify,
    /// `EXPN` (RFC 5321 section 3.5).
    Expand,
    /// `ETRN` (RFC 1985): start sending what waits for a domain.
    Etrn,
    /// `ENHANCEDSTATUSCODES` (RFC 2034).
    EnhancedStatusCodes,
    /// `8BITMIME` (RFC 6152).
    EightBitMime,
    /// `SMTPUTF8` (RFC 6531).
    SmtpUtf8,
    /// `CHUNKING` (RFC 3030): BDAT.
    Chunking,
    /// `BINARYMIME` (RFC 3030): any octets, with BDAT.
    BinaryMime,
    /// `DSN` (RFC 3461): reports on delivery.
    Dsn,
    /// `DELIVERBY` (RFC 2852): a time limit for delivery.
    DeliverBy,
    /// `FUTURERELEASE` (RFC 4865): submission that takes effect later.
    FutureRelease,
    /// `MT-PRIORITY` (RFC 6710).
    Priority,
    /// `REQUIRETLS` (RFC 8689): no hop without TLS.
    RequireTls,
    /// `RRVS` (RFC 7293): not to a mailbox that has changed hands.
    ValidSince,
    /// `LIMITS` (RFC 9422).
    Limits,
    /// `NO-SOLICITING` (RFC 3865).
    NoSoliciting,
    /// `XCLIENT` (Postfix): a proxy tells whom it speaks for. For trusted clients alone.
    XClient,
    /// `XFORWARD` (Postfix): a filter tells where a message came from. For trusted clients alone.
    XForward,
}

impl Extension {
    /// All of them, in the order in which they are announced.
    pub const ALL: [Self; 22] = [
        Self::Pipelining,
        Self::Size,
        Self::StartTls,
        Self::Auth,
        Self::Verify,
        Self::Expand,
        Self::Etrn,
        Self::EnhancedStatusCodes,
        Self::EightBitMime,
        Self::SmtpUtf8,
        Self::Chunking,
        Self::BinaryMime,
        Self::Dsn,
        Self::DeliverBy,
        Self::FutureRelease,
        Self::Priority,
        Self::RequireTls,
        Self::ValidSince,
        Self::Limits,
        Self::NoSoliciting,
        Self::XClient,
        Self::XForward,
    ];

    /// The keyword in a reply to EHLO.
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Pipelining => "PIPELINING",
            Self::Size => "SIZE",
            Self::StartTls => "STARTTLS",
            Self::Auth => "AUTH",
            Self::Verify => "VRFY",
            Self::Expand => "EXPN",
            Self::Etrn => "ETRN",
            Self::EnhancedStatusCodes => "ENHANCEDSTATUSCODES",
            Self::EightBitMime => "8BITMIME",
            Self::SmtpUtf8 => "SMTPUTF8",
            Self::Chunking => "CHUNKING",
            Self::BinaryMime => "BINARYMIME",
            Self::Dsn => "DSN",
            Self::DeliverBy => "DELIVERBY",
            Self::FutureRelease => "FUTURERELEASE",
            Self::Priority => "MT-PRIORITY",
            Self::RequireTls => "REQUIRETLS",
            Self::ValidSince => "RRVS",
            Self::Limits => "LIMITS",
            Self::NoSoliciting => "NO-SOLICITING",
            Self::XClient => "XCLIENT",
            Self::XForward => "XFORWARD",
        }
    }

    /// The extension with this keyword, in any case.
    pub fn from_keyword(keyword: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|extension| keyword.eq_ignore_ascii_case(extension.keyword()))
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.keyword())
    }
}

/// A set of extensions.
///
/// ```
/// use smtp_proto::{Extension, Extensions};
///
/// let mut extensions = Extensions::ordinary();
/// extensions.insert(Extension::Dsn);
/// extensions.remove(Extension::Verify);
/// assert!(extensions.contains(Extension::Chunking));
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Extensions(u32);

impl Extensions {
    /// None.
    pub const fn none() -> Self {
        Self(0)
    }

    /// Those that ask nothing of an application which takes messages as octets: PIPELINING, SIZE,
    /// VRFY, ENHANCEDSTATUSCODES, 8BITMIME, SMTPUTF8 and CHUNKING.
    ///
    /// STARTTLS and AUTH have switches of their own; all others are a promise that the
    /// application has to keep.
    pub const fn ordinary() -> Self {
        Self(
            Extension::Pipelining.bit()
                | Extension::Size.bit()
                | Extension::Verify.bit()
                | Extension::EnhancedStatusCodes.bit()
                | Extension::EightBitMime.bit()
                | Extension::SmtpUtf8.bit()
                | Extension::Chunking.bit(),
        )
    }

    /// Adds one.
    #[inline]
    pub fn insert(&mut self, extension: Extension) {
        self.0 |= extension.bit();
    }

    /// Takes one out.
    pub fn remove(&mut self, extension: Extension) {
        self.0 &= !extension.bit();
    }

    /// Whether one is in it.
    #[inline]
    pub const fn contains(self, extension: Extension) -> bool {
        self.0 & extension.bit() != 0
    }

    /// How many are in it.
    #[inline]
    pub(crate) const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// The first of these that is not in it.
    #[inline]
    pub fn first_missing(self, needed: Self) -> Option<Extension> {
        match needed.0 & !self.0 {
            0 => None,
            missing => Self(missing).iter().next(),
        }
    }

    /// All that are in it, in the order in which they are announced.
    #[inline]
    pub fn iter(self) -> impl Iterator<Item = Extension> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let extension = *Extension::ALL.get(left.trailing_zeros() as usize)?;
            left &= !extension.bit();
            Some(extension)
        })
    }
}

impl FromIterator<Extension> for Extensions {
    fn from_iter<T: IntoIterator<Item = Extension>>(extensions: T) -> Self {
        let bits = extensions.into_iter().map(Extension::bit);
        Self(bits.fold(0, |set, bit| set | bit))
    }
}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_place_and_its_name() {
        for (index, extension) in Extension::ALL.into_iter().enumerate() {
            assert_eq!(extension as usize, index);
            let found = Extension::from_keyword(&extension.keyword().to_lowercase());
            assert_eq!(found, Some(extension));
            let mut set = Extensions::none();
            set.insert(extension);
            assert!(set.contains(extension) && set.iter().eq([extension]));
            set.remove(extension);
            assert_eq!(set, Extensions::none());
        }
        let all: Extensions = Extension::ALL.into_iter().collect();
        assert!(all.iter().eq(Extension::ALL));
    }
}
