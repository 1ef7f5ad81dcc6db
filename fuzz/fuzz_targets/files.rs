//! Feeds `tests/hostile/targets/files.rs`, which says what must hold.

#![cfg_attr(fuzzing, no_main)]

include!("../shared.rs");

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    targets::files::run(bytes);
});
