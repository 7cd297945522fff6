//! Random numbers by counter: a draw is a function of a key and an index, never of draws made before.
//!
//! So a run that was interrupted, ran on more threads, or has another head, draws the same numbers elsewhere. The generator
//! is SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators"), entered at any index.

/// SplitMix64's increment: 2^64 divided by the golden ratio, odd.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64's output function (Stafford's variant 13).
fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A stream of random numbers, addressed by index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream(u64);

impl Stream {
    /// The stream of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(mix(seed.wrapping_add(GAMMA)))
    }

    /// A stream of its own for a number: an epoch, a sample, a step.
    #[must_use]
    pub fn numbered(self, number: u64) -> Self {
        Self(mix(self.0 ^ mix(number.wrapping_add(GAMMA))))
    }

    /// A stream of its own for a name, by its FNV-1a hash.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        self.numbered(hash)
    }

    /// 64 random bits.
    #[must_use]
    pub fn bits(self, index: u64) -> u64 {
        mix(self.0.wrapping_add(index.wrapping_add(1).wrapping_mul(GAMMA)))
    }

    /// Uniform in `0..1`, a multiple of 2^-53.
    #[must_use]
    pub fn uniform(self, index: u64) -> f64 {
        (self.bits(index) >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Standard normal, by Box and Muller (1958). Uses the platform's `ln` and `cos`, whose last bit may differ between
    /// platforms; rounded to f32, all but about one value in 10^8 agree.
    #[must_use]
    pub fn normal(self, index: u64) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform(2 * index)).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform(2 * index + 1)).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first outputs of the reference implementation with state 1234567: `prng.di.unimi.it/splitmix64.c`.
    #[test]
    fn bits_are_splitmix64s() {
        let stream = Stream(1_234_567);
        let bits: Vec<u64> = (0..3).map(|i| stream.bits(i)).collect();
        assert_eq!(
            bits,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn draws_have_their_distributions_moments() {
        let (stream, n) = (Stream::new(7).named("x"), 100_000u64);
        let moment = |f: &dyn Fn(u64) -> f64| (0..n).map(f).sum::<f64>() / n as f64;
        assert!((moment(&|i| stream.uniform(i)) - 0.5).abs() < 0.005);
        assert!(moment(&|i| stream.normal(i)).abs() < 0.015);
        assert!((moment(&|i| stream.normal(i).powi(2)) - 1.0).abs() < 0.02);
        assert!((moment(&|i| stream.normal(i).powi(4)) - 3.0).abs() < 0.15);
        assert_ne!(stream.bits(0), Stream::new(7).named("y").bits(0));
    }
}
