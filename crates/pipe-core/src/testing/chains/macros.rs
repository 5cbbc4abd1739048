//! From one line per chain to the pipeline and its data.

/// One stage as an adapter call: `adapter!(p, Map(3))` is `p.map(steps::map(3))`.
macro_rules! adapter {
    ($p:expr, Map($n:expr)) => {
        $p.map(steps::map($n))
    };
    ($p:expr, Filter($n:expr)) => {
        $p.filter(steps::filter($n))
    };
    ($p:expr, FilterMap($n:expr)) => {
        $p.filter_map(steps::filter_map($n))
    };
    ($p:expr, TryMap($n:expr)) => {
        $p.try_map(steps::try_map($n))
    };
    ($p:expr, Flaky($n:expr, $k:expr)) => {
        $p.try_map(steps::flaky($n, $k))
    };
    ($p:expr, FlatMap($n:expr)) => {
        $p.flat_map(steps::flat_map($n))
    };
    ($p:expr, MapWith($n:expr)) => {
        $p.map_with(steps::multiplier($n), steps::multiply)
    };
    ($p:expr, Inspect) => {
        $p.inspect(steps::look)
    };
    ($p:expr, Counted) => {
        $p.counted()
    };
    ($p:expr, Own($n:expr)) => {
        $p.stage(steps::Own($n))
    };
    ($p:expr, Kernel($n:expr)) => {
        $p.map(steps::block).kernel(steps::program($n)).map(steps::of_block($n))
    };
    ($p:expr, Edge) => {
        $p.edge()
    };
    ($p:expr, Scan) => {
        $p.scan(steps::zero, steps::sum)
    };
    ($p:expr, Take($n:expr)) => {
        $p.take($n)
    };
    ($p:expr, Skip($n:expr)) => {
        $p.skip($n)
    };
    ($p:expr, TakeWhile($n:expr)) => {
        $p.take_while(steps::filter($n))
    };
    ($p:expr, Enumerate) => {
        $p.enumerate().map(steps::numbered)
    };
    ($p:expr, Dedup) => {
        $p.map(steps::Same).dedup().map(steps::different)
    };
    ($p:expr, DedupBy($n:expr)) => {
        $p.dedup_by_key(steps::quotient($n))
    };
    ($p:expr, Batch($n:expr)) => {
        $p.batch($n).map(steps::joined)
    };
    ($p:expr, Windows($n:expr, $every:expr)) => {
        $p.windows($n, $every).map(steps::joined)
    };
    ($p:expr, Serial($n:expr)) => {
        $p.serial(steps::Delta($n))
    };
}

/// A chain of them: `linked!(p; [Map(3)] [Filter(2)])` is `p.map(..).filter(..)`.
macro_rules! linked {
    ($p:expr;) => { $p };
    ($p:expr; [$($first:tt)*] $($rest:tt)*) => { linked!(adapter!($p, $($first)*); $($rest)*) };
}

/// Chains as data and as functions: `chains! { [Map(3)] [Filter(2)]; [Inspect] [Counted]; }`.
macro_rules! chains {
    ($($([$($op:tt)*])+;)+) => {
        vec![$(Chain {
            ops: vec![$(Op::$($op)*),+],
            run: |trial| match trial.start {
                Start::Iter => trial.straight(linked!(from_iter(trial.items()); $([$($op)*])+)),
                Start::Script => trial.batched(linked!(from_source(trial.source()); $([$($op)*])+)),
            },
        }),+]
    };
}
