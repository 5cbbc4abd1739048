//! In which file a position is.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Tells positions of [`Files`](super::Files) back: in which file, and where in it. Clones share what they know.
#[derive(Debug, Clone)]
pub struct Locations {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    paths: Vec<PathBuf>,
    reached: Mutex<Reached>,
}

#[derive(Debug, Default)]
struct Reached {
    /// Where each file begins that was opened.
    begins: Vec<u64>,
    /// Where the last of them ends, once that is known.
    end: Option<u64>,
}

impl Locations {
    pub(super) fn of(paths: Vec<PathBuf>) -> Self {
        Locations { shared: Arc::new(Shared { paths, reached: Mutex::default() }) }
    }

    /// The file in which `position` is, and the offset in it, in bytes; of a compressed file in what was compressed. `None` for what lies
    /// behind the files that were read. While a file is read all that lies behind its beginning is in it.
    ///
    /// Takes time by the logarithm of the number of files.
    pub fn locate(&self, position: u64) -> Option<(&Path, u64)> {
        let reached = self.reached();
        if reached.end.is_some_and(|end| position >= end) {
            return None;
        }
        // Of those that begin there the last: the others are empty.
        let file = reached.begins.partition_point(|begin| *begin <= position).checked_sub(1)?;
        Some((&self.shared.paths[file], position - reached.begins[file]))
    }

    pub(super) fn paths(&self) -> &[PathBuf] {
        &self.shared.paths
    }

    /// The next file does.
    pub(super) fn begins(&self, begin: u64) {
        let mut reached = self.reached();
        reached.begins.push(begin);
        reached.end = None;
    }

    /// The file that began last does.
    pub(super) fn ended(&self, end: u64) {
        self.reached().end = Some(end);
    }

    fn reached(&self) -> MutexGuard<'_, Reached> {
        self.shared.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_is_in_the_file_that_it_was_read_from() {
        let lengths = [3, 0, 0, 5, 1, 0];
        let locations =
            Locations::of((0..lengths.len()).map(|file| PathBuf::from(file.to_string())).collect());
        assert_eq!(locations.locate(0), None, "none was opened");
        let (mut begin, mut naive) = (0, Vec::new());
        for (file, length) in lengths.into_iter().enumerate() {
            locations.begins(begin);
            let name = file.to_string();
            assert_eq!(
                locations.locate(begin + 99),
                Some((Path::new(&name), 99)),
                "its end is not known yet"
            );
            naive.extend((0..length).map(|offset| (name.clone(), offset)));
            begin += length;
            locations.ended(begin);
            for (position, (file, offset)) in naive.iter().enumerate() {
                assert_eq!(locations.locate(position as u64), Some((Path::new(file), *offset)));
            }
            assert_eq!(locations.locate(begin), None);
        }
    }
}
