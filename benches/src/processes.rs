//! Programs that are measured from outside.

use anyhow::Result;
use procfs::process::{Process, all_processes};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// `program`, confined to one CPU; taskset becomes the program, so its process id is the same.
pub(crate) fn pinned(program: &str, cpu: usize) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &cpu.to_string(), program]);
    command
}

/// What a program and the processes that it started have used, in user and kernel mode, those
/// included that have ended by now.
pub(crate) fn cpu_seconds(id: u32) -> Result<f64> {
    let mut ticks = 0;
    let mut tree = vec![i32::try_from(id)?];
    let parents: Vec<_> = all_processes()?
        .filter_map(|process| process.ok()?.stat().ok())
        .map(|stat| (stat.ppid, stat.pid))
        .collect();
    while let Some(pid) = tree.pop() {
        // It may have ended in this moment; then it is among its parent's.
        let Ok(stat) = Process::new(pid).and_then(|process| process.stat()) else {
            continue;
        };
        let ended = u64::try_from(stat.cutime + stat.cstime).unwrap_or(0);
        ticks += stat.utime + stat.stime + ended;
        tree.extend(
            parents
                .iter()
                .filter(|(parent, _)| *parent == pid)
                .map(|(_, pid)| pid),
        );
    }
    Ok(ticks as f64 / procfs::ticks_per_second() as f64)
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
