//! A reply that can be made is one reply on the wire.

#![no_main]

use libfuzzer_sys::fuzz_target;
use smtp_proto::Reply;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(reply) = text.parse::<Reply>() {
        check(&reply);
        if reply.lines().count() == 1 {
            let printed = reply.to_string();
            let again: Reply = printed.parse().expect("what we print");
            assert_eq!(again, reply);
        }
    }
    let mut numbers = data.iter().map(|&octet| u16::from(octet) * 3);
    let mut number = || numbers.next().unwrap_or(0);
    let code = number();
    let enhanced = (number().is_multiple_of(2)).then(|| ((code / 100) as u8, number(), number()));
    if let Ok(reply) = Reply::new(code, enhanced, text.to_owned()) {
        check(&reply);
    }
});

fn check(reply: &Reply) {
    assert!((200..560).contains(&reply.code()));
    for line in reply.lines() {
        assert!(line.len() <= 512 - 6);
        assert!(!line.bytes().any(|octet| octet.is_ascii_control()));
    }
    if let Some((class, ..)) = reply.enhanced() {
        assert_eq!(u16::from(class), reply.code() / 100);
        assert!(!reply.is_intermediate());
    }
}
