//! A fixed number of large tables, shared by all workers: `cargo run -p pipe-mem --example tables`.
//!
//! Each step of the pipeline borrows one, and none is made while it runs. With more workers than tables, who finds none counts without.

use pipe_core::{Inline, RunError, from_iter};
use pipe_mem::SimplePool;

fn main() -> Result<(), RunError> {
    let tables = SimplePool::new(2, || vec![0u32; 1 << 16], |table| table.fill(0))?;
    let distinct = |seed: u32| {
        let keys = (0..50_000).map(|n: u32| (n ^ seed).wrapping_mul(0x9E37_79B9) >> 16);
        match tables.try_get() {
            Some(mut table) => {
                keys.filter(|key| std::mem::replace(&mut table[*key as usize], 1) == 0).count()
            }
            None => keys.collect::<std::collections::HashSet<_>>().len(),
        }
    };
    let report = from_iter(0..20).map(distinct).collect().run_on(&Inline)?;
    println!("distinct keys of each of {} seeds: {:?}", report.value.len(), report.value);
    assert_eq!(tables.idle(), 2);
    Ok(())
}
