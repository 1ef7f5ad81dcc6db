//! The same deed on many threads, for what must happen once.

use std::sync::Barrier;

/// Does the same thing on `count` threads, all beginning at the same instant.
pub(crate) fn at_once<T: Send>(count: usize, deed: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(count);
    std::thread::scope(|scope| {
        let one = |n| {
            let (start, deed) = (&start, &deed);
            scope.spawn(move || {
                start.wait();
                deed(n)
            })
        };
        let threads: Vec<_> = (0..count).map(one).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    })
}
