//! Linux, where we ask for changes alone: to be woken at each of many files that are opened in a row, as `notify` asks
//! for, costs as much as to read them.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::fs::inotify::{add_watch, init, remove_watch};
use rustix::io::Errno;

/// Directories that are watched, by one handle of the kernel.
pub(super) struct Watcher {
    inotify: Arc<OwnedFd>,
    watches: Arc<Mutex<Watches>>,
    /// The thread ends when this is closed.
    _alive: UnixStream,
}

/// What directories are called, by the number that the kernel has given each. It has one for all names of a directory.
#[derive(Default)]
struct Watches(HashMap<i32, Vec<PathBuf>>);

impl Watcher {
    pub(super) fn new(told: impl Fn(Option<&Path>) + Send + 'static) -> io::Result<Self> {
        let inotify = Arc::new(init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?);
        let (alive, end) = UnixStream::pair()?;
        let watcher = Self {
            inotify: Arc::clone(&inotify),
            watches: Arc::default(),
            _alive: alive,
        };
        let watches = Arc::clone(&watcher.watches);
        let listen = move || {
            if listen(&inotify, &end, &watches, &told).is_err() {
                told(None);
            }
        };
        thread::Builder::new()
            .name("lookout".into())
            .spawn(listen)?;
        Ok(watcher)
    }

    pub(super) fn watch(&self, directory: &Path) -> io::Result<()> {
        self.watch_for(directory, NAMES | WatchFlags::MODIFY)
    }

    pub(super) fn watch_names(&self, directory: &Path) -> io::Result<()> {
        self.watch_for(directory, NAMES)
    }

    fn watch_for(&self, directory: &Path, changes: WatchFlags) -> io::Result<()> {
        // Held while it is asked for: what is told at once must find the name.
        let mut watches = lock(&self.watches);
        let number =
            add_watch(&*self.inotify, directory, changes).map_err(|error| match error {
                Errno::NOSPC => io::Error::other("all watches of the kernel are in use"),
                error => error.into(),
            })?;
        let names = watches.0.entry(number).or_default();
        if !names.iter().any(|name| name == directory) {
            names.push(directory.to_owned());
        }
        // Another directory may have had the name until now.
        self.forget(&mut watches, directory, Some(number));
        Ok(())
    }

    pub(super) fn unwatch(&self, directory: &Path) {
        self.forget(&mut lock(&self.watches), directory, None);
    }

    /// No directory is called so, but for this one.
    fn forget(&self, watches: &mut Watches, directory: &Path, but: Option<i32>) {
        watches.0.retain(|number, names| {
            if Some(*number) == but {
                return true;
            }
            names.retain(|name| name != directory);
            if names.is_empty() {
                // One that is gone is watched no more.
                let _ = remove_watch(&*self.inotify, *number);
            }
            !names.is_empty()
        });
    }
}

/// Tells what the kernel tells, until the watcher is gone.
fn listen(
    inotify: &OwnedFd,
    end: &UnixStream,
    watches: &Mutex<Watches>,
    told: &impl Fn(Option<&Path>),
) -> io::Result<()> {
    let mut buffer = [MaybeUninit::uninit(); EVENTS];
    let mut events = Reader::new(inotify, &mut buffer);
    loop {
        let event = match events.next() {
            Ok(event) => event,
            Err(Errno::INTR) => continue,
            Err(Errno::AGAIN) => {
                let mut awaited = [
                    PollFd::new(inotify, PollFlags::IN),
                    PollFd::new(end, PollFlags::IN),
                ];
                match poll(&mut awaited, None) {
                    Ok(_) if !awaited[1].revents().is_empty() => return Ok(()),
                    Ok(_) | Err(Errno::INTR) => continue,
                    Err(error) => return Err(error.into()),
                }
            }
            Err(error) => return Err(error.into()),
        };
        if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
            told(None);
            continue;
        }
        let file = event
            .file_name()
            .map(|name| OsStr::from_bytes(name.to_bytes()));
        let directories = match event.events().contains(ReadFlags::IGNORED) {
            true => lock(watches).0.remove(&event.wd()),
            false => lock(watches).0.get(&event.wd()).cloned(),
        };
        for directory in directories.unwrap_or_default() {
            match file {
                Some(file) => told(Some(&directory.join(file))),
                None => told(Some(&directory)),
            }
        }
    }
}

fn lock(watches: &Mutex<Watches>) -> MutexGuard<'_, Watches> {
    watches.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What may have become of a file's name, or of the directory itself. To look is no change: whoever looks because of it
/// would never be done.
const NAMES: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVE)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR)
    // To what somebody else looks out for in the same directory.
    .union(WatchFlags::MASK_ADD);

/// Bytes of events that are read at once: some hundred.
const EVENTS: usize = 8 * 1024;
