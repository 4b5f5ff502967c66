//! Delivery into an mbox: what is written, and what is there after a fault or a crash.

mod common;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use common::{Script, Stop, dead_pid, files, message};
use mailbox_formats::effects::Step;
use mailbox_formats::mbox::{Date, Delivered, FromLine, Mbox, Options, Variant};
use mailbox_formats::{DeliveryError, Durability, Fault, limits};
use rustix::io::Errno;

const FROM: &str = "From a@b  Thu Jan  1 00:00:00 1970\n";

fn options() -> Options {
    Options::new(FromLine::new(
        b"a@b",
        Date::at_offset(SystemTime::UNIX_EPOCH, 0),
    ))
}

fn deliver(mbox: &Mbox, options: Options, message: &[u8]) -> Result<Delivered, DeliveryError> {
    let mut delivery = mbox.deliver(options);
    for chunk in message.chunks(10_000) {
        // An error is sticky, and `commit` says it again.
        let _ = delivery.write_all(chunk);
    }
    delivery.commit()
}

#[test]
fn a_message_starts_behind_an_empty_line_whatever_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    let mbox = Mbox::new(&path);
    let table = [
        ("", ""),
        ("\n", ""),
        ("x\n\n", ""),
        ("x\n", "\n"),
        ("x", "\n\n"),
        ("x\r\n\r\n", ""),
        ("x\r\n", "\n"),
        ("abcdefgh\r", "\n\n"),
    ];
    for (old, added) in table {
        fs::write(&path, old).unwrap();
        let delivered = deliver(&mbox, options(), b"A: b\r\n\r\nc").unwrap();
        let new = format!("{FROM}A: b\n\nc\n\n");
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            format!("{old}{added}{new}")
        );
        let offset = (old.len() + added.len()) as u64;
        assert_eq!(
            delivered,
            Delivered {
                offset,
                length: new.len() as u64
            }
        );
    }
    assert_eq!(files(folder.path()), [path]);
}

#[test]
fn a_new_mbox_is_private_and_its_name_is_synced() {
    let folder = tempfile::tempdir().unwrap();
    let script = Arc::new(Script::new(Stop::Never));
    let mbox = Mbox::new(folder.path().join("m")).on(script.clone());
    deliver(&mbox, options(), b"A: b\n").unwrap();
    assert_eq!(
        mbox.path().metadata().unwrap().permissions().mode() & 0o777,
        0o600
    );
    let synced = (Step::SyncDirectory, folder.path().to_owned());
    assert!(script.steps.lock().unwrap().contains(&synced));
    script.steps.lock().unwrap().clear();
    deliver(&mbox, options(), b"A: b\n").unwrap();
    assert!(!script.steps.lock().unwrap().contains(&synced));
}

#[test]
fn a_large_message_waits_on_disk_and_comes_out_whole() {
    let folder = tempfile::tempdir().unwrap();
    for variant in [Variant::Mboxrd, Variant::Mboxcl2] {
        for size in [limits::SPOOL_MEMORY - 1000, limits::SPOOL_MEMORY, 1_000_000] {
            let (wire, stored) = message(size);
            let script = Arc::new(Script::new(Stop::Never));
            let path = folder.path().join(format!("{variant:?}{size}"));
            let mbox = Mbox::new(&path).on(script.clone());
            let options = options().variant(variant).staging(folder.path());
            deliver(&mbox, options, &wire).unwrap();
            let stored = String::from_utf8(stored).unwrap();
            let (header, body) = stored.split_once("\n\n").unwrap();
            let length = match variant.has_length() {
                true => format!("Content-Length: {}\n", body.len()),
                false => String::new(),
            };
            let expected = format!("{FROM}{header}\n{length}\n{body}\n");
            assert!(
                fs::read_to_string(&path).unwrap() == expected,
                "{variant:?} {size}"
            );
            let spooled = script.taken().contains(&Step::Spool);
            assert_eq!(spooled, stored.len() > limits::SPOOL_MEMORY);
        }
    }
    assert_eq!(files(folder.path()).len(), 6, "the spool has no name");
}

/// Delivers, stopping at every step in turn, into an mbox that holds mail.
fn stop_everywhere(
    stop: impl Fn(usize) -> Stop,
    size: usize,
    variant: Variant,
    check: impl Fn(&Script, &Path, Result<Delivered, DeliveryError>, &[u8], &[u8]),
) {
    let (wire, _) = message(size);
    let options = options().variant(variant);
    for at in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m");
        // The first time round there is no mbox.
        for old in [&b""[..], b"From x\n\nacknowledged"] {
            let expected = folder.path().join("expected");
            fs::write(&expected, old).unwrap();
            deliver(&Mbox::new(&expected), options.clone(), &wire).unwrap();
            let expected = fs::read(&expected).unwrap();
            if !old.is_empty() {
                fs::write(&path, old).unwrap();
            }
            let mut script = Script::new(stop(at));
            script.identity.pid = dead_pid();
            let script = Arc::new(script);
            let mbox = Mbox::new(&path).on(script.clone());
            let result = deliver(&mbox, options.clone(), &wire);
            check(&script, &path, result, old, &expected);
            if !script.has_stopped() {
                return assert!(at > 10, "a delivery has more steps");
            }
            let _ = fs::remove_file(&path);
        }
    }
}

#[test]
fn a_fault_at_any_step_takes_the_message_back() {
    for (size, variant) in [(100, Variant::Mboxrd), (200_000, Variant::Mboxcl2)] {
        let stop = |at| Stop::Fault(at, Errno::NOSPC);
        stop_everywhere(
            stop,
            size,
            variant,
            |script, path, result, old, expected| {
                let found = fs::read(path).unwrap_or_default();
                match result {
                    Ok(_) | Err(DeliveryError::Unsynced(_)) => assert!(found == expected),
                    Err(error) => {
                        assert!(found == old, "{:?} {error}", script.stop);
                        assert_eq!(error.fault(), Fault::Full);
                        assert!(error.is_temporary());
                    }
                }
            },
        );
    }
}

#[test]
fn a_crash_at_any_step_loses_nothing_and_stops_nobody() {
    for (size, variant) in [(100, Variant::Mboxrd), (200_000, Variant::Mboxcl2)] {
        stop_everywhere(
            Stop::Crash,
            size,
            variant,
            |script, path, result, old, expected| {
                let found = fs::read(path).unwrap_or_default();
                assert!(
                    found.starts_with(old) && expected.starts_with(&found),
                    "{:?}",
                    script.stop
                );
                if size < limits::SPOOL_MEMORY {
                    assert!(found == old || found == expected, "{:?}", script.stop);
                }
                if result.is_ok() {
                    assert!(found == expected);
                }
                // The next delivery breaks the lock file of the dead and starts on its own line.
                let later = Arc::new(Script::new(Stop::Never).later(limits::LOCK_DEAD * 2));
                let mbox = Mbox::new(path).on(later);
                let next = deliver(&mbox, options(), b"A: next\n").unwrap();
                let now = fs::read(path).unwrap();
                assert!(now.starts_with(&found));
                let start = next.offset as usize;
                assert!(start == 0 || now[..start].ends_with(b"\n\n") || now[..start] == *b"\n");
                assert_eq!(now[start..], *format!("{FROM}A: next\n\n").as_bytes());
            },
        );
    }
}

#[test]
fn a_failed_sync_takes_the_message_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    fs::write(&path, "old").unwrap();
    for failing in [1, 2] {
        let count = AtomicUsize::new(0);
        let hook = move |step, _: &Path| match step {
            Step::SyncFile if count.fetch_add(1, Ordering::Relaxed) < failing => {
                Err(Errno::IO.into())
            }
            _ => Ok(()),
        };
        let mbox = Mbox::new(&path).on(Arc::new(Script::hooked(hook)));
        let error = deliver(&mbox, options(), b"A: b\n").unwrap_err();
        // The second failure is that of the sync that makes the cut durable.
        assert_eq!(
            matches!(error, DeliveryError::Rollback { .. }),
            failing == 2,
            "{error}"
        );
        assert_eq!(fs::read(&path).unwrap(), b"old");
    }
}

#[test]
fn a_write_that_stops_half_way_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    fs::write(&path, "old").unwrap();
    let (wire, _) = message(200_000);
    for (errno, fault) in [(Errno::NOSPC, Fault::Full), (Errno::DQUOT, Fault::Quota)] {
        for failing in [0, 1, 2] {
            let count = AtomicUsize::new(0);
            let mbox = path.clone();
            let hook = move |step, at: &Path| {
                let is_ours = step == Step::Write && at == mbox;
                if !is_ours || count.fetch_add(1, Ordering::Relaxed) != failing {
                    return Ok(());
                }
                // What the kernel does on a disk that fills up: some of it, then the error.
                let mut file = fs::OpenOptions::new().append(true).open(at)?;
                file.write_all(b"\n\nFrom a@b")?;
                Err(errno.into())
            };
            let mbox = Mbox::new(&path).on(Arc::new(Script::hooked(hook)));
            let error = deliver(&mbox, options(), &wire).unwrap_err();
            assert_eq!(
                (error.fault(), error.is_temporary()),
                (fault, true),
                "{error}"
            );
            assert_eq!(fs::read(&path).unwrap(), b"old");
            assert_eq!(files(folder.path()), std::slice::from_ref(&path));
        }
    }
}

#[test]
fn steps_come_in_the_order_that_durability_and_locks_need() {
    use Step::{Close, Create, Link, LockFcntl, SyncDirectory, SyncFile, Unlink, Write};
    let folder = tempfile::tempdir().unwrap();
    let script = Arc::new(Script::new(Stop::Never));
    let mbox = Mbox::new(folder.path().join("m")).on(script.clone());
    deliver(&mbox, options(), b"A: b\n").unwrap();
    let looks = [Step::Open, Step::Read];
    let taken: Vec<Step> = script
        .taken()
        .into_iter()
        .filter(|step| !looks.contains(step))
        .collect();
    let locks = [LockFcntl, Create, Write, Link, Unlink];
    let append = [Write, SyncFile, SyncDirectory];
    assert_eq!(taken, [&locks[..], &append, &[Unlink, Close]].concat());
}

#[test]
fn a_spool_that_fails_fails_the_write_and_the_commit() {
    let folder = tempfile::tempdir().unwrap();
    let mbox = Mbox::new(folder.path().join("m"));
    let mut delivery = mbox.deliver(options().staging(folder.path().join("missing")));
    let (wire, _) = message(200_000);
    let error = delivery.write_all(&wire).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    assert!(delivery.write_all(b"x").is_err());
    let error = delivery.commit().unwrap_err();
    assert_eq!(
        (error.fault(), error.is_temporary()),
        (Fault::Missing, true)
    );
    assert!(files(folder.path()).is_empty());
}

#[test]
fn durability_says_what_is_synced() {
    let folder = tempfile::tempdir().unwrap();
    let table = [
        (Durability::None, 0, 0),
        (Durability::File, 1, 0),
        (Durability::FileAndDirectory, 1, 1),
        (Durability::Batch, 1, 1),
    ];
    for (durability, file_syncs, directory_syncs) in table {
        let script = Arc::new(Script::new(Stop::Never));
        let mbox = Mbox::new(folder.path().join(format!("{durability:?}"))).on(script.clone());
        deliver(&mbox, options().durability(durability), b"A: b\n").unwrap();
        let count = |wanted| {
            script
                .taken()
                .iter()
                .filter(|step| **step == wanted)
                .count()
        };
        let syncs = (count(Step::SyncFile), count(Step::SyncDirectory));
        assert_eq!(syncs, (file_syncs, directory_syncs), "{durability:?}");
    }
}

#[test]
fn many_threads_lose_double_and_mix_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mbox = Mbox::new(folder.path().join("m"));
    let lock = mailbox_formats::mbox::LockPolicy::default().wait(Duration::from_secs(300));
    let options = options().durability(Durability::None).lock(lock);
    let text = |thread: u32, number: u32| format!("{thread} {number}\n").repeat(100);
    std::thread::scope(|scope| {
        for thread in 0..32 {
            let (mbox, options) = (&mbox, &options);
            scope.spawn(move || {
                for number in 0..50 {
                    let message = format!("A: b\n\n{}", text(thread, number));
                    deliver(mbox, options.clone(), message.as_bytes()).unwrap();
                }
            });
        }
    });
    let written = fs::read_to_string(mbox.path()).unwrap();
    let mut found: Vec<&str> = written.split(FROM).skip(1).collect();
    found.sort_unstable();
    let mut expected: Vec<String> = (0..32)
        .flat_map(|thread| (0..50).map(move |number| format!("A: b\n\n{}\n", text(thread, number))))
        .collect();
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(files(folder.path()).len(), 1);
}
