//! An mbox gives the same messages however it is cut, in order and without overlap; and what
//! is decoded does not depend on the cut either.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mailbox_formats::mbox::{
    Decoder, Detected, Event, Input, Messages, Rules, Scanner, Separators, Undated, Variant,
};

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (choice, size, mbox) = input;
    let size = usize::from(size).max(1);
    let separators = [
        Separators::STRICT,
        Separators::DATED,
        Separators::ANY,
        Separators::STRICT.undated(Undated::Bare).patches(true),
        Separators::STRICT.undated(Undated::Dash),
        Separators::DATED.needs_header(true),
    ];
    let rules = match choice {
        0 => Detected::from_sample(mbox).rules(),
        _ => Rules::from(separators[usize::from(choice >> 1) % 6]).lengths(choice & 1 == 1),
    };
    assert_eq!(
        events(mbox, rules, mbox.len().max(1)),
        events(mbox, rules, size)
    );

    let variants = [
        None,
        Some(Variant::Mboxrd),
        Some(Variant::Mboxo),
        Some(Variant::Mboxcl2),
    ];
    let variant = variants[usize::from(choice) % 4];
    let mut end = 0;
    for message in Messages::new(mbox, rules) {
        let place = message.place();
        assert!(end <= place.offset && place.offset < place.content.start);
        end = place.content.end;
        let content = message.content();
        let whole = decode(variant, content, content.len().max(1));
        assert_eq!(whole, decode(variant, content, size));
        assert!(whole.len() <= content.len());
    }
    assert!(end <= mbox.len() as u64);
});

fn events(mbox: &[u8], rules: Rules, size: usize) -> Vec<Event> {
    let (mut scanner, mut events, mut shown) = (Scanner::new(rules), Vec::new(), 0);
    loop {
        let from = scanner.keep() as usize;
        let is_last = shown == mbox.len();
        while let Some(event) = scanner.next(Input {
            bytes: &mbox[from..shown],
            offset: from as u64,
            is_last,
        }) {
            events.push(event);
        }
        if is_last {
            return events;
        }
        shown = mbox.len().min(shown + size);
    }
}

fn decode(variant: Option<Variant>, content: &[u8], size: usize) -> Vec<u8> {
    let (mut out, mut decoder) = (Vec::new(), Decoder::new(variant));
    for chunk in content.chunks(size) {
        decoder.push(chunk, |bytes| out.extend_from_slice(bytes));
    }
    decoder.finish(|bytes| out.extend_from_slice(bytes));
    out
}
