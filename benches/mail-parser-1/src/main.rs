//! Reads the mbox that the argument names and prints how many messages there are, the seconds
//! that it took, and the allocations.

use std::error::Error;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::time::Instant;

use mail_parser::mailbox::mbox::MessageIterator;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: PATH")?;
    let path = Path::new(&path);
    let started = Instant::now();
    let messages = read(path)?;
    let seconds = started.elapsed().as_secs_f64();
    let counted = allocation_counter::measure(|| _ = read(path));
    println!("{messages} {seconds} {}", counted.count_total);
    Ok(())
}

fn read(path: &Path) -> Result<usize, Box<dyn Error>> {
    let mut messages = 0;
    for message in MessageIterator::new(BufReader::with_capacity(128 << 10, File::open(path)?)) {
        std::hint::black_box(message?);
        messages += 1;
    }
    Ok(messages)
}
