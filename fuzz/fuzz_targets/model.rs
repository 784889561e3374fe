#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| attrition_fuzz::model::run(data));
