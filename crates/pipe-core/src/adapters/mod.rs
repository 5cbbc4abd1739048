//! The adapters, one per file: a struct, its `Stage`, its `Step`.

mod filter;
mod filter_map;
mod flat_map;
mod fold;
mod identity;
mod inspect;
mod map;
mod map_with;
mod try_map;

pub use filter::Filter;
pub use filter_map::FilterMap;
pub use flat_map::FlatMap;
pub use fold::Fold;
pub use identity::Identity;
pub use inspect::Inspect;
pub use map::Map;
pub use map_with::MapWith;
pub use try_map::TryMap;
