//! Every mechanism's client with any challenges: no panic, and no SCRAM server is believed that
//! does not know the password.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sasl::client::{Client, Context, Credentials};
use sasl::{ChannelBindings, Mechanism};

fuzz_target!(|data: &[u8]| {
    let Some((&[choice, options], data)) = data.split_first_chunk() else {
        return;
    };
    let mechanism = Mechanism::ALL[usize::from(choice) % Mechanism::ALL.len()];
    let credentials = match mechanism {
        Mechanism::OAuthBearer | Mechanism::XOAuth2 => Credentials::token("tim", "abc"),
        Mechanism::External => Ok(Credentials::external()),
        Mechanism::Anonymous => Ok(Credentials::anonymous("trace")),
        _ => Credentials::password("tim", "tanstaaf"),
    };
    let context = Context::new()
        .secured(true)
        .external(true)
        .iterations(1..=4)
        .channel_bindings(ChannelBindings::default().exporter([7; 32]));
    let credentials = credentials.expect("credentials");
    let client = Client::start(mechanism, &credentials, &context, [b'x'; 18]);
    let mut client = client.expect("all that they need");
    if options & 1 == 0 {
        let _ = client.initial_response(usize::from(options));
    }
    let mut failed = false;
    let mut last = None;
    for challenge in data.split(|&octet| octet == b'\n') {
        failed |= client.respond(challenge).is_err();
        last = Some(challenge);
    }
    let success_data = if options & 2 == 0 { last } else { None };
    let believed = client.finish(success_data).is_ok();
    let mutual = matches!(mechanism, Mechanism::Scram(_) | Mechanism::ScramPlus(_));
    assert!(!believed || !(failed || mutual), "believed");
});
