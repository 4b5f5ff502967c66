//! Locks on an mbox, against every kind of other holder.

mod common;

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use common::{Script, Stop, dead_pid, files};
use mailbox_formats::effects::Step;
use mailbox_formats::mbox::{
    Date, Dotlock, FromLine, Holder, LockError, LockPolicy, Mbox, Options,
};
use mailbox_formats::{DeliveryError, Fault, limits};
use rustix::fs::FlockOperation;
use rustix::io::Errno;

fn deliver(mbox: &Mbox, policy: LockPolicy) -> Result<(), DeliveryError> {
    let from = FromLine::new(b"a@b", Date::at_offset(SystemTime::UNIX_EPOCH, 0));
    let mut delivery = mbox.deliver(Options::new(from).lock(policy));
    delivery.write_all(b"A: b\n").unwrap();
    delivery.commit().map(drop)
}

fn timed_out(result: Result<(), DeliveryError>) -> Option<Holder> {
    let error = result.unwrap_err();
    assert!(error.is_temporary());
    assert_eq!(error.fault(), Fault::Busy);
    match error {
        DeliveryError::Lock(LockError::TimedOut { holder, .. }) => Some(holder),
        _ => None,
    }
}

#[test]
fn kernel_locks_of_others_are_waited_for_until_the_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    fs::write(&path, "").unwrap();
    let policy = LockPolicy::default()
        .wait(Duration::from_secs(5))
        .flock(true);
    for holder in [Holder::Fcntl, Holder::Flock] {
        let other = File::options().write(true).open(&path).unwrap();
        match holder {
            Holder::Fcntl => lock_open_file(&other),
            _ => rustix::fs::flock(&other, FlockOperation::NonBlockingLockExclusive).unwrap(),
        }
        let script = Arc::new(Script::new(Stop::Never));
        let mbox = Mbox::new(&path).on(script.clone());
        assert_eq!(timed_out(deliver(&mbox, policy)), Some(holder));
        assert!(script.pauses.load(Ordering::Relaxed) > 5);
        assert_eq!(
            files(folder.path()),
            std::slice::from_ref(&path),
            "no lock is left"
        );
        drop(other);
        deliver(&mbox, policy).unwrap();
        fs::write(&path, "").unwrap();
    }
}

#[test]
fn the_lock_of_a_process_is_respected() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    let other = File::create(&path).unwrap();
    // As Postfix and mailx take it; such a lock of our own process goes with the first
    // close of the file, so there is one attempt alone.
    rustix::fs::fcntl_lock(&other, FlockOperation::NonBlockingLockExclusive).unwrap();
    let result = deliver(
        &Mbox::new(&path),
        LockPolicy::default().wait(Duration::ZERO),
    );
    assert_eq!(timed_out(result), Some(Holder::Fcntl));
}

/// Locks as another process with another open file would.
fn lock_open_file(file: &File) {
    use nix::{fcntl, libc};
    let lock = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl::fcntl(file, fcntl::FcntlArg::F_OFD_SETLK(&lock)).unwrap();
}

#[test]
fn another_process_is_kept_out_while_we_append() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    let seen = Arc::new(AtomicUsize::new(0));
    let hook = {
        let (path, seen) = (path.clone(), seen.clone());
        move |step, at: &Path| {
            if step == Step::Write && at == path {
                seen.fetch_add(1, Ordering::Relaxed);
                // What flock(1) and a locker by lock file would find now.
                let lockfile = fs::read_to_string(at.with_file_name("m.lock")).unwrap();
                assert_eq!(lockfile, format!("{}:here", std::process::id()));
                let other = File::options().write(true).open(at).unwrap();
                let lock = FlockOperation::NonBlockingLockExclusive;
                assert_eq!(rustix::fs::fcntl_lock(&other, lock), Err(Errno::AGAIN));
                assert_eq!(rustix::fs::flock(&other, lock), Err(Errno::AGAIN));
            }
            Ok(())
        }
    };
    let mbox = Mbox::new(&path).on(Arc::new(Script::hooked(hook)));
    deliver(&mbox, LockPolicy::default().flock(true)).unwrap();
    assert_eq!(seen.load(Ordering::Relaxed), 1);
    assert_eq!(files(folder.path()), [path]);
}

#[test]
fn lock_files_are_respected_until_they_are_stale() {
    let here = |pid: u32| format!("{pid}:here");
    let us = std::process::id();
    let dead = dead_pid();
    let (second, old) = (
        Duration::from_secs(1),
        limits::LOCK_STALE + Duration::from_secs(2),
    );
    let orphan = limits::LOCK_DEAD + Duration::from_secs(2);
    // Content, age of lock file and mailbox, and whether it is broken.
    let table = [
        (here(us), second, false),
        (here(us), orphan, false),
        (here(us), old, true),
        (here(dead), second, false),
        (here(dead), orphan, true),
        (format!("{dead}:elsewhere"), orphan, false),
        (format!("{dead}:elsewhere"), old, true),
        (dead.to_string(), orphan, false),
        (String::new(), orphan, false),
        (String::new(), old, true),
    ];
    for (content, age, is_broken) in table {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m");
        let lockfile = folder.path().join("m.lock");
        fs::write(&path, "").unwrap();
        fs::write(&lockfile, &content).unwrap();
        let script = Arc::new(Script::new(Stop::Never).later(age));
        let mbox = Mbox::new(&path).on(script.clone());
        let policy = LockPolicy::default().wait(Duration::ZERO);
        let result = deliver(&mbox, policy);
        if is_broken {
            result.unwrap();
            assert_eq!(files(folder.path()), [path]);
        } else {
            assert_eq!(
                timed_out(result),
                Some(Holder::Dotlock),
                "{content} {age:?}"
            );
            assert_eq!(fs::read_to_string(&lockfile).unwrap(), content);
            assert_eq!(files(folder.path()).len(), 2);
        }
    }
}

#[test]
fn a_lock_file_that_changes_hands_is_not_broken() {
    for has_third in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m");
        let lockfile = folder.path().join("m.lock");
        fs::write(&path, "").unwrap();
        fs::write(&lockfile, "0").unwrap();
        let links = AtomicUsize::new(0);
        let hook = move |step, at: &Path| {
            match step {
                // Between our judgement and our rename, somebody else breaks it and takes it.
                Step::Rename => {
                    fs::write(at.with_file_name("new"), "1:elsewhere").unwrap();
                    fs::rename(at.with_file_name("new"), at).unwrap();
                }
                // The second link puts it back, and comes too late.
                Step::Link if links.fetch_add(1, Ordering::Relaxed) == 1 && has_third => {
                    fs::write(at, "2:elsewhere").unwrap();
                }
                _ => {}
            }
            Ok(())
        };
        let script = Script::hooked(hook).later(limits::LOCK_STALE * 2);
        let mbox = Mbox::new(&path).on(Arc::new(script));
        let result = deliver(&mbox, LockPolicy::default().wait(Duration::ZERO));
        assert_eq!(timed_out(result), Some(Holder::Dotlock));
        let owner = if has_third {
            "2:elsewhere"
        } else {
            "1:elsewhere"
        };
        assert_eq!(fs::read_to_string(&lockfile).unwrap(), owner);
        assert_eq!(files(folder.path()).len(), 2);
    }
}

#[test]
fn a_lock_file_that_others_took_over_is_left_to_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    let hook = |step, at: &Path| {
        if step == Step::SyncFile {
            fs::remove_file(at.with_file_name("m.lock")).unwrap();
            fs::write(at.with_file_name("m.lock"), "theirs").unwrap();
        }
        Ok(())
    };
    let mbox = Mbox::new(&path).on(Arc::new(Script::hooked(hook)));
    deliver(&mbox, LockPolicy::default()).unwrap();
    assert_eq!(fs::read(folder.path().join("m.lock")).unwrap(), b"theirs");
}

#[test]
fn a_lock_file_is_touched_while_its_owner_works() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    let script = Arc::new(Script {
        write_time: limits::LOCK_TOUCH,
        ..Script::new(Stop::Never)
    });
    let mbox = Mbox::new(&path).on(script.clone());
    let from = FromLine::new(b"a", Date::at_offset(SystemTime::UNIX_EPOCH, 0));
    let mut delivery = mbox.deliver(Options::new(from));
    delivery.write_all(&[b'x'; 300_000]).unwrap();
    delivery.commit().unwrap();
    let touched = script
        .taken()
        .iter()
        .filter(|step| **step == Step::Touch)
        .count();
    assert!(touched >= 4, "{touched}");
}

#[test]
fn a_mailbox_replaced_while_it_is_locked_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    fs::write(&path, "old\n\n").unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let hook = {
        let count = count.clone();
        move |step, at: &Path| {
            match (step, count.load(Ordering::Relaxed)) {
                (Step::LockFcntl, 0) => {
                    fs::write(at.with_file_name("n"), "rewritten\n\n").unwrap();
                    fs::rename(at.with_file_name("n"), at).unwrap();
                }
                (Step::LockFcntl, 1) => fs::remove_file(at).unwrap(),
                _ => return Ok(()),
            }
            count.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    };
    let mbox = Mbox::new(&path).on(Arc::new(Script::hooked(hook)));
    deliver(&mbox, LockPolicy::default()).unwrap();
    assert_eq!(count.load(Ordering::Relaxed), 2);
    let written = fs::read_to_string(&path).unwrap();
    assert!(
        written.starts_with("From a@b") && written.ends_with("A: b\n\n"),
        "{written}"
    );
}

#[test]
fn only_a_plain_file_is_an_mbox() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name| folder.path().join(name);
    fs::write(at("target"), "x").unwrap();
    fs::create_dir(at("directory")).unwrap();
    std::os::unix::fs::symlink(at("target"), at("symlink")).unwrap();
    fs::hard_link(at("target"), at("linked")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        at("fifo"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    for name in ["directory", "symlink", "linked", "fifo"] {
        let error = deliver(&Mbox::new(at(name)), LockPolicy::default()).unwrap_err();
        assert!(
            matches!(error, DeliveryError::NotMbox(_)),
            "{name}: {error}"
        );
        assert!(!error.is_temporary());
    }
    assert_eq!(fs::read(at("target")).unwrap(), b"x");
}

#[test]
fn a_spool_without_room_for_lock_files_is_a_matter_of_policy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    fs::write(&path, "").unwrap();
    let table = [
        (Dotlock::Require, Errno::ACCESS, false),
        (Dotlock::Require, Errno::ROFS, false),
        (Dotlock::TryIfWritable, Errno::ACCESS, true),
        (Dotlock::TryIfWritable, Errno::ROFS, true),
        (Dotlock::TryIfWritable, Errno::NOSPC, false),
        (Dotlock::Off, Errno::ACCESS, true),
    ];
    for (dotlock, errno, is_delivered) in table {
        let hook = move |step, _: &Path| match step {
            Step::Create => Err(errno.into()),
            _ => Ok(()),
        };
        let mbox = Mbox::new(&path).on(Arc::new(Script::hooked(hook)));
        let result = deliver(&mbox, LockPolicy::default().dotlock(dotlock));
        assert_eq!(result.is_ok(), is_delivered, "{dotlock:?} {errno}");
        if let Err(error) = result {
            assert!(
                matches!(error, DeliveryError::Lock(LockError::Step(_))),
                "{error}"
            );
        }
    }
}
