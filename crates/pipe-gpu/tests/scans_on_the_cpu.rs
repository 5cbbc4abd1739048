//! The kernels that know of all numbers before one, and those that sort numbers into parts, compiled for the CPU and held against the reference:
//! filters, running totals, histograms.

mod awkward;
mod fake;

use awkward::{Awkward, LENGTHS, assert_equal, numbers, on_both};
use fake::Fake;
use pipe_core::kernel::{Compare, Histogram, Number, Runner};

/// Around chunks of chunks, too.
fn lengths() -> impl Iterator<Item = usize> {
    LENGTHS.into_iter().chain([4_095, 4_096, 4_097])
}

fn filters_of<T: Awkward>() {
    use Compare::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    on_both::<T>(|device, reference, when| {
        for (at, len) in lengths().enumerate() {
            // Each length with some of them, and each with some lengths.
            for compare in [[Less, LessOrEqual, Equal], [NotEqual, GreaterOrEqual, Greater]][at % 2] {
                let bound = T::NUMBERS[(at + 5) % T::NUMBERS.len()];
                let (mut got, mut wanted) = (numbers::<T>(len, at), numbers::<T>(len, at));
                device.retain(compare, bound, &mut got).unwrap();
                reference.retain(compare, bound, &mut wanted).unwrap();
                assert_equal(&got, &wanted, || format!("{compare:?} {bound:?}, {len} numbers, {when}"));
            }
        }
    });
}

#[test]
fn what_a_filter_leaves_is_in_its_order() {
    filters_of::<f32>();
    filters_of::<f64>();
    filters_of::<i32>();
    filters_of::<i64>();
    filters_of::<u8>();
    filters_of::<u16>();
}

fn running_totals_of<T: Awkward>() {
    on_both::<T>(|device, reference, when| {
        for (at, len) in lengths().enumerate() {
            let before = T::NUMBERS[at % T::NUMBERS.len()];
            let (mut got, mut wanted) = (numbers::<T>(len, at), numbers::<T>(len, at));
            let last = [device.prefix_sum(before, &mut got), reference.prefix_sum(before, &mut wanted)]
                .map(Result::unwrap);
            assert_equal(&got, &wanted, || format!("{len} numbers after {before:?}, {when}"));
            assert_equal(&last[..1], &last[1..], || format!("the last of {len} after {before:?}, {when}"));
        }
    });
}

#[test]
fn running_totals_are_those_of_the_reference_wherever_pieces_begin() {
    running_totals_of::<i32>();
    running_totals_of::<i64>();
    running_totals_of::<u8>();
    running_totals_of::<u16>();
}

fn histograms_of<T: Awkward>() {
    let ranges = [(0.0, 1.0, 1), (-20.3, 3.7, 7), (0.0, 255.0, 16), (-1e300, 1e300, 4), (0.1, 0.7, 9)];
    on_both::<T>(|device, reference, when| {
        for (low, high, bins) in ranges {
            let histogram = Histogram::new(low, high, bins).unwrap();
            for (at, len) in LENGTHS.into_iter().enumerate() {
                let x = numbers::<T>(len, at);
                let counts = (device.histogram(&histogram, &x), reference.histogram(&histogram, &x));
                assert_eq!(counts.0.unwrap(), counts.1.unwrap(), "{histogram:?}, {len} numbers, {when}");
            }
        }
    });
}

#[test]
fn each_number_is_counted_in_the_part_that_the_reference_counts_it_in() {
    histograms_of::<f32>();
    histograms_of::<f64>();
    histograms_of::<i32>();
    histograms_of::<i64>();
    histograms_of::<u8>();
    histograms_of::<u16>();
}

/// Both ends of a range, and what is just beside the borders of its parts: there a product that is rounded otherwise shows.
#[test]
fn numbers_at_the_borders_of_parts_are_counted_there_too() {
    fn at_borders<T: Awkward>(nearest: impl Fn(f64) -> T) {
        let (low, high, bins) = (0.1, 0.8, 7);
        let histogram = Histogram::new(low, high, bins).unwrap();
        let borders = (0..=bins).map(|bin| low + (high - low) * bin as f64 / bins as f64);
        let x: Vec<T> = borders.flat_map(|x| [x.next_down(), x, x.next_up()]).map(nearest).collect();
        on_both::<T>(|device, reference, when| {
            let counts = (device.histogram(&histogram, &x), reference.histogram(&histogram, &x));
            assert_eq!(counts.0.unwrap(), counts.1.unwrap(), "{when}");
        });
    }
    at_borders::<f64>(|x| x);
    at_borders::<f32>(|x| x as f32);
}

#[test]
fn running_totals_of_floats_are_added_by_the_cpu_in_their_order() {
    let Some(fake) = Fake::new() else { return };
    let gpu = awkward::gpu(1 << 10);
    let mut block = [1e8_f32, 1.0, -1e8, 0.5];
    assert_eq!(f32::worker(gpu.worker()).prefix_sum(2.0, &mut block).unwrap(), 0.5);
    drop(gpu);
    fake.assert_clean("floats");
}
