//! Seconds per training step: forward, cross-entropy, backward and SGD with momentum, on images of noise.
//!
//! `train_step NET SIZE BATCH STEPS [THREADS]` prints the seconds of every step after the first, one a line; NET is
//! `alexnet` or `resnet18`. Without arguments it goes through a few sizes. `benches/against_torch.py` compares.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures time")]
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "../tests/common/nets.rs"]
mod nets;

use mtl::nn::{Mode, Network, Stream, initial_weights};
use mtl::train::{DecayOn, Optimizer, Stride, cross_entropy};
use std::error::Error;
use std::time::Instant;

const CLASSES: usize = 1000;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let [net, size, batch, steps, threads @ ..] = &arguments[..] else {
        return overview();
    };
    if let [threads] = threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads.parse()?)
            .build_global()?;
    }
    for seconds in time(net, size.parse()?, batch.parse()?, steps.parse()?)? {
        println!("{seconds:.6}");
    }
    Ok(())
}

fn overview() -> Result<(), Box<dyn Error>> {
    for (net, size, batch) in [
        ("resnet18", 48, 32),
        ("resnet18", 64, 32),
        ("resnet18", 224, 16),
        ("alexnet", 224, 32),
    ] {
        let mut seconds = time(net, size, batch, 5)?;
        seconds.sort_by(f64::total_cmp);
        let median = seconds[seconds.len() / 2];
        println!(
            "{net} {size}x{size}, batch {batch}: {:.0} ms, {:.1} images/s",
            median * 1e3,
            batch as f64 / median
        );
    }
    Ok(())
}

fn time(net: &str, size: usize, batch: usize, steps: usize) -> Result<Vec<f64>, Box<dyn Error>> {
    let graph = match net {
        "alexnet" => nets::alexnet(size, CLASSES, 0.5)?,
        "resnet18" => nets::resnet18(size, CLASSES)?,
        other => return Err(format!("no net `{other}`").into()),
    };
    let mut network = Network::compile(&graph, Mode::Train { frozen: &[] }, batch)?;
    network.load(&initial_weights(&graph, 0))?;
    let optimizer = Optimizer::sgd(0.9, 1e-4);
    let mut moments = optimizer.memory(network.training_slices().1.len());
    let rates = vec![1e-3; graph.parameters.len()];
    let noise = Stream::new(1);
    let images: Vec<f32> = (0..(batch * 3 * size * size) as u64)
        .map(|i| noise.normal(i) as f32)
        .collect();
    let labels: Vec<usize> = (0..batch).map(|i| i * 37 % CLASSES).collect();
    let mut gradient = vec![0.0; batch * CLASSES];
    let mut seconds = Vec::new();
    for step in 0..=steps as u64 {
        let start = Instant::now();
        network.images_mut(batch)?.copy_from_slice(&images);
        let logits = network.forward(batch, Stream::new(2).numbered(step))?;
        cross_entropy(logits, &labels, CLASSES, &mut gradient);
        network.backward(&gradient)?;
        let stride = Stride {
            rates: &rates,
            decay_on: DecayOn::All,
            scale: 1.0,
            momentum: None,
        };
        optimizer.step(&mut network, &mut moments, stride);
        if step > 0 {
            seconds.push(start.elapsed().as_secs_f64());
        }
    }
    Ok(seconds)
}
