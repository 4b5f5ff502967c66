//! Enums of words, so that what is read and what is written cannot differ.

/// Defines an enum whose variants are words of the grammar.
macro_rules! keywords {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $($(#[$variant_meta:meta])* $variant:ident = $word:literal,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word as it is written.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// What a word means, in any case.
            #[allow(dead_code, reason = "some words are read by hand")]
            pub(crate) fn from_word(word: &[u8]) -> Option<Self> {
                // One comparison of the length for each, and of the rest for few.
                Self::ALL
                    .iter()
                    .copied()
                    .find(|known| known.as_str().as_bytes().eq_ignore_ascii_case(word))
            }

            /// Reads one of the words, in any case.
            #[allow(dead_code, reason = "some words are read by hand")]
            pub(crate) fn read(cursor: &mut crate::lex::Cursor<'_>) -> crate::lex::Parsed<Self> {
                let start = cursor.at();
                let mut word = crate::lex::FOLDED;
                let word = cursor.keyword(&mut word, stringify!($name))?;
                match Self::from_word(word) {
                    Some(known) => Ok(known),
                    None => {
                        cursor.reset(start);
                        cursor.fail(stringify!($name))
                    }
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(crate) use keywords;
