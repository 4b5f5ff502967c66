//! Changes in many directories: what is told, and what is not.

#![cfg(feature = "watch")]

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use mailbox_formats::Lookout;

fn lookout() -> (Lookout, Receiver<Option<PathBuf>>) {
    let (tell, told) = mpsc::channel();
    let lookout = Lookout::new(move |path| {
        let _ = tell.send(path.map(ToOwned::to_owned));
    });
    (lookout.expect("a handle"), told)
}

/// What is told comes in the order in which it has happened: so what was not told before it is not told at all. These
/// may be told once more.
fn next(told: &Receiver<Option<PathBuf>>, again: &[PathBuf]) -> PathBuf {
    loop {
        let told = told.recv_timeout(Duration::from_secs(60));
        let path = told.expect("news").expect("a path");
        if !again.contains(&path) {
            return path;
        }
    }
}

#[test]
fn changes_are_told_and_looks_are_not() {
    let root = tempfile::tempdir().expect("a directory");
    let (one, other) = (root.path().join("one"), root.path().join("other"));
    fs::create_dir(&one).expect("a directory");
    fs::create_dir(&other).expect("a directory");
    fs::write(one.join("read"), "x").expect("a file");
    let (lookout, told) = lookout();
    lookout.watch(&one).expect("a watch");
    lookout.watch(&other).expect("a watch");

    // To look at a directory, or into a file, changes nothing.
    assert_eq!(fs::read_dir(&one).expect("a directory").count(), 1);
    assert_eq!(fs::read(one.join("read")).expect("a file"), b"x");
    fs::set_permissions(one.join("read"), Permissions::from_mode(0o600)).expect("a file");
    fs::create_dir(other.join("made")).expect("a directory");
    let made = other.join("made");
    assert_eq!(next(&told, &[]), made);

    let moved = one.join("moved");
    fs::rename(&made, &moved).expect("a name");
    assert_eq!(next(&told, &[]), made);
    assert_eq!(next(&told, std::slice::from_ref(&made)), moved);

    lookout.unwatch(&other);
    fs::create_dir(other.join("secret")).expect("a directory");
    // Not what lies deeper either.
    fs::create_dir(moved.join("deep")).expect("a directory");
    fs::remove_file(one.join("read")).expect("a file");
    let read = one.join("read");
    assert_eq!(next(&told, &[made, moved]), read);
    drop(File::create(one.join("last")).expect("a file"));
    assert_eq!(next(&told, &[read]), one.join("last"));
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn names_are_told_and_what_is_written_only_to_those_who_ask() {
    let root = tempfile::tempdir().expect("a directory");
    let (file, came) = (root.path().join("file"), root.path().join("came"));
    fs::write(&file, "x").expect("a file");
    let (lookout, told) = lookout();
    lookout.watch_names(root.path()).expect("a watch");
    fs::write(&file, "y").expect("a file");
    fs::create_dir(&came).expect("a directory");
    assert_eq!(next(&told, &[]), came);

    lookout.watch(root.path()).expect("a watch");
    // It is still watched for both.
    lookout.watch_names(root.path()).expect("a watch");
    fs::write(&file, "z").expect("a file");
    assert_eq!(next(&told, &[came]), file);
}

#[test]
fn what_is_not_there_cannot_be_watched() {
    let root = tempfile::tempdir().expect("a directory");
    let (lookout, _told) = lookout();
    assert!(lookout.watch(&root.path().join("nowhere")).is_err());
    lookout.unwatch(&root.path().join("nowhere"));
}

#[test]
#[cfg(any(target_os = "linux", target_os = "android"))]
fn a_name_that_was_given_to_another_directory_is_of_that_one() {
    let root = tempfile::tempdir().expect("a directory");
    let (name, old) = (root.path().join("name"), root.path().join("old"));
    fs::create_dir(&name).expect("a directory");
    let (lookout, told) = lookout();
    lookout.watch(&name).expect("a watch");
    fs::rename(&name, &old).expect("a name");
    assert_eq!(next(&told, &[]), name, "it is not there any more");

    fs::create_dir(&name).expect("a directory");
    lookout.watch(&name).expect("a watch");
    fs::create_dir(old.join("secret")).expect("a directory");
    fs::create_dir(name.join("made")).expect("a directory");
    assert_eq!(next(&told, &[]), name.join("made"));
}

#[test]
#[cfg(any(target_os = "linux", target_os = "android"))]
fn a_directory_is_watched_under_each_of_its_names() {
    let root = tempfile::tempdir().expect("a directory");
    let (one, other) = (root.path().join("one"), root.path().join("other"));
    fs::create_dir(&one).expect("a directory");
    std::os::unix::fs::symlink(&one, &other).expect("a link");
    let (lookout, told) = lookout();
    lookout.watch(&one).expect("a watch");
    lookout.watch(&other).expect("a watch");
    lookout.watch(&one).expect("a watch");
    fs::create_dir(one.join("both")).expect("a directory");
    assert_eq!(next(&told, &[]), one.join("both"));
    assert_eq!(next(&told, &[]), other.join("both"));

    lookout.unwatch(&one);
    fs::create_dir(one.join("left")).expect("a directory");
    assert_eq!(next(&told, &[]), other.join("left"));
}

#[test]
fn nothing_is_left_of_a_lookout_that_was_dropped() {
    let root = tempfile::tempdir().expect("a directory");
    let (lookout, told) = lookout();
    lookout.watch(root.path()).expect("a watch");
    drop(lookout);
    let over = told.recv_timeout(Duration::from_secs(60));
    assert_eq!(over, Err(mpsc::RecvTimeoutError::Disconnected));
}
