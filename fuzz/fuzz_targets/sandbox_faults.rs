//! Fault files of any content are read or refused, for servers and for clients; what is read is
//! printed as it is read, and an error names a line that there is.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mail_sandbox::fault::{Fault, FaultError, Faults};

fuzz_target!(|text: &str| {
    let readers: [fn(&str) -> Result<Faults, FaultError>; 2] = [str::parse, Faults::for_client];
    for read in readers {
        match read(text) {
            Ok(faults) => {
                let printed = faults.to_string();
                assert_eq!(read(&printed).as_ref(), Ok(&faults), "{printed}");
                for fault in faults {
                    assert_eq!(fault.to_string().parse::<Fault>(), Ok(fault));
                }
            }
            Err(error) => {
                let line = error.line().expect("a short file");
                assert!((1..=text.lines().count()).contains(&line));
                assert!(!error.reason().is_empty());
            }
        }
    }
});
