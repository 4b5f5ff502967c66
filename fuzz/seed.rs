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
        seed("transcript", &name, &[written.as_bytes()]);
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
    count += conversations(
        "imap_server",
        &root.join("../imap-proto/tests/transcripts/server"),
        Role::Server,
        &[1, 3, 7, 30],
    );
    count += conversations(
        "imap_client",
        &root.join("../imap-proto/tests/transcripts/client"),
        Role::Client,
        &[0, 7, 30],
    );
    let pop3 = root.join("../pop3-proto/tests/transcripts");
    count += conversations(
        "pop3_server",
        &pop3.join("server"),
        Role::Server,
        &[0, 3, 7, 30],
    );
    count += conversations(
        "pop3_client",
        &pop3.join("client"),
        Role::Client,
        &[0, 7, 30],
    );
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
    for (index, messages) in EXCHANGES.iter().enumerate() {
        for choice in 0..16u8 {
            for target in ["sasl_server", "sasl_client"] {
                let name = format!("{index}-{choice}");
                seed(target, &name, &[&[choice, 0], messages]);
                seed(target, &format!("{name}-late"), &[&[choice, 1], messages]);
            }
        }
    }
    for (index, said) in BACKENDS.iter().enumerate() {
        for choice in 0..4u8 {
            let name = format!("{index}-{choice}");
            seed("sasl_backends", &name, &[&[7, choice], said]);
        }
    }
    for (index, stored) in CREDENTIALS.iter().enumerate() {
        seed("credential", &index.to_string(), &[stored.as_bytes()]);
    }
    for (index, file) in PASSWORD_FILES.iter().enumerate() {
        seed("password_file", &index.to_string(), &[file.as_bytes()]);
    }
    for (index, file) in FAULTS.iter().enumerate() {
        seed("sandbox_faults", &index.to_string(), &[file.as_bytes()]);
    }
    for (index, mbox) in MBOXES.iter().enumerate() {
        for choice in 0..8u8 {
            let head = [choice, 7];
            seed("mbox_scanner", &format!("{index}-{choice}"), &[&head, mbox]);
        }
    }
    for (index, line) in FROM_LINES.iter().enumerate() {
        seed("mbox_from_line", &index.to_string(), &[line]);
    }
    for (index, name) in NAMES.iter().enumerate() {
        seed("maildir_name", &index.to_string(), &[name]);
    }
    for (index, list) in LISTS.iter().enumerate() {
        seed("maildir_lists", &index.to_string(), &[list]);
    }
    for messages in [0, 3, 6] {
        let numbers: Vec<u64> = [1, 2, 1000, 4, 5, 9, 0]
            .into_iter()
            .chain((0..messages).map(|number| number * 10))
            .collect();
        let bytes: Vec<u8> = numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect();
        seed("mbox_index", &messages.to_string(), &[&bytes]);
    }
    imap(&root.join("../imap-proto/tests"));
    println!(
        "seeds of {count} transcripts in {}",
        root.join("corpus").display()
    );
}

/// Seeds a target with what the peers of the transcripts in a folder say, behind a head whose first
/// octet chooses one of the configurations. Says how many transcripts there are.
fn conversations(target: &str, folder: &Path, role: Role, head: &[u8]) -> usize {
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("the transcripts") {
        let path = entry.expect("a readable folder").path();
        let written = fs::read_to_string(&path).expect("a readable transcript");
        let said = Transcript::parse(&written, role)
            .expect("a transcript")
            .peer_bytes();
        let name = path.file_stem().expect("a name").to_string_lossy();
        for configuration in 0..CONFIGURATIONS {
            let head = [&[configuration], &head[1..]].concat();
            seed(target, &format!("{name}-{configuration}"), &[&head, &said]);
        }
        count += 1;
    }
    count
}

/// Seeds the targets of IMAP with what its tests read: commands that are listed, one a string, the examples of RFCs,
/// and replies of servers.
fn imap(tests: &Path) {
    imap_examples(&tests.join("examples"));
    for server in ["common", "dovecot"] {
        for entry in fs::read_dir(tests.join("replies").join(server)).expect("the replies") {
            let path = entry.expect("a readable folder").path();
            let said = fs::read_to_string(&path)
                .expect("a readable reply")
                .replace('\n', "\r\n");
            let name = path.file_stem().expect("a name").to_string_lossy();
            seed("imap_responses", &name, &[b"\0", said.as_bytes()]);
            seed("imap_framer", &name, &[&[1, 7, 200, 0x48], said.as_bytes()]);
        }
    }
    let written = fs::read_to_string(tests.join("commands.rs")).expect("readable tests");
    let lines = written
        .lines()
        .filter_map(|line| line.strip_prefix("    \"a ")?.strip_suffix("\","));
    for (index, line) in lines.enumerate() {
        let line = line
            .replace("\\r\\n", "\r\n")
            .replace("\\0", "\0")
            .replace("\\\"", "\"")
            .replace("\\\\", "\\");
        let command = format!("a {line}\r\n");
        for choice in 0..4u8 {
            let name = format!("{index}-{choice}");
            seed("imap_commands", &name, &[&[choice], command.as_bytes()]);
            let head = [choice << 2 | choice & 3, 7, 200, 0x48];
            seed("imap_framer", &name, &[&head, command.as_bytes()]);
        }
    }
    for (index, text) in IMAP_NUMBERS.iter().enumerate() {
        seed("imap_numbers", &index.to_string(), &[text.as_bytes()]);
    }
    for (index, text) in IMAP_NAMES.iter().enumerate() {
        seed("imap_names", &index.to_string(), &[text.as_bytes()]);
    }
}

/// Lines behind `C: ` and `S: `, and behind ` | ` what belongs to the line above.
fn imap_examples(folder: &Path) {
    for entry in fs::read_dir(folder).expect("the examples") {
        let path = entry.expect("a readable folder").path();
        let name = path.file_stem().expect("a name").to_string_lossy();
        let text = fs::read_to_string(&path).expect("readable examples");
        let text = text.replace("\n | ", "\r\n");
        let lines = text.split('\n').filter_map(|line| line.split_once(": "));
        for (index, (who, said)) in lines.enumerate() {
            let target = match who {
                "C" => "imap_commands",
                "S" => "imap_responses",
                _ => continue,
            };
            let said = format!("{said}\r\n");
            seed(
                target,
                &format!("{name}-{index}"),
                &[b"\x01", said.as_bytes()],
            );
        }
    }
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

/// Messages of both sides, one a line.
const EXCHANGES: &[&[u8]] = &[
    b"\0tim\0tanstaaf",
    b"n,,n=tim,r=abc\nc=biws,r=abceHh4eHh4eHh4eHh4eHh4eHh4eHh4,p=AAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
    b"p=tls-exporter,a=ursel,n=tim,r=abc,x=1\nc=biws,r=abc,p=AAAA",
    b"\nr=eHh4eHh4eHh4eHh4eHh4eHh4x,s=c2FsdA==,i=4\nv=AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    b"n,a=tim,\x01host=mx.test\x01port=25\x01auth=Bearer abc\x01\x01\n\x01",
    b"user=tim\x01auth=Bearer abc\x01\x01\n",
    b"<1@mx.test>\ntim b913a602c7eda7a495b4e6e7334d3890",
    b"tim\ntanstaaf",
];

const BACKENDS: &[&[u8]] = &[
    b"\0\x02OK",
    b"\0\x03NO ",
    b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t00\nDONE\n",
    b"OK\t3\tuser=al\x01tice\nCONT\t1\tVXNlcm5hbWU6\nFAIL\t2\tcode=temp_fail\nCONT\t4\t\n",
];

const IMAP_NUMBERS: &[&str] = &["1:4294967295", "4:2,7,3:5 1,3:4", "2,559:*", "*:1,*", "$"];

const IMAP_NAMES: &[&str] = &[
    "Entw&APw-rfe",
    "~peter/mail/&U,BTFw-/&ZeVnLIqe-",
    "a&-b&2D3eAA-",
    "inbox/Entw\u{fc}rfe",
];

const CREDENTIALS: &[&str] = &[
    "{PLAIN}tanstaaf",
    "{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
    "{CRYPT}$6$rounds=1000$salt$AAAA",
    "$2b$04$AAAAAAAAAAAAAAAAAAAAAOAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
];

const PASSWORD_FILES: &[&str] = &[
    "tim:tanstaaf\n# a comment\n\nann:{PLAIN}x\n",
    "a:$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA\n",
    "b:$2b$04$AAAAAAAAAAAAAAAAAAAAAOAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
    "c:{SCHEME}x\nno colon\n:empty\n",
];

const FAULTS: &[&str] = &[
    "# slow\n\ngreeting nth 2 -> reply 421 4.3.2 Come back\\; later\\nplease\ntls -> certificate expired\n",
    "command RCPT for bob@* first 1 per address -> refuse; later\nend every 3 -> delay 2s; truncate\n",
    "smtp: command * chance 0.25 seed 7 after 5 -> slowly 10ms; insert 250 \\u{41}\nbody -> reset\n",
    "pop3: capabilities -> without SASL PLAIN; with X-Y\nmechanism PLAIN over 10 in 1m -> garble\n",
    "command MAIL for-the-first 5m -> hurry\nbody after 7 -> bare-lf; stop-reading\nresponse -> drop\n",
    "end -> disk-full\ngreeting from 2 containing x\\u{20}y -> truncate\nend -> explode\n",
];

const MBOXES: &[&[u8]] = &[
    b"From a@b  Thu Jan  1 00:00:00 1970\nSubject: x\n\n>From y\n\nFrom c  Thu Jan  1 00:00:00 1970\n\n",
    b"From a@b  Thu Jan  1 00:00:00 1970\r\nContent-Length: 3\r\n\r\nx\r\n\r\nFrom - \r\n",
    b"From \nStatus: RO\n\n\nFrom 0123456789abcdef0123456789abcdef01234567 Mon Sep 17 00:00:00 2001\n",
    b"\xef\xbb\xbf\n\nFrom - Thu, 9 Nov 2002 22:33:52 +0100\nX-UID: 4\n\n>>From y\n",
];

const FROM_LINES: &[&[u8]] = &[
    b"a@b  Thu Jan  1 00:00:00 1970\n",
    b"\"a b\"@c Thu Jan  1 00:00 MET DST 1970 remote from mx",
    b"a at b 2001-12-31T23:59:60+01:00\r\n",
    b"- 9 Nov 02 22:33:52 -0800",
    b"",
];

const NAMES: &[&[u8]] = &[
    b"1700000000.M42P7.mx,S=35,W=38:2,FSa",
    b"1.h;2,S",
    b"1.h:1,x:2,RS,y",
    b".Work.Z&APw-ge",
];

const LISTS: &[&[u8]] = &[
    b"3 V1234 N20 G0011\n7 W9 :1.a,S=5\n9 :2.b\n",
    b"0 $Forwarded\n3 work\n",
    b"1000S,10C\n  500   1\n-100 -1\n",
    b"cur: 4\nunseen: 1-7 9\n",
];
