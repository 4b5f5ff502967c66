//! Maildir++: folders, quota, and what is left in `tmp/`.

mod common;

use std::fs;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use common::{Script, Stop, files};
use mailbox_formats::maildir::{FolderName, Maildir, NameEncoding, Quota, Usage};
use mailbox_formats::{DeliveryError, limits};

const UTF7: NameEncoding = NameEncoding::ModifiedUtf7;

fn name(parts: &[&str]) -> FolderName {
    FolderName::new(parts.iter().copied()).unwrap()
}

#[test]
fn folders_are_made_and_listed() {
    let directory = tempfile::tempdir().unwrap();
    let maildir = Maildir::create(directory.path().join("m")).unwrap();
    let work = maildir.create_folder(&name(&["Work"]), UTF7).unwrap();
    maildir
        .create_folder(&name(&["Work", "Z\u{fc}ge"]), UTF7)
        .unwrap();
    maildir.create_folder(&name(&["Work"]), UTF7).unwrap();
    assert!(work.path().ends_with(".Work"));
    assert!(work.path().join("maildirfolder").exists());
    for other in ["courierimapkeywords", ".no-maildir", "..x", "new/.x"] {
        fs::create_dir_all(maildir.path().join(other)).unwrap();
    }
    fs::write(maildir.path().join(".file"), "").unwrap();
    fs::create_dir_all(maildir.path().join(".\u{fc}/cur")).unwrap();
    let folders = maildir.folders(UTF7).unwrap();
    assert_eq!(folders, [name(&["Work"]), name(&["Work", "Z\u{fc}ge"])]);
    let utf8 = maildir.folders(NameEncoding::Utf8).unwrap();
    assert_eq!(utf8.len(), 3);
    let error = maildir.folder(&name(&["Nothing"]), UTF7).unwrap_err();
    assert!(matches!(error, DeliveryError::NotMaildir(_)), "{error}");
}

#[test]
fn the_quota_is_kept_and_counted_anew_when_it_has_to_be() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("m");
    let maildir = Maildir::create(&root).unwrap();
    assert_eq!(maildir.usage().unwrap(), None);
    maildir.note(5, 1).unwrap();
    let folder = maildir.create_folder(&name(&["A"]), UTF7).unwrap();
    let trash = maildir.create_folder(&name(&["Trash"]), UTF7).unwrap();
    fs::write(root.join("new/1.a,S=1000"), "told by the name").unwrap();
    fs::write(root.join("cur/2.b:2,T"), "deleted").unwrap();
    fs::write(folder.path().join("cur/3.c:2,"), "seven").unwrap();
    fs::write(trash.path().join("cur/4.d:2,"), "trash").unwrap();
    let quota = Quota {
        bytes: Some(2000),
        messages: None,
    };
    let size = maildir.set_quota(quota).unwrap();
    let counted = Usage {
        bytes: 1005,
        messages: 2,
    };
    assert_eq!(size.usage(), counted);
    maildir.note(900, 1).unwrap();
    let size = maildir.usage().unwrap().unwrap();
    assert_eq!(size.usage().bytes, 1905);
    assert!(size.exceeds(Usage {
        bytes: 96,
        messages: 1
    }));
    assert!(!size.exceeds(Usage {
        bytes: 95,
        messages: 1
    }));

    // Damaged: the quota is still there.
    maildir.note(-9000, 0).unwrap();
    assert_eq!(maildir.usage().unwrap().unwrap().usage(), counted);
    // Too long.
    for _ in 0..1500 {
        maildir.note(1, 0).unwrap();
    }
    assert_eq!(maildir.usage().unwrap().unwrap().usage(), counted);
    // Exceeded, which is believed for a quarter of an hour.
    maildir.note(5000, 1).unwrap();
    assert_eq!(maildir.usage().unwrap().unwrap().usage().bytes, 6005);
    let later = Script::new(Stop::Never).later(limits::QUOTA_AGE + Duration::from_secs(5));
    let maildir = Maildir::create_on(&root, Arc::new(later)).unwrap();
    assert_eq!(maildir.usage().unwrap().unwrap().usage(), counted);
    assert_eq!(maildir.usage().unwrap().unwrap().quota(), quota);
}

#[test]
fn only_old_files_go_from_tmp() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("m");
    let maildir = Maildir::create(&root).unwrap();
    let path = root.join("tmp/1.a");
    fs::write(&path, "").unwrap();
    fs::create_dir(root.join("tmp/folder")).unwrap();
    // The date of an old message says nothing about the file.
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(maildir.clean_tmp().unwrap(), 0);
    let later = Script::new(Stop::Never).later(limits::TMP_AGE - Duration::from_secs(60));
    assert_eq!(
        Maildir::create_on(&root, Arc::new(later))
            .unwrap()
            .clean_tmp()
            .unwrap(),
        0
    );
    let later = Script::new(Stop::Never).later(limits::TMP_AGE + Duration::from_secs(60));
    assert_eq!(
        Maildir::create_on(&root, Arc::new(later))
            .unwrap()
            .clean_tmp()
            .unwrap(),
        1
    );
    assert_eq!(files(root.join("tmp")), [root.join("tmp/folder")]);
}

#[cfg(feature = "watch")]
#[test]
fn news_are_told() {
    use mailbox_formats::maildir::{Change, Letters, Watch};
    let directory = tempfile::tempdir().unwrap();
    let maildir = Maildir::create(directory.path().join("m")).unwrap();
    fs::write(maildir.path().join("new/1.a"), "").unwrap();
    let mut watch = Watch::new(maildir.clone()).unwrap();
    assert_eq!(watch.next(Duration::ZERO).unwrap(), []);
    let long = Duration::from_secs(10);
    fs::write(maildir.path().join("new/2.b"), "").unwrap();
    let changes = watch.next(long).unwrap();
    let [Change::Added(added)] = &changes[..] else {
        panic!("{changes:?}");
    };
    let changed = maildir.change(added, |_| Letters::SEEN).unwrap();
    // The two halves of the rename may be told one after the other.
    assert_eq!(
        watch.next(long).unwrap(),
        [Change::Changed(changed.clone())]
    );
    maildir.expunge(&changed).unwrap();
    assert_eq!(watch.next(long).unwrap(), [Change::Removed(changed)]);
}
