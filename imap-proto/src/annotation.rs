//! Annotations of messages (RFC 5257).

use crate::class::Class;
use crate::encode::Encoder;
use crate::lex::{Cursor, Parsed};
use crate::string::Octets;

/// An entry with its attributes: `/comment (value.priv "My comment")`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Annotation {
    /// Its name: a path.
    pub entry: Octets,
    /// Its attributes, without values where an `nstring` was NIL.
    pub attributes: Vec<(Octets, Option<Octets>)>,
}

impl Annotation {
    /// An entry.
    pub fn new(entry: impl Into<Octets>, attributes: Vec<(Octets, Option<Octets>)>) -> Self {
        Self {
            entry: entry.into(),
            attributes,
        }
    }

    /// `(entry (attribute value ...) ...)`
    pub(crate) fn read_list(cursor: &mut Cursor<'_>) -> Parsed<Vec<Self>> {
        cursor.nonempty_list(|cursor| {
            let entry = read_pattern(cursor)?;
            cursor.space()?;
            let attributes = cursor.nonempty_list(|cursor| {
                let name = cursor.astring()?;
                cursor.space()?;
                Ok((name, cursor.nstring()?))
            })?;
            Ok(Self { entry, attributes })
        })
    }

    pub(crate) fn write_list(annotations: &[Self], to: &mut Encoder) {
        to.list(annotations, |to, annotation| {
            to.astring(&annotation.entry).space();
            to.list(&annotation.attributes, |to, (name, value)| {
                to.astring(name).space().nstring(value.as_ref());
            });
        });
    }
}

/// `list-mailbox`, as the names of entries are: with wildcards.
pub(crate) fn read_pattern(cursor: &mut Cursor<'_>) -> Parsed<Octets> {
    match cursor.peek() {
        Some(b'"' | b'{') => cursor.string(),
        _ => {
            let start = cursor.at();
            let word = cursor.run(Class::LIST, "an entry")?;
            Ok(cursor.slice(start, start + word.len()).into())
        }
    }
}

/// One or a list in parentheses.
pub(crate) fn read_one_or_list<T>(
    cursor: &mut Cursor<'_>,
    mut read: impl FnMut(&mut Cursor<'_>) -> Parsed<T>,
) -> Parsed<Vec<T>> {
    match cursor.peek() {
        Some(b'(') => cursor.nonempty_list(read),
        _ => Ok(vec![read(cursor)?]),
    }
}
