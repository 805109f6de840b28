#![no_main]

#[path = "../src/client.rs"]
#[expect(dead_code, reason = "each program runs one target")]
mod client;

libfuzzer_sys::fuzz_target!(|data: &[u8]| client::tags(data));
