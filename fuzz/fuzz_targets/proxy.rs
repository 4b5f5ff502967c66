//! A header of the PROXY protocol is read the same however it is cut, and not beyond its end.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mailwire::proxy::{Header, InvalidPreface, Preface};

fuzz_target!(|data: &[u8]| {
    let whole = read(data, data.len().max(1));
    assert_eq!(read(data, 1), whole);
    assert_eq!(read(data, 7), whole);
});

fn read(data: &[u8], piece: usize) -> Result<Option<(Header, usize)>, InvalidPreface> {
    let mut preface = Preface::new();
    let mut used = 0;
    for piece in data.chunks(piece) {
        let (taken, header) = preface.take(piece)?;
        used += taken;
        if let Some(header) = header {
            return Ok(Some((header, used)));
        }
        assert!(taken == piece.len() && used <= Preface::LONGEST);
    }
    Ok(None)
}
