//! Every operation on every level, against what pipe-core says that it means.

mod common;

use common::{Sample, assert_same, at_all_lengths_and_places, levels, numbers};
use pipe_cache::{Level, Simd, Tiled};
use pipe_core::kernel::{Blocks, Compare, Float, FloatOp, KernelWorker, Op, Program, Runner, Scalar};
use pipe_core::{Event, Executor, Inline, RunError, from_source};

const COMPARISONS: [Compare; 6] = [
    Compare::Less,
    Compare::LessOrEqual,
    Compare::Equal,
    Compare::NotEqual,
    Compare::GreaterOrEqual,
    Compare::Greater,
];

/// Operations that all numbers have, with operands at the edges.
fn ops<T: Sample>() -> Vec<Op<T>> {
    let mut ops = vec![Op::Square, Op::Abs, Op::Neg];
    for (at, a) in T::EDGES.iter().copied().enumerate() {
        let b = T::EDGES[(at * 7 + 3) % T::EDGES.len()];
        ops.extend([Op::Add(a), Op::Sub(a), Op::Scale(a), Op::MulAdd(a, b), Op::Clamp(a, b)]);
        ops.extend(COMPARISONS.map(|compare| Op::Keep(compare, a, b)));
    }
    ops
}

fn is_what_the_reference_gives<T: Sample>(op: Op<T>) {
    let program = Program::new().then(op);
    for simd in levels() {
        at_all_lengths_and_places(|block: &[T]| {
            let (mut got, mut wanted) = (block.to_vec(), block.to_vec());
            simd.run(&program, &mut got);
            Scalar.run(&program, &mut wanted).unwrap();
            assert_same(&got, &wanted, (simd, op));
        });
    }
}

#[test]
fn integers_agree_with_the_reference_bit_for_bit() {
    ops::<i32>().into_iter().for_each(is_what_the_reference_gives);
    ops::<i64>().into_iter().for_each(is_what_the_reference_gives);
    ops::<u8>().into_iter().for_each(is_what_the_reference_gives);
    ops::<u16>().into_iter().for_each(is_what_the_reference_gives);
}

fn exact_float_ops<T: Float>(x: T) -> Vec<Op<T>> {
    use FloatOp::{Ceil, Div, Floor, Round, Sqrt, Trunc};
    [Div(x), Sqrt, Floor, Ceil, Round, Trunc].map(Op::Only).to_vec()
}

#[test]
fn floats_agree_with_the_reference_bit_for_bit_where_arithmetic_is_exact() {
    ops::<f32>().into_iter().chain(exact_float_ops(3.0)).for_each(is_what_the_reference_gives);
    ops::<f64>().into_iter().chain(exact_float_ops(3.0)).for_each(is_what_the_reference_gives);
}

#[test]
fn elementary_functions_are_the_same_bits_on_every_level() {
    fn agree<T: Sample + Float>(op: FloatOp<T>) {
        let program = Program::new().then(Op::Only(op));
        at_all_lengths_and_places(|block: &[T]| {
            let computed = levels().into_iter().map(|simd| {
                let mut block = block.to_vec();
                simd.run(&program, &mut block);
                block
            });
            let all: Vec<Vec<T>> = computed.collect();
            all.iter().for_each(|block| assert_same(block, &all[0], op));
        });
    }
    use FloatOp::{Exp, Log, Pow, Sigmoid, Tanh};
    [Exp, Log, Tanh, Sigmoid, Pow(1.5), Pow(-3.0)].into_iter().for_each(agree::<f32>);
    [Exp, Log, Tanh, Sigmoid, Pow(1.5), Pow(-3.0)].into_iter().for_each(agree::<f64>);
}

#[test]
fn tiles_of_any_size_give_the_same() {
    let program = Program::new().scale(0.5).add(3.0).keep(Compare::Less, 40.0, 1.0).square();
    let block: Vec<f32> = numbers(3_001, 3);
    let mut wanted = block.clone();
    Scalar.run(&program, &mut wanted).unwrap();
    for bytes in [1, 3, 4, 100, 4_096, 1 << 20] {
        let mut got = block.clone();
        KernelWorker::run(&mut *Tiled::new().tile(bytes).worker(), &program, &mut got).unwrap();
        assert_same(&got, &wanted, bytes);
    }
}

#[test]
fn a_pipeline_is_computed_by_whom_it_is_run_on_and_the_report_says_so() {
    let block: Vec<f64> = numbers(10_000, 4);
    let program = Program::new().abs().sqrt().mul_add(2.0, 1.0);
    let run = |tiled: bool| {
        let pipeline = from_source(Blocks::new(block.clone(), 300)).kernel(program.clone()).collect();
        if tiled { pipeline.run_on(&Inline.kernels(Tiled::new())) } else { pipeline.run_on(&Inline) }.unwrap()
    };
    let (tiled, scalar) = (run(true), run(false));
    assert_same(&tiled.value.concat(), &scalar.value.concat(), "tiled");
    let Event::Kernels { runner: "tiled", with } = &tiled.events[0] else { panic!("{:?}", tiled.events) };
    assert_eq!(*with, format!("{}, tiles of 16 KiB", Simd::best().level()));
    assert_eq!(scalar.events, []);
}

#[test]
fn a_forced_level_is_the_one_that_is_taken() {
    for simd in levels() {
        let blocks = from_source(Blocks::new(vec![1_u8, 2, 3], 2)).kernel(Program::new().add(1));
        let report = blocks.collect().run_on(&Tiled::new().level(simd.level())).unwrap();
        assert!(report.to_string().contains(&format!("kernels are tiled: {}", simd.level())), "{report}");
    }
}

#[test]
fn settings_that_make_no_sense_are_config_errors_before_anything_is_pulled() {
    let absent = Level::ALL.into_iter().find(|level| !level.is_available());
    let refused =
        [Some(("tile", Tiled::new().tile(0))), absent.map(|level| ("level", Tiled::new().level(level)))];
    for (wanted, tiled) in refused.into_iter().flatten() {
        let pipeline = || pipe_core::from_iter([1]).inspect(|_| panic!("pulled")).collect();
        for error in
            [pipeline().run_on(&tiled).unwrap_err(), pipeline().run_on(&Inline.kernels(tiled)).unwrap_err()]
        {
            let RunError::Config { field, .. } = error else { panic!("{error:?}") };
            assert_eq!(field, wanted);
        }
    }
}

#[test]
fn the_best_level_is_one_that_the_processor_has_and_the_one_that_is_expected() {
    assert!(Level::best().is_available());
    // Set where an emulator plays a processor: `cargo xtask portable`.
    if let Ok(expected) = std::env::var("PIPE_CACHE_BEST_LEVEL") {
        assert_eq!(format!("{:?}", Level::best()), expected);
    }
}
