//! Delivery into a Maildir: what is stored, and what is there after a fault or a crash.

mod common;

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use common::{Script, Stop, contents, files, message};
use mailbox_formats::effects::Step;
use mailbox_formats::maildir::{Delivered, Maildir, Options, Sizes, publish_all};
use mailbox_formats::{DeliveryError, Durability, Fault, LineEnds};
use rustix::io::Errno;

const LEVELS: [Durability; 4] = [
    Durability::None,
    Durability::File,
    Durability::FileAndDirectory,
    Durability::Batch,
];

fn deliver(
    maildir: &Maildir,
    options: Options,
    message: &[u8],
) -> Result<Delivered, DeliveryError> {
    let mut delivery = maildir.deliver(options)?;
    for chunk in message.chunks(10_000) {
        // An error is sticky, and `commit` says it again.
        let _ = delivery.write_all(chunk);
    }
    delivery.commit()
}

#[test]
fn a_message_is_stored_under_a_name_that_tells_its_size() {
    let folder = tempfile::tempdir().unwrap();
    let maildir = Maildir::create(folder.path().join("a/b/m")).unwrap();
    let table: &[(LineEnds, &[u8], &[u8], u64)] = &[
        (LineEnds::Lf, b"A: b\r\n\r\nc\r\n", b"A: b\n\nc\n", 11),
        (
            LineEnds::Keep,
            b"A: b\r\n\r\nc\r\n",
            b"A: b\r\n\r\nc\r\n",
            11,
        ),
        (LineEnds::Keep, b"A: b\n\nc\n", b"A: b\n\nc\n", 11),
        (LineEnds::Lf, b"A: b\r\n\r\nno end", b"A: b\n\nno end", 14),
        (LineEnds::Lf, b"", b"", 0),
    ];
    for (ends, wire, stored, size) in table {
        for durability in LEVELS {
            let options = Options::default().line_ends(*ends).durability(durability);
            let Delivered { path, sizes } = deliver(&maildir, options, wire).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), *stored);
            let expected = Sizes {
                stored: Some(stored.len() as u64),
                wire: Some(*size),
            };
            assert_eq!(sizes, expected);
            assert_eq!(Sizes::parse(path.as_os_str().as_encoded_bytes()), expected);
            assert_eq!(path.parent().unwrap(), maildir.path().join("new"));
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
    assert!(files(maildir.path().join("tmp")).is_empty());
    assert_eq!(
        maildir.path().metadata().unwrap().permissions().mode() & 0o777,
        0o700
    );
}

#[test]
fn what_is_not_published_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let maildir = Maildir::create(folder.path().join("m")).unwrap();
    let mut delivery = maildir.deliver(Options::default()).unwrap();
    delivery.write_all(b"half a message").unwrap();
    assert_eq!(files(maildir.path().join("tmp")).len(), 1);
    drop(delivery);
    let mut delivery = maildir.deliver(Options::default()).unwrap();
    delivery.write_all(b"a message").unwrap();
    drop(delivery.stage().unwrap());
    for part in ["tmp", "new", "cur"] {
        assert!(files(maildir.path().join(part)).is_empty());
    }
}

#[test]
fn what_is_staged_can_go_to_another_thread() {
    fn sends<T: Send + 'static>() {}
    sends::<mailbox_formats::maildir::Delivery>();
    sends::<mailbox_formats::maildir::Staged>();
    sends::<mailbox_formats::mbox::Delivery>();
    sends::<mailbox_formats::mbox::Staged>();
    sends::<DeliveryError>();
}

#[test]
fn only_a_maildir_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    let error = Maildir::open(&path).unwrap_err();
    assert!(matches!(&error, DeliveryError::NotMaildir(part) if *part == path.join("tmp")));
    assert!(error.is_temporary(), "it may not be mounted");
    drop(Maildir::create(&path).unwrap());
    drop(Maildir::create(&path).unwrap());
    drop(Maildir::open(&path).unwrap());
}

#[test]
fn every_directory_that_is_made_is_synced_in_its_parent() {
    let folder = tempfile::tempdir().unwrap();
    let script = Arc::new(Script::new(Stop::Never));
    let path = folder.path().join("a/m");
    drop(Maildir::create_on(&path, script.clone()).unwrap());
    let steps = script.steps.lock().unwrap();
    for made in ["a", "a/m", "a/m/tmp", "a/m/new", "a/m/cur"].map(|made| folder.path().join(made)) {
        let at = steps
            .iter()
            .rposition(|step| *step == (Step::MakeDirectory, made.clone()));
        let parent = made.parent().unwrap().to_owned();
        assert!(
            steps[at.unwrap()..].contains(&(Step::SyncDirectory, parent)),
            "{made:?}"
        );
    }
}

/// Stops at every step in turn, and calls `check` with what is to be seen then.
fn stop_everywhere(
    stop: impl Fn(usize) -> Stop,
    hook: fn(Step) -> std::io::Result<()>,
    durability: Durability,
    check: impl Fn(&Script, &Maildir, Result<Delivered, DeliveryError>, &[u8]),
) {
    let (wire, stored) = message(200_000);
    let options = Options::default().durability(durability);
    for at in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m");
        let maildir = Maildir::create(&path).unwrap();
        deliver(&maildir, Options::default(), b"acknowledged").unwrap();
        let script = Script {
            stop: stop(at),
            ..Script::hooked(move |step, _| hook(step))
        };
        let script = Arc::new(script);
        let Ok(maildir) = Maildir::create_on(&path, script.clone()) else {
            continue;
        };
        let result = deliver(&maildir, options, &wire);
        check(&script, &maildir, result, &stored);
        if !script.has_stopped() {
            return assert!(at > 10, "a delivery has more steps");
        }
    }
}

/// The rename that some file systems lack.
fn no_rename(step: Step) -> std::io::Result<()> {
    if step == Step::Rename {
        Err(Errno::INVAL.into())
    } else {
        Ok(())
    }
}

#[test]
fn a_crash_at_any_step_leaves_no_part_and_loses_nothing() {
    for durability in LEVELS {
        for hook in [|_| Ok(()), no_rename] {
            stop_everywhere(
                Stop::Crash,
                hook,
                durability,
                |script, maildir, result, stored| {
                    let new = contents(maildir.path().join("new"));
                    let acknowledged = &b"acknowledged"[..];
                    match new.iter().map(|file| &**file).collect::<Vec<_>>()[..] {
                        [one, two] => assert_eq!((one, two), (stored, acknowledged)),
                        [one] => assert_eq!(one, acknowledged),
                        _ => panic!("{} files", new.len()),
                    }
                    // Dying while a second name is removed is no failure of the delivery.
                    assert!(result.is_err() || new.len() == 2, "{:?}", script.stop);
                },
            );
        }
    }
}

#[test]
fn a_fault_at_any_step_takes_the_message_back() {
    for durability in LEVELS {
        let stop = |at| Stop::Fault(at, Errno::NOSPC);
        stop_everywhere(
            stop,
            |_| Ok(()),
            durability,
            |script, maildir, result, stored| {
                let new = contents(maildir.path().join("new"));
                assert!(
                    files(maildir.path().join("tmp")).is_empty(),
                    "{:?}",
                    script.stop
                );
                match result {
                    Ok(_) | Err(DeliveryError::Unsynced(_)) => assert_eq!(new[0], stored),
                    Err(error) => {
                        assert_eq!((new.len(), error.fault()), (1, Fault::Full), "{error}");
                        assert!(error.is_temporary());
                    }
                }
            },
        );
    }
}

#[test]
fn steps_come_in_the_order_that_durability_needs() {
    use Step::{Close, Create, Open, Rename, SyncDirectory, SyncFile, SyncFilesystem, Write};
    let table: [(Durability, &[Step]); 4] = [
        (Durability::None, &[Create, Write, Close, Rename]),
        (Durability::File, &[Create, Write, SyncFile, Close, Rename]),
        (
            Durability::FileAndDirectory,
            &[Create, Write, SyncFile, Close, Rename, SyncDirectory],
        ),
        (
            Durability::Batch,
            &[Create, Write, Close, SyncFilesystem, Rename, SyncDirectory],
        ),
    ];
    for (durability, expected) in table {
        let folder = tempfile::tempdir().unwrap();
        let script = Arc::new(Script::new(Stop::Never));
        let maildir = Maildir::create_on(folder.path().join("m"), script.clone()).unwrap();
        let made = script.taken().len();
        deliver(&maildir, Options::default().durability(durability), b"x").unwrap();
        let taken: Vec<Step> = script.taken()[made..].to_vec();
        let taken: Vec<Step> = taken.into_iter().filter(|step| *step != Open).collect();
        assert_eq!(taken, expected, "{durability:?}");
    }
}

#[test]
fn a_batch_waits_once_for_each_maildir() {
    let folder = tempfile::tempdir().unwrap();
    let script = Arc::new(Script::new(Stop::Never));
    let maildirs = ["a", "b"]
        .map(|name| Maildir::create_on(folder.path().join(name), script.clone()).unwrap());
    let made = script.taken().len();
    let options = Options::default().durability(Durability::Batch);
    let staged = (0..20).map(|number| {
        let mut delivery = maildirs[number % 2].deliver(options).unwrap();
        delivery.write_all(number.to_string().as_bytes()).unwrap();
        delivery.stage().unwrap()
    });
    let results = publish_all(staged);
    for (number, result) in results.into_iter().enumerate() {
        let path = result.unwrap().path;
        assert!(path.starts_with(maildirs[number % 2].path()));
        assert_eq!(std::fs::read(path).unwrap(), number.to_string().as_bytes());
    }
    let steps = script.taken()[made..].to_vec();
    let count = |wanted| steps.iter().filter(|step| **step == wanted).count();
    assert_eq!(count(Step::SyncFile), 0);
    assert_eq!(count(Step::SyncFilesystem), 2);
    assert_eq!(count(Step::SyncDirectory), 2);
    let last = |wanted| steps.iter().rposition(|step| *step == wanted).unwrap();
    let first = |wanted| steps.iter().position(|step| *step == wanted).unwrap();
    assert!(last(Step::Write) < first(Step::SyncFilesystem));
    assert!(last(Step::SyncFilesystem) < first(Step::Rename));
    assert!(last(Step::Rename) < first(Step::SyncDirectory));
}

#[test]
fn a_failed_batch_publishes_nothing_of_its_maildir() {
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("bad");
    let hook = {
        let bad = bad.clone();
        move |step, path: &std::path::Path| match step {
            Step::SyncFilesystem if path.starts_with(&bad) => Err(Errno::IO.into()),
            _ => Ok(()),
        }
    };
    let script = Arc::new(Script::hooked(hook));
    let good = Maildir::create_on(folder.path().join("good"), script.clone()).unwrap();
    let bad = Maildir::create_on(bad, script).unwrap();
    let stage = |maildir: &Maildir, durability| {
        let mut delivery = maildir
            .deliver(Options::default().durability(durability))
            .unwrap();
        delivery.write_all(b"x").unwrap();
        delivery.stage().unwrap()
    };
    let staged = [
        stage(&bad, Durability::Batch),
        stage(&good, Durability::Batch),
        stage(&bad, Durability::FileAndDirectory),
    ];
    let done: Vec<bool> = publish_all(staged).iter().map(Result::is_ok).collect();
    assert_eq!(done, [false, true, true]);
    assert!(files(bad.path().join("tmp")).is_empty());
}

#[test]
fn equal_names_never_replace_each_other() {
    for hook in [|_| Ok(()), no_rename] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m");
        // Two processes that agree on everything that makes a name, as containers can.
        let one = Maildir::create_on(&path, twin(hook)).unwrap();
        let two = Maildir::create_on(&path, twin(hook)).unwrap();
        // Both in tmp/ at a time.
        let mut first = one.deliver(Options::default()).unwrap();
        let mut second = two.deliver(Options::default()).unwrap();
        first.write_all(b"1").unwrap();
        second.write_all(b"2").unwrap();
        first.commit().unwrap();
        second.commit().unwrap();
        // One after the other: the name in tmp/ is free again, and taken in new/.
        for _ in 0..3 {
            deliver(&one, Options::default(), b"3").unwrap();
            deliver(&two, Options::default(), b"4").unwrap();
        }
        let expected: Vec<Vec<u8>> = b"12333444".iter().map(|byte| vec![*byte]).collect();
        assert_eq!(contents(path.join("new")), expected);
        assert!(files(path.join("tmp")).is_empty());
    }
}

fn twin(hook: fn(Step) -> std::io::Result<()>) -> Arc<Script> {
    Arc::new(Script::hooked(move |step, _| hook(step)))
}

#[test]
fn a_rename_whose_answer_was_lost_counts_as_done() {
    let folder = tempfile::tempdir().unwrap();
    let tmp = folder.path().join("m/tmp");
    // NFS: the first request was carried out, the repeated one is refused.
    let hook = move |step, path: &std::path::Path| match step {
        Step::Rename => {
            std::fs::rename(&files(&tmp)[0], path).unwrap();
            Err(Errno::NOENT.into())
        }
        _ => Ok(()),
    };
    let script = Arc::new(Script::hooked(hook));
    let maildir = Maildir::create_on(folder.path().join("m"), script).unwrap();
    let delivered = deliver(&maildir, Options::default(), b"x").unwrap();
    assert_eq!(std::fs::read(delivered.path).unwrap(), b"x");
}

#[test]
fn many_threads_lose_and_double_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let maildir = Maildir::create(folder.path().join("m")).unwrap();
    let options = Options::default().durability(Durability::File);
    std::thread::scope(|scope| {
        for thread in 0..32 {
            let maildir = &maildir;
            scope.spawn(move || {
                for number in 0..50 {
                    let message = format!("{thread} {number}\r\n").repeat(100);
                    deliver(maildir, options, message.as_bytes()).unwrap();
                }
            });
        }
    });
    let mut expected: Vec<Vec<u8>> = (0..32)
        .flat_map(|thread| (0..50).map(move |number| format!("{thread} {number}\n").repeat(100)))
        .map(String::into_bytes)
        .collect();
    expected.sort();
    assert_eq!(contents(maildir.path().join("new")), expected);
}
