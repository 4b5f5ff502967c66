//! Every number that bounds the API.

use std::time::Duration;

/// Messages in a list if nothing else is said: a few screens.
pub(crate) const PAGE: usize = 100;

/// Messages in a list at most. Who wants more asks again, from before the last.
pub(crate) const LARGEST_PAGE: usize = 1000;

/// Characters of a text that a list shows.
pub(crate) const SNIPPET: usize = 140;

/// Seconds for which messages are waited for if nothing else is said.
pub(crate) const WAIT: f64 = 10.0;

/// How long at most. Stops requests that nobody remembers.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// Octets of HTML with the images in it. Stops a mail that refers to one image a thousand times.
pub(crate) const INLINE: usize = 64 << 20;

/// Octets of a request, which is a fault file at most.
pub(crate) const REQUEST: usize = 1 << 20;
