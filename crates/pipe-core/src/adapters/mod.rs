//! The adapters, one per file: a struct, its `Stage`, its `Step`.

mod batch;
mod counted;
mod dedup;
mod enumerate;
mod filter;
mod filter_map;
mod flat_map;
mod fold;
mod identity;
mod inspect;
mod map;
mod map_with;
mod scan;
mod skip;
mod take;
mod take_while;
mod try_map;
mod windows;

pub use batch::{Batches, Group};
pub use counted::Counted;
pub use dedup::Dedup;
pub use enumerate::Enumerate;
pub use filter::Filter;
pub use filter_map::FilterMap;
pub use flat_map::FlatMap;
pub use fold::Fold;
pub use identity::Identity;
pub use inspect::Inspect;
pub use map::Map;
pub use map_with::MapWith;
pub use scan::Scan;
pub use skip::Skip;
pub use take::Take;
pub use take_while::TakeWhile;
pub use try_map::TryMap;
pub use windows::{Window, Windows};
