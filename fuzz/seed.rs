//! Fills `fuzz/corpus` with seeds: what the peers of the transcripts say.
//!
//! `cargo run --manifest-path fuzz/Cargo.toml --bin seed`, from anywhere.

use std::fs;
use std::path::{Path, PathBuf};

use mailwire::testing::transcript::{Role, Transcript};

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let transcripts = root.join("../smtp-proto/tests/transcripts/server");
    let mut count = 0;
    for entry in fs::read_dir(&transcripts).expect("the transcripts") {
        let path = entry.expect("a readable folder").path();
        let written = fs::read_to_string(&path).expect("a readable transcript");
        let transcript = Transcript::parse(&written, Role::Server).expect("a transcript");
        let name = path.file_stem().expect("a name").to_string_lossy();
        let said = transcript.peer_bytes();
        for configuration in 0..CONFIGURATIONS {
            let head = [configuration, configuration, 7, 30];
            seed(
                "smtp_server",
                &format!("{name}-{configuration}"),
                &[&head[..], &said],
            );
        }
        seed("dot", &name, &[b"\x0b", &said]);
        seed("line", &name, &[b"\x30\x60\x05", &said]);
        for (index, line) in said.split(|&octet| octet == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            seed("smtp_command", &format!("{name}-{index}"), &[line]);
        }
        let replies = written.lines().filter_map(|line| line.strip_prefix("S: "));
        for (index, reply) in replies.enumerate() {
            seed("reply", &format!("{name}-{index}"), &[reply.as_bytes()]);
        }
        count += 1;
    }
    let transcripts = root.join("../smtp-proto/tests/transcripts/client");
    for entry in fs::read_dir(&transcripts).expect("the transcripts") {
        let path = entry.expect("a readable folder").path();
        let written = fs::read_to_string(&path).expect("a readable transcript");
        let transcript = Transcript::parse(&written, Role::Client).expect("a transcript");
        let name = path.file_stem().expect("a name").to_string_lossy();
        for configuration in 0..CLIENT_CONFIGURATIONS {
            let head = [configuration, configuration * 3, 7, 30];
            let said = transcript.peer_bytes();
            let name = format!("{name}-{configuration}");
            seed("smtp_client", &name, &[&head[..], &said]);
        }
        count += 1;
    }
    for (index, header) in PROXY.iter().enumerate() {
        seed("proxy", &index.to_string(), &[header]);
    }
    seed("smtp_bdat", "0", &[b"\x05a\r\nb\r\x03\n.\r"]);
    for (index, messages) in SASL.iter().enumerate() {
        for choice in 0..32u8 {
            seed(
                "sasl_plain_login",
                &format!("{index}-{choice}"),
                &[&[choice], messages],
            );
        }
    }
    for (index, file) in PASSWORD_FILES.iter().enumerate() {
        seed("password_file", &index.to_string(), &[file.as_bytes()]);
    }
    println!(
        "seeds of {count} transcripts in {}",
        root.join("corpus").display()
    );
}

fn seed(target: &str, name: &str, parts: &[&[u8]]) {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    fs::create_dir_all(&folder).expect("a folder for seeds");
    fs::write(folder.join(format!("seed-{name}")), parts.concat()).expect("a seed written");
}

/// As many as `smtp-proto/tests/stage` has.
const CONFIGURATIONS: u8 = 13;
const CLIENT_CONFIGURATIONS: u8 = 6;

const PROXY: &[&[u8]] = &[
    b"PROXY TCP4 192.0.2.7 192.0.2.1 35646 25\r\n",
    b"PROXY UNKNOWN\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc0\0\x02\x01\x8b\x3e\0\x19",
    b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\x07\x03\0\x04\0\0\0\0",
];

/// Messages of a client, one a line.
const SASL: &[&[u8]] = &[
    b"\0tim\0tanstaaf",
    b"other\0tim\0tanstaaf",
    b"tim\ntanstaaf",
    b"\n\0tim\0tanstaaf",
    b"\xc2\xaa\n\xe2\x85\xa8",
];

const PASSWORD_FILES: &[&str] = &[
    "tim:tanstaaf\n# a comment\n\nann:{PLAIN}x\n",
    "a:$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA\n",
    "b:$2b$04$AAAAAAAAAAAAAAAAAAAAAOAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
    "c:{SCHEME}x\nno colon\n:empty\n",
];
