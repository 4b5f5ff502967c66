//! A change of flags changes nothing else of a file name; folder names survive.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mailbox_formats::maildir::{FileName, FolderName, Letters, NameEncoding, Separator};

fuzz_target!(|input: (&[u8], &[u8])| {
    let (name, letters) = input;
    let name = FileName::new(name);
    let letters = Letters::parse(letters);
    let changed = name.with_letters(letters, Separator::Colon);
    assert_eq!(changed.letters(), letters);
    assert_eq!(changed.unique(), name.unique());
    assert_eq!(changed.sizes(), name.sizes());
    assert_eq!(changed.with_letters(letters, Separator::Semicolon), changed);

    if let Ok(text) = std::str::from_utf8(input.0) {
        for encoding in [NameEncoding::ModifiedUtf7, NameEncoding::Utf8] {
            if let Some(folder) = FolderName::parse(text, encoding) {
                if let Some(directory) = folder.directory(encoding) {
                    assert_eq!(FolderName::parse(&directory, encoding), Some(folder));
                }
            }
        }
    }
});
