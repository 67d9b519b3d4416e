//! How fast personal data is looked for, in bytes a second on one core.
//!
//! `cargo bench --bench privacy`. `forms` is what has a form (patterns, with their checks), which is
//! also what the outbound gate does with every request; `all` adds the names in sentences.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use persona::privacy::{detect, outbound};

/// Interview answers with somebody's data in every tenth.
fn text(answers: usize) -> String {
    let mut text = String::new();
    for i in 0..answers {
        text.push_str(
            "We write the real plan on a whiteboard in the kitchen, because the list on the tablet \
             changes twice a day and nobody tells us why it did. ",
        );
        if i % 10 == 0 {
            text.push_str(
                "Ask Katarzyna Lindqvist on +44 20 7946 0958 or write to k.lindqvist@mail.example. ",
            );
        }
        text.push('\n');
    }
    text
}

fn detection(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("privacy");
    group.sample_size(10);
    // Twice the size, to see that the time is linear.
    for answers in [5_000, 10_000] {
        let text = text(answers);
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(format!("forms/{}", text.len()), |bencher| {
            bencher.iter(|| black_box(outbound(black_box(text.as_bytes()), None)));
        });
        group.bench_function(format!("all/{}", text.len()), |bencher| {
            bencher.iter(|| black_box(detect(black_box(&text))));
        });
    }
    group.finish();
}

criterion_group!(benches, detection);
criterion_main!(benches);
