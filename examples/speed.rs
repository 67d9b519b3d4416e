use persona::engine::sampler::Sampling;
use persona::engine::*;
use std::sync::Arc;
fn run(e: &Engine, jobs: Vec<Job>, tokens: usize) -> f64 {
    let t = std::time::Instant::now();
    let mut u = e.submit(jobs);
    while let Some(x) = u.blocking_recv() {
        match x {
            Update::Generated(_, r) => {
                r.unwrap();
            }
            Update::Scored(_, r) => {
                r.unwrap();
            }
            _ => {}
        }
    }
    tokens as f64 / t.elapsed().as_secs_f64()
}
fn main() {
    let path = std::env::args().nth(1).unwrap();
    let n: usize = std::env::args().nth(2).map_or(3, |s| s.parse().unwrap());
    let tests = std::env::args().nth(3).unwrap_or("pp512,pp2048,tg,tg512,b8".into());
    let e = Engine::load(
        std::path::Path::new(&path),
        &EngineOptions { device: DeviceChoice::Cpu, ..Default::default() },
    )
    .unwrap();
    let text = std::fs::read_to_string("examples/interviews.csv").unwrap()
        + &std::fs::read_to_string("examples/survey.json").unwrap();
    let all = e.encode(&text).unwrap();
    let toks = |n: usize, off: usize| -> Vec<u32> {
        (0..n).map(|i| all[(i * 1 + off) % all.len()]).collect()
    };
    let rd = |own: Vec<u32>| {
        Job::Score(ScoreRequest {
            prompt: Prompt { shared: Arc::from([]), own },
            want: Want::Labels(vec![vec![1]]),
        })
    };
    let wr = |shared: Arc<[u32]>, own: Vec<u32>, m: usize, s: u64| {
        Job::Generate(GenerateRequest {
            prompt: Prompt { shared, own },
            shape: None,
            sampling: Sampling { seed: s, ..Default::default() },
            max_tokens: m,
        })
    };
    for r in 0..n {
        let mut line = String::new();
        for t in tests.split(',') {
            let v = match t {
                "pp512" => run(&e, vec![rd(toks(512, r))], 512),
                "pp2048" => run(&e, vec![rd(toks(2048, r))], 2048),
                "tg" => {
                    let a = std::time::Instant::now();
                    run(&e, vec![wr(Arc::from([]), toks(16, r), 64, 1)], 64);
                    64.0 / a.elapsed().as_secs_f64()
                }
                "tg512" => {
                    let sh: Arc<[u32]> = toks(512, r).into();
                    let a = std::time::Instant::now();
                    run(&e, vec![rd(sh.to_vec())], 1);
                    let p = a.elapsed();
                    let a = std::time::Instant::now();
                    run(&e, vec![wr(sh, toks(1, 9), 64, 1)], 64);
                    64.0 / (a.elapsed() - p).as_secs_f64()
                }
                "b8" => {
                    let sh: Arc<[u32]> = toks(1024, r).into();
                    let a = std::time::Instant::now();
                    run(&e, vec![rd(sh.to_vec())], 1);
                    let p = a.elapsed();
                    let a = std::time::Instant::now();
                    run(
                        &e,
                        (0..8)
                            .map(|i| wr(Arc::clone(&sh), toks(1, 9 + i), 200, i as u64))
                            .collect(),
                        1600,
                    );
                    let w = a.elapsed();
                    line += &format!(" b8wall {:.2}s", w.as_secs_f64());
                    1600.0 / (w - p).as_secs_f64()
                }
                _ => 0.0,
            };
            line += &format!(" {t} {v:.0}");
        }
        println!("{line}");
    }
}
