#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| attrition_fuzz::csv::run(data));
