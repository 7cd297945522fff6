//! The instruction set that kernels use, and the class of the device that follows from it.

use std::env;
use std::sync::OnceLock;

/// Lowers the instruction set, for tests: `portable`, `avx2` or `avx512`.
const OVERRIDE: &str = "MTL_ISA";

/// What kernels may use, from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Isa {
    /// What every machine of the architecture has. Products are rounded before they are added.
    Portable,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512F; the bits are those of AVX2.
    Avx512,
}

impl Isa {
    /// The one in use; decided once.
    #[inline]
    pub(crate) fn current() -> Self {
        static CURRENT: OnceLock<Isa> = OnceLock::new();
        // A wrong wish is refused by `check` before anything is computed.
        *CURRENT.get_or_init(|| Self::wished().ok().flatten().unwrap_or_else(Self::of_machine))
    }

    #[cfg(target_arch = "x86_64")]
    fn of_machine() -> Self {
        let fused = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        match fused {
            true if is_x86_feature_detected!("avx512f") => Self::Avx512,
            true => Self::Avx2,
            false => Self::Portable,
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn of_machine() -> Self {
        Self::Portable
    }

    fn wished() -> Result<Option<Self>, String> {
        let Some(wish) = env::var_os(OVERRIDE) else {
            return Ok(None);
        };
        let known = [
            ("portable", Self::Portable),
            ("avx2", Self::Avx2),
            ("avx512", Self::Avx512),
        ];
        match known.into_iter().find(|(name, _)| wish == *name) {
            Some((_, isa)) if isa <= Self::of_machine() => Ok(Some(isa)),
            Some((name, _)) => Err(format!("{OVERRIDE} is `{name}`, which this machine does not have")),
            None => Err(format!("{OVERRIDE} is none of `portable`, `avx2` and `avx512`")),
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Avx2 | Self::Avx512 => "cpu-avx2",
            Self::Portable if cfg!(target_arch = "x86_64") => "cpu-sse2",
            Self::Portable => "cpu-generic",
        }
    }
}

/// The class of the device that computes: `cpu-` and the instruction set whose bits the kernels give. Bits may differ
/// between classes, never within one.
#[must_use]
pub fn device_class() -> &'static str {
    Isa::current().class()
}

/// Refuses an environment that asks for an instruction set that is not there.
///
/// # Errors
/// The words for it.
pub fn check_device() -> Result<(), String> {
    Isa::wished().map(|_| ())
}
