#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| attrition_fuzz::json_table::run(data));
