#![no_main]

#[path = "../src/put.rs"]
mod both;

libfuzzer_sys::fuzz_target!(|data: &[u8]| both::put(data));
