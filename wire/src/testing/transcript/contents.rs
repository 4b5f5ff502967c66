//! The table of contents of a folder of transcripts.

use std::collections::BTreeSet;
use std::path::Path;

use super::find_files;

/// Checks that the `README.md` of a folder of transcripts names every transcript below it, and none
/// that is not there. A transcript is named in backticks by its path without `.txt`:
/// `` `server/starttls` ``.
///
/// # Panics
///
/// If one is missing on either side, or there is no such file.
pub fn check_contents(folder: impl AsRef<Path>) {
    let folder = folder.as_ref();
    let contents = std::fs::read_to_string(folder.join("README.md")).expect("a README.md");
    let mut files = Vec::new();
    find_files(folder, &mut files);
    let transcripts: BTreeSet<String> = files
        .iter()
        .map(|file| {
            let name = file.strip_prefix(folder).expect("a file of the folder");
            let name = name.with_extension("");
            name.to_string_lossy().replace('\\', "/")
        })
        .collect();
    let faults = faults(&contents, &transcripts);
    assert!(
        faults.is_empty(),
        "{}/README.md:\n{}",
        folder.display(),
        faults.join("\n")
    );
}

/// What is wrong with a table of contents.
fn faults(contents: &str, transcripts: &BTreeSet<String>) -> Vec<String> {
    let folders: BTreeSet<&str> = transcripts
        .iter()
        .filter_map(|name| Some(name.split_once('/')?.0))
        .collect();
    // Every other piece stands between backticks.
    let named: BTreeSet<&str> = contents
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| {
            word.split_once('/')
                .is_some_and(|(folder, name)| folders.contains(folder) && !name.is_empty())
        })
        .collect();
    let gone = named
        .iter()
        .filter(|name| !transcripts.contains(**name))
        .map(|name| format!("{name} is named, and is not there"));
    let unnamed = transcripts
        .iter()
        .filter(|name| !named.contains(name.as_str()))
        .map(|name| format!("{name} is there, and is not named"));
    gone.chain(unnamed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_are_compared() {
        let transcripts = ["client/one", "server/one", "server/two"];
        let transcripts = transcripts.map(str::to_owned).into_iter().collect();
        let contents =
            "`server/one`, `client/one` and `server/three`; not server/two, `src/lib`, `client/`";
        assert_eq!(
            faults(contents, &transcripts),
            [
                "server/three is named, and is not there",
                "server/two is there, and is not named"
            ]
        );
        let contents = contents.replace("three", "two");
        assert_eq!(faults(&contents, &transcripts), [""; 0]);
    }
}
