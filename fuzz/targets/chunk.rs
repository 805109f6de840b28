#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| apptuit_store::fuzz_chunk(data));
