//! How large the caches of this machine are.

use std::fs;

/// The caches of the first core, in bytes, as Linux tells; `None` for a level that is not there, or where the system does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheSizes {
    /// The nearest one for data.
    pub l1_data: Option<usize>,
    /// The second.
    pub l2: Option<usize>,
    /// The third, which several cores share.
    pub l3: Option<usize>,
}

impl CacheSizes {
    /// Reads them: some ten small files in `/sys/devices/system/cpu/cpu0/cache`.
    pub fn read() -> Self {
        let read = |index: usize, file: &str| {
            let path = format!("/sys/devices/system/cpu/cpu0/cache/index{index}/{file}");
            fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
        };
        // A processor with more than eight caches to a core is not known.
        let caches = (0..8).map_while(|index| {
            Some((read(index, "level")?, read(index, "type")?, bytes(&read(index, "size")?)))
        });
        Self::of(caches)
    }

    /// From level, type and size of each cache.
    fn of(caches: impl Iterator<Item = (String, String, Option<usize>)>) -> Self {
        let mut sizes = CacheSizes::default();
        for (level, kind, size) in caches {
            match (level.as_str(), kind.as_str()) {
                ("1", "Data" | "Unified") => sizes.l1_data = size,
                ("2", "Data" | "Unified") => sizes.l2 = size,
                ("3", "Data" | "Unified") => sizes.l3 = size,
                _ => {}
            }
        }
        sizes
    }

    /// The largest of them.
    pub fn last_level(&self) -> Option<usize> {
        self.l3.or(self.l2).or(self.l1_data)
    }
}

/// `48K`, `2M`: the kernel writes whole kibibytes, and mebibytes are for others that imitate it.
fn bytes(text: &str) -> Option<usize> {
    let (number, shift) = match text.strip_suffix('K') {
        Some(number) => (number, 10),
        None => text.strip_suffix('M').map_or((text, 0), |number| (number, 20)),
    };
    number.parse::<usize>().ok()?.checked_shl(shift).filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_the_kernel_writes_them() {
        assert_eq!(bytes("48K"), Some(48 << 10));
        assert_eq!(bytes("2M"), Some(2 << 20));
        assert_eq!(bytes("0K"), None);
        assert_eq!(bytes("many"), None);
    }

    #[test]
    fn instructions_have_caches_that_do_not_count() {
        let cache = |level: &str, kind: &str, size| (level.to_owned(), kind.to_owned(), Some(size));
        let caches = [cache("1", "Data", 1), cache("1", "Instruction", 2), cache("2", "Unified", 3)];
        let sizes = CacheSizes::of(caches.into_iter());
        assert_eq!(
            (sizes.l1_data, sizes.l2, sizes.l3, sizes.last_level()),
            (Some(1), Some(3), None, Some(3))
        );
    }

    #[test]
    fn what_this_machine_tells_is_in_order() {
        let sizes = CacheSizes::read();
        if let (Some(l1), Some(l2)) = (sizes.l1_data, sizes.l2) {
            assert!(l1 >= 4 << 10 && l1 <= l2, "{sizes:?}");
        }
    }
}
