//! Other names for accounts: aliases(5), as far as it is about mailboxes.

use std::collections::HashMap;

/// Lines `name: target, target`, continued by lines that begin with white space. Targets are
/// names or addresses; commands, files and `:include:` are refused, since mailhost runs and
/// writes nothing that a mail asks for.
#[derive(Debug, Default)]
pub(crate) struct Aliases(HashMap<String, Vec<String>>);

impl Aliases {
    /// Reads the text of a file.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut lines: Vec<(usize, String)> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            match lines.last_mut() {
                _ if line.trim().is_empty() || line.trim_start().starts_with('#') => {}
                Some((_, whole)) if line.starts_with([' ', '\t']) => {
                    whole.push(' ');
                    whole.push_str(line.trim());
                }
                _ => lines.push((index + 1, line.trim().to_owned())),
            }
        }
        let mut table = HashMap::new();
        for (number, line) in lines {
            let wrong = |why: &str| format!("line {number}: {why}");
            let (name, targets) = line
                .split_once(':')
                .ok_or_else(|| wrong("a colon is needed"))?;
            let name = unquote(name).to_lowercase();
            let targets: Vec<_> = targets
                .split(',')
                .map(unquote)
                .filter(|t| !t.is_empty())
                .collect();
            if name.contains('@') {
                return Err(wrong("an alias has no domain"));
            }
            if name.is_empty() || targets.is_empty() {
                return Err(wrong("a name and a target are needed"));
            }
            if targets
                .iter()
                .any(|target| target.starts_with(['|', '/', ':']))
            {
                return Err(wrong("commands, files and includes are not supported"));
            }
            if table.insert(name, targets).is_some() {
                return Err(wrong("the name stands here a second time"));
            }
        }
        Ok(Self(table))
    }

    /// Every name that some alias leads to in the end.
    pub(crate) fn ends(&self) -> impl Iterator<Item = String> {
        self.0.keys().filter_map(|name| self.expand(name)).flatten()
    }

    /// What a name stands for in the end, if it is an alias. One that stands for itself among
    /// others means the account of that name.
    pub(crate) fn expand(&self, name: &str) -> Option<Vec<String>> {
        if !self.0.contains_key(&name.to_lowercase()) {
            return None;
        }
        let mut expanded = Vec::new();
        let mut seen = Vec::new();
        self.follow(name, &mut seen, &mut expanded);
        Some(expanded)
    }

    fn follow(&self, name: &str, seen: &mut Vec<String>, expanded: &mut Vec<String>) {
        let key = name.to_lowercase();
        let known = seen.contains(&key);
        match self.0.get(&key) {
            Some(targets) if !known => {
                seen.push(key);
                targets
                    .iter()
                    .for_each(|target| self.follow(target, seen, expanded));
            }
            _ if expanded.contains(&key) => {}
            _ => expanded.push(key),
        }
    }
}

fn unquote(word: &str) -> String {
    word.trim().trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_followed_to_their_end() {
        let aliases = Aliases::parse(
            "# us\npostmaster: root\nroot:\talice,\n # and\n\tbob@example.org\nAlice: alice, carol\nloop: pool\npool: loop\n",
        )
        .expect("aliases");
        let expand = |name: &str| aliases.expand(name).map(|names| names.join(" "));
        let root = expand("PostMaster");
        assert_eq!(root.as_deref(), Some("alice carol bob@example.org"));
        assert_eq!(expand("dave"), None);
        assert_eq!(expand("loop").as_deref(), Some("loop"));
        assert_eq!(aliases.ends().filter(|end| end == "loop").count(), 1);
    }

    #[test]
    fn wrong_lines_are_named() {
        for text in [
            "root alice",
            "root:",
            ": alice",
            "a: b\na: c",
            "a: |sh",
            "a: /etc/passwd",
            "a: :include:/x",
            "a@example.org: b",
        ] {
            let error = Aliases::parse(text).expect_err(text);
            assert!(error.starts_with("line "), "{error}");
        }
    }
}
