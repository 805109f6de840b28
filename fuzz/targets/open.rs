#![no_main]

#[path = "../src/open.rs"]
mod file;

libfuzzer_sys::fuzz_target!(|data: &[u8]| file::open(data));
