//! Faults that wait for their place.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::times::Counter;
use super::{Action, Fault, FaultError, Per, Place, Side};
use crate::endpoint::Endpoint;
use crate::limits::{COUNTED_APART, FAULTS};
use crate::pattern::fits;

/// The faults of a sandbox, or of a client.
#[derive(Debug)]
pub(crate) struct Armed {
    side: Side,
    faults: Mutex<Vec<One>>,
}

#[derive(Debug)]
struct One {
    fault: Fault,
    happened: Arc<AtomicU64>,
    together: Counter,
    apart: HashMap<String, Counter>,
}

/// A place that a conversation has come to.
#[derive(Debug)]
pub(crate) struct Meeting<'a> {
    pub(crate) endpoint: Endpoint,
    pub(crate) connection: u64,
    pub(crate) place: Place,
    /// The command line, if there is one.
    pub(crate) line: &'a [u8],
    /// Whom it concerns.
    pub(crate) addresses: &'a [String],
    pub(crate) now: Instant,
}

/// Something that has to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hit {
    /// Not before so many octets.
    pub(crate) after: u64,
    pub(crate) action: Action,
}

/// A fault in a sandbox: tells how often it has happened, and takes it back.
#[derive(Debug, Clone)]
pub struct Injected {
    happened: Arc<AtomicU64>,
    armed: Arc<Armed>,
}

impl Armed {
    pub(crate) fn new(side: Side) -> Self {
        let faults = Mutex::default();
        Self { side, faults }
    }

    pub(crate) fn add(self: &Arc<Self>, fault: Fault) -> Result<Injected, FaultError> {
        fault.check(self.side).map_err(FaultError::of)?;
        let mut faults = self.lock();
        if faults.len() >= FAULTS {
            return Err(FaultError::of(format!("there are {FAULTS} faults already")));
        }
        let happened = Arc::new(AtomicU64::new(0));
        faults.push(One {
            fault,
            happened: Arc::clone(&happened),
            together: Counter::default(),
            apart: HashMap::new(),
        });
        Ok(Injected {
            happened,
            armed: Arc::clone(self),
        })
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    pub(crate) fn list(&self) -> Vec<(Fault, u64)> {
        let faults = self.lock();
        let list = faults.iter().map(|one| {
            let happened = one.happened.load(Ordering::Relaxed);
            (one.fault.clone(), happened)
        });
        list.collect()
    }

    /// What has to be done here, by all faults that are due, in their order; those that are about
    /// a place within the answer by their places.
    pub(crate) fn meet(&self, meeting: &Meeting<'_>) -> Vec<Hit> {
        let mut hits = Vec::new();
        for one in self.lock().iter_mut() {
            if one.is_due(meeting) {
                one.happened.fetch_add(1, Ordering::Relaxed);
                let actions = one.fault.actions.iter().cloned();
                hits.extend(actions.map(|action| Hit {
                    after: one.fault.after,
                    action,
                }));
            }
        }
        // Stable: what is done at the same octet is done in the order in which it is written.
        hits.sort_by_key(|hit| hit.after);
        hits
    }

    fn lock(&self) -> MutexGuard<'_, Vec<One>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl One {
    fn is_due(&mut self, meeting: &Meeting<'_>) -> bool {
        let fault = &self.fault;
        let is_here = fault
            .endpoint
            .is_none_or(|endpoint| endpoint == meeting.endpoint)
            && fault.place.covers(&meeting.place);
        if !is_here {
            return false;
        }
        let concerned: Vec<&String> = match &fault.address {
            None => meeting.addresses.iter().collect(),
            Some(pattern) => {
                let all = meeting.addresses.iter();
                let found: Vec<_> = all.filter(|address| is_like(address, pattern)).collect();
                if found.is_empty() {
                    return false;
                }
                found
            }
        };
        if let Some(part) = &fault.containing {
            let line = String::from_utf8_lossy(meeting.line).to_lowercase();
            if !line.contains(&part.to_lowercase()) {
                return false;
            }
        }
        let group = match fault.per {
            Per::Sandbox => None,
            Per::Connection => Some(meeting.connection.to_string()),
            Per::Address => concerned.first().map(|address| address.to_lowercase()),
        };
        let counter = match group {
            Some(group) if self.apart.contains_key(&group) || self.apart.len() < COUNTED_APART => {
                self.apart.entry(group).or_default()
            }
            _ => &mut self.together,
        };
        counter.meet(&fault.times, meeting.now)
    }
}

impl Injected {
    /// How often it has happened.
    pub fn happened(&self) -> u64 {
        self.happened.load(Ordering::Relaxed)
    }

    /// Takes it back. What it has begun goes on.
    pub fn remove(self) {
        let mut faults = self.armed.lock();
        faults.retain(|one| !Arc::ptr_eq(&one.happened, &self.happened));
    }
}

/// Whether an address is like a pattern in which `*` stands for anything, in any case of letters.
fn is_like(address: &str, pattern: &str) -> bool {
    let (address, pattern) = (address.to_lowercase(), pattern.to_lowercase());
    fits(&pattern, "*", &address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (address, pattern, expected) in [
            ("bob@example.org", "bob@example.org", true),
            ("Bob@example.org", "bob@EXAMPLE.org", true),
            ("bobby@example.org", "bob@example.org", false),
            ("bob@example.org", "bob@*", true),
            ("bob@example.org", "*@example.net", false),
            ("bob@mx.example.org", "*@*.example.org", true),
            ("bob@example.org", "*@*.example.org", false),
            ("bob@example.org", "*", true),
            ("", "*", true),
            ("aa", "a*aa", false),
        ] {
            assert_eq!(is_like(address, pattern), expected, "{address} {pattern}");
        }
    }
}
