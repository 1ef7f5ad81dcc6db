//! What is read of a request by hand: JSON-RPC bodies, cookies, ids.

use std::hint::black_box;

use actix_web::http::header::{COOKIE, HeaderMap, HeaderValue};
use criterion::{Criterion, Throughput};
use sessile::http::headers::{Single, cookies};
use sessile::http::jsonrpc::{self, Parsed};
use sessile::session::id::SessionId;

/// Members of a batch, at most.
const BATCH_MAX: usize = 100;

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parsing");
    let call = |id| {
        format!(
            r#"{{"jsonrpc":"2.0","method":"session.verify_session_token","params":{{"token":"0b9ba2a4-3f3f-4f7e-8f1c-5d2b0e1f7c11"}},"id":{id}}}"#
        )
    };
    let one = call(1);
    group.throughput(Throughput::Bytes(one.len() as u64));
    group.bench_function("one JSON-RPC call and its parameter", |bench| {
        bench.iter(|| tokens_of(black_box(one.as_bytes())));
    });
    let calls: Vec<_> = (0..BATCH_MAX).map(call).collect();
    let batch = format!("[{}]", calls.join(","));
    group.throughput(Throughput::Bytes(batch.len() as u64));
    group.bench_function("a batch of 100", |bench| {
        bench.iter(|| tokens_of(black_box(batch.as_bytes())));
    });
    let mut headers = HeaderMap::new();
    let pairs = "theme=dark; consent=1; _ga=GA1.1.1234567890.1767225600; __client=client_0123456789abcdef; lang=en";
    headers.insert(COOKIE, HeaderValue::from_static(pairs));
    group.throughput(Throughput::Bytes(pairs.len() as u64));
    group.bench_function("a cookie among five", |bench| {
        bench.iter(|| match cookies(black_box(&headers), "__client") {
            Single::One(value) => value.len(),
            Single::Absent | Single::Repeated => 0,
        });
    });
    let id = SessionId::from_bytes([0x5a; 16]).to_string();
    group.throughput(Throughput::Bytes(id.len() as u64));
    group.bench_function("a public id", |bench| {
        bench.iter(|| SessionId::parse(black_box(&id)));
    });
    group.finish();
}

/// How many tokens a body names, as the surface would read them.
fn tokens_of(body: &[u8]) -> usize {
    let named = |call: jsonrpc::Call<'_>| {
        let bound = call.params.bind(["token"]).ok();
        bound.and_then(|[token]| token?.string()).is_some()
    };
    match jsonrpc::parse(body, BATCH_MAX) {
        Ok(Parsed::One(call)) => usize::from(named(call)),
        Ok(Parsed::Batch(batch)) => batch.flatten().map(named).filter(|named| *named).count(),
        Err(_) => 0,
    }
}
