//! The item of random pipelines.

/// A number that knows which one it is.
///
/// Stages change `value`; `id` stays with the record and with what becomes of it. So a stage that fails its first attempts can count them
/// for each item, also where many have the same value, and the naive loop gives the same ids as any executor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Num {
    /// Which one it is.
    pub id: u64,
    /// What it is.
    pub value: i64,
}

impl Num {
    /// Item number `index` of an input.
    pub fn input(index: u64, value: i64) -> Self {
        Num { id: mix(index, u64::MAX), value }
    }

    /// The same item with another value.
    #[must_use]
    pub fn with(self, value: i64) -> Self {
        Num { id: self.id, value }
    }

    /// Number `k` of the items made of this one.
    #[must_use]
    pub fn child(self, k: u64, value: i64) -> Self {
        Num { id: mix(self.id, k), value }
    }

    /// One item made of many: their sum.
    pub fn joined(items: &[Num]) -> Self {
        let start = Num { id: 0, value: 0 };
        items.iter().fold(start, |sum, item| Num {
            id: mix(sum.id, item.id),
            value: sum.value.wrapping_add(item.value),
        })
    }
}

/// Different for different pairs, as far as tests go: two rounds of the finaliser of `SplitMix64`.
fn mix(a: u64, b: u64) -> u64 {
    let round = |x: u64| {
        let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    };
    round(round(a.wrapping_add(0x9E37_79B9_7F4A_7C15)) ^ b)
}
