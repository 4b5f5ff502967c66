//! A system whose disk fails, whose process dies, and whose clocks obey.
#![allow(dead_code, reason = "each test uses a part")]

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use mailbox_formats::effects::{Identity, Step, System, Tick};
use rustix::io::Errno;

/// What happens at one step, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Never,
    /// The step fails once.
    Fault(usize, Errno),
    /// Neither this step nor any behind it is done, cleaning up included.
    Crash(usize),
}

type Hook = Box<dyn Fn(Step, &Path) -> io::Result<()> + Send + Sync>;

pub(crate) struct Script {
    pub(crate) stop: Stop,
    pub(crate) hook: Hook,
    pub(crate) identity: Identity,
    /// The steps that were asked for.
    pub(crate) steps: Mutex<Vec<(Step, PathBuf)>>,
    pub(crate) ticks: AtomicU64,
    pub(crate) pauses: AtomicUsize,
    /// Microseconds that both clocks are ahead of the real ones.
    pub(crate) ahead: AtomicU64,
    /// How long each write takes by our clocks.
    pub(crate) write_time: Duration,
    pub(crate) start: Instant,
}

impl Script {
    pub(crate) fn new(stop: Stop) -> Self {
        Self {
            stop,
            hook: Box::new(|_, _| Ok(())),
            identity: Identity {
                pid: std::process::id(),
                host: "here".into(),
                random: 0,
            },
            steps: Mutex::default(),
            ticks: AtomicU64::new(0),
            pauses: AtomicUsize::new(0),
            ahead: AtomicU64::new(0),
            write_time: Duration::ZERO,
            start: Instant::now(),
        }
    }

    pub(crate) fn hooked(
        hook: impl Fn(Step, &Path) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self {
            hook: Box::new(hook),
            ..Self::new(Stop::Never)
        }
    }

    pub(crate) fn later(self, by: Duration) -> Self {
        self.ahead
            .fetch_add(by.as_micros() as u64, Ordering::Relaxed);
        self
    }

    pub(crate) fn taken(&self) -> Vec<Step> {
        self.steps
            .lock()
            .unwrap()
            .iter()
            .map(|(step, _)| *step)
            .collect()
    }

    /// Whether the run came as far as the step at which it was to stop.
    pub(crate) fn has_stopped(&self) -> bool {
        let taken = self.steps.lock().unwrap().len();
        match self.stop {
            Stop::Never => false,
            Stop::Fault(at, _) | Stop::Crash(at) => taken > at,
        }
    }

    fn pass(&self, time: Duration) {
        self.ahead
            .fetch_add(time.as_micros() as u64, Ordering::Relaxed);
    }

    fn ahead(&self) -> Duration {
        Duration::from_micros(self.ahead.load(Ordering::Relaxed))
    }
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Script")
            .field("stop", &self.stop)
            .finish_non_exhaustive()
    }
}

impl System for Script {
    fn before(&self, step: Step, path: &Path) -> io::Result<()> {
        let mut steps = self.steps.lock().unwrap();
        let at = steps.len();
        steps.push((step, path.to_owned()));
        drop(steps);
        if step == Step::Write {
            self.pass(self.write_time);
        }
        match self.stop {
            Stop::Fault(stop, errno) if at == stop => Err(errno.into()),
            Stop::Crash(stop) if at >= stop => Err(Errno::IO.into()),
            _ => (self.hook)(step, path),
        }
    }

    fn now(&self) -> SystemTime {
        SystemTime::now() + self.ahead()
    }

    fn uptime(&self) -> Instant {
        self.start + self.ahead()
    }

    fn pause(&self, time: Duration) {
        self.pauses.fetch_add(1, Ordering::Relaxed);
        self.ahead
            .fetch_add(time.as_micros() as u64, Ordering::Relaxed);
    }

    fn tick(&self) -> Tick {
        let sequence = self.ticks.fetch_add(1, Ordering::Relaxed);
        Tick {
            micros: 1_700_000_000_000_000 + sequence,
            sequence,
        }
    }

    fn identity(&self) -> Identity {
        self.identity.clone()
    }
}

/// The files of a directory, sorted by name.
pub(crate) fn files(directory: impl AsRef<Path>) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The contents of the files of a directory, sorted.
pub(crate) fn contents(directory: impl AsRef<Path>) -> Vec<Vec<u8>> {
    let mut contents: Vec<Vec<u8>> = files(directory)
        .into_iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    contents.sort();
    contents
}

/// A process id that nobody can have, above the largest that the kernel gives out; another
/// one each time, for the dead leave files with their id behind.
///
/// None of a process that was made for it and has ended: until it runs its program, such a child
/// holds the locks of whatever files the other tests have open.
pub(crate) fn dead_pid() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(4_194_305);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A message of about so many bytes, as SMTP carries it, and as it is stored.
pub(crate) fn message(size: usize) -> (Vec<u8>, Vec<u8>) {
    let line = "The quick brown fox jumps over the lazy dog, and over nobody else.\r\n";
    let wire = format!("Subject: a fox\r\n\r\n{}", line.repeat(size / line.len()));
    let stored = wire.replace("\r\n", "\n").into_bytes();
    (wire.into_bytes(), stored)
}
