//! Programs that are measured from outside.

use anyhow::{Context, Result, ensure};
use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;
use procfs::process::{Process, all_processes};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// `program`, confined to one CPU; taskset becomes the program, so its process id is the same.
pub(crate) fn pinned(program: &str, cpu: usize) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &cpu.to_string(), program]);
    command
}

/// While there is one, the thread that made it is confined to one CPU.
pub(crate) struct Confined {
    before: CpuSet,
}

impl Confined {
    pub(crate) fn to(cpu: usize) -> Result<Self> {
        let before = sched_getaffinity(None)?;
        let mut only = CpuSet::new();
        only.set(cpu);
        sched_setaffinity(None, &only)?;
        Ok(Self { before })
    }
}

impl Drop for Confined {
    fn drop(&mut self) {
        // Where it could be confined, it can be let go.
        _ = sched_setaffinity(None, &self.before);
    }
}

/// What a program and the processes that it started have used, in user and kernel mode, those
/// included that have ended by now: of these the system knows only hundredths of a second.
pub(crate) fn cpu_seconds(id: u32) -> Result<f64> {
    let (mut seconds, mut ticks) = (0., 0);
    let mut tree = vec![i32::try_from(id)?];
    let parents: Vec<_> = all_processes()?
        .filter_map(|process| process.ok()?.stat().ok())
        .map(|stat| (stat.ppid, stat.pid))
        .collect();
    while let Some(pid) = tree.pop() {
        // It may have ended in this moment; then it is among its parent's.
        let (Ok(stat), Ok(time)) = (
            Process::new(pid).and_then(|process| process.stat()),
            clock_getcpuclockid(Pid::from_raw(pid)).and_then(clock_gettime),
        ) else {
            continue;
        };
        let ended = u64::try_from(stat.cutime + stat.cstime).unwrap_or(0);
        ticks += ended;
        seconds += Duration::from(time).as_secs_f64();
        tree.extend(
            parents
                .iter()
                .filter(|(parent, _)| *parent == pid)
                .map(|(_, pid)| pid),
        );
    }
    Ok(seconds + ticks as f64 / procfs::ticks_per_second() as f64)
}

/// What this process has used.
pub(crate) fn own_cpu_seconds() -> Result<f64> {
    let time = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?;
    Ok(Duration::from(time).as_secs_f64())
}

/// Builds the `program` of a `folder` beside our own, for a peer that cannot be a dependency of it.
pub(crate) fn build_apart(folder: &str, program: &str) -> Result<PathBuf> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(folder)
        .join("Cargo.toml");
    let target = std::env::current_exe()?.with_file_name(folder);
    let status = Command::new(std::env::var_os("CARGO").context("not run by cargo")?)
        .args(["build", "--release", "--quiet", "--ignore-rust-version"])
        .arg("--manifest-path")
        .arg(manifest)
        .arg("--target-dir")
        .arg(&target)
        .status()?;
    ensure!(status.success(), "cargo failed");
    Ok(target.join("release").join(program))
}

/// Ends a program in the way that lets it end those that it has started.
pub(crate) fn terminate(child: &mut Child) {
    if let Some(id) = i32::try_from(child.id())
        .ok()
        .and_then(rustix::process::Pid::from_raw)
    {
        // It may have ended by itself.
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
    }
    let deadline = Instant::now() + Duration::from_secs(5);
    while matches!(child.try_wait(), Ok(None)) && Instant::now() < deadline {
        sleep(Duration::from_millis(20));
    }
    _ = child.kill();
    _ = child.wait();
}
