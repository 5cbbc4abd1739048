//! Sixty-four chained adapters: the compile-time bar. All of them fuse into one loop.
//!
//! `cargo build --release -p pipe-core --example sixty_four` has to take less than 10 s. For longer chains put an `.edge()` in every 32
//! stages: what stands on both sides of it is compiled apart.

use pipe_core::{Inline, RunError, from_iter, skip};

fn main() -> Result<(), RunError> {
    // tidy: long, because one chain of 64 stages is what it is about.
    let report = from_iter(0..1_000u64)
        .map(|x| x.wrapping_mul(2))
        .filter(|x| x % 3 != 1)
        .map(|x| x ^ 4)
        .inspect(|x| _ = std::hint::black_box(x))
        .filter_map(|x| (x != 6).then_some(x))
        .map(|x| x.rotate_left(6))
        .try_map(|x| if x == 8 { Err("unlucky") } else { Ok(x) })
        .map_with(|| 9u64, |n, x| x.wrapping_add(*n))
        .map(|x| x.wrapping_mul(10))
        .filter(|x| x % 11 != 1)
        .map(|x| x ^ 12)
        .inspect(|x| _ = std::hint::black_box(x))
        .filter_map(|x| (x != 14).then_some(x))
        .map(|x| x.rotate_left(14))
        .try_map(|x| if x == 16 { Err("unlucky") } else { Ok(x) })
        .map_with(|| 17u64, |n, x| x.wrapping_add(*n))
        .map(|x| x.wrapping_mul(18))
        .filter(|x| x % 19 != 1)
        .map(|x| x ^ 20)
        .inspect(|x| _ = std::hint::black_box(x))
        .filter_map(|x| (x != 22).then_some(x))
        .map(|x| x.rotate_left(22))
        .try_map(|x| if x == 24 { Err("unlucky") } else { Ok(x) })
        .map_with(|| 25u64, |n, x| x.wrapping_add(*n))
        .map(|x| x.wrapping_mul(26))
        .filter(|x| x % 27 != 1)
        .map(|x| x ^ 28)
        .inspect(|x| _ = std::hint::black_box(x))
        .filter_map(|x| (x != 30).then_some(x))
        .map(|x| x.rotate_left(30))
        .try_map(|x| if x == 32 { Err("unlucky") } else { Ok(x) })
        .map_with(|| 33u64, |n, x| x.wrapping_add(*n))
        .map(|x| x.wrapping_mul(34))
        .filter(|x| x % 35 != 1)
        .map(|x| x ^ 36)
        .inspect(|x| _ = std::hint::black_box(x))
        .filter_map(|x| (x != 38).then_some(x))
        .map(|x| x.rotate_left(38))
        .try_map(|x| if x == 40 { Err("unlucky") } else { Ok(x) })
        .map_with(|| 41u64, |n, x| x.wrapping_add(*n))
        .map(|x| x.wrapping_mul(42))
        .filter(|x| x % 43 != 1)
        .map(|x| x ^ 44)
        .inspect(|x| _ = std::hint::black_box(x))
        .filter_map(|x| (x != 46).then_some(x))
        .map(|x| x.rotate_left(46))
        .try_map(|x| if x == 48 { Err("unlucky") } else { Ok(x) })
        .map_with(|| 49u64, |n, x| x.wrapping_add(*n))
        .map(|x| x.wrapping_mul(50))
        .filter(|x| x % 51 != 1)
        .map(|x| x ^ 52)
        .inspect(|x| _ = std::hint::black_box(x))
        .filter_map(|x| (x != 54).then_some(x))
        .map(|x| x.rotate_left(54))
        .try_map(|x| if x == 56 { Err("unlucky") } else { Ok(x) })
        .map_with(|| 57u64, |n, x| x.wrapping_add(*n))
        .map(|x| x.wrapping_mul(58))
        .filter(|x| x % 59 != 1)
        .map(|x| x ^ 60)
        .inspect(|x| _ = std::hint::black_box(x))
        .filter_map(|x| (x != 62).then_some(x))
        .map(|x| x.rotate_left(62))
        .try_map(|x| if x == 64 { Err("unlucky") } else { Ok(x) })
        .map_with(|| 65u64, |n, x| x.wrapping_add(*n))
        .on_error(skip())
        .fold(
            || (0u64, 0u64),
            |(count, sum), x| (*count, *sum) = (*count + 1, sum.wrapping_add(x)),
            |all, part| {
                *all = (all.0 + part.0, all.1.wrapping_add(part.1));
            },
        )
        .run_on(&Inline)?;
    println!("{} items are left of {}, their sum is {}", report.value.0, report.taken(), report.value.1);
    Ok(())
}
