//! What the limit means: refused where it makes no sense, kept where it does, a typed error where it cannot be kept.

use pipe_core::{Cancel, Inline, RunError, from_iter};
use pipe_mem::Lazy;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

#[test]
fn zero_is_a_config_error_before_anything_is_pulled() {
    let pulled = AtomicUsize::new(0);
    let items = (0..10).inspect(|_| _ = pulled.fetch_add(1, Relaxed));
    let error =
        from_iter(items).collect().run_on(&Lazy::new().memory_limit(0)).expect_err("zero makes no sense");
    let RunError::Config { field, value, .. } = &error else { panic!("{error:?}") };
    assert_eq!((*field, &**value, pulled.load(Relaxed)), ("memory_limit", "0", 0));
}

#[test]
fn an_item_larger_than_the_limit_is_a_budget_error() {
    let lazy = Lazy::new().memory_limit(1 << 10);
    let read = from_iter((0..10).map(|n| vec![n; 4096])).map(|item| item.len()).collect().run_on(&lazy);
    let made =
        from_iter(0..10u8).map(|n| vec![n; 4096]).edge().map(|item| item.len()).collect().run_on(&lazy);
    for error in [read.expect_err("4 KiB do not fit"), made.expect_err("nor here")] {
        let RunError::Budget { wanted, limit, .. } = error else { panic!("{error:?}") };
        assert!(wanted > 4096);
        assert_eq!(limit, 1 << 10);
    }
}

#[test]
fn an_accumulator_larger_than_the_limit_is_a_budget_error() {
    let lazy = Lazy::new().memory_limit(1 << 10);
    let fold =
        from_iter(0..1_000u64).fold(Vec::new, |all, n| all.push(n), |all, part: Vec<u64>| all.extend(part));
    assert!(matches!(fold.run_on(&lazy), Err(RunError::Budget { limit: 1024, .. })));
}

#[test]
fn a_batch_or_a_window_that_outgrows_the_limit_is_a_budget_error_on_each_executor() {
    let batch = || from_iter(0..100_000u64).batch(usize::MAX).for_each(drop);
    let window = || from_iter(0..100_000u64).windows(50_000, 1).for_each(drop);
    let (lazy, inline) = (Lazy::new().memory_limit(64 << 10), Inline.memory_limit(64 << 10));
    for ended in
        [batch().run_on(&lazy), batch().run_on(&inline), window().run_on(&lazy), window().run_on(&inline)]
    {
        assert!(matches!(ended, Err(RunError::Budget { limit: 65_536, .. })), "{ended:?}");
    }
    let fits = from_iter(0..100_000u64).batch(1_000).for_each(drop).run_on(&lazy);
    assert_eq!(fits.map(|report| report.written).expect("a thousand numbers fit"), 100);
}

#[test]
fn what_was_alive_at_most_is_in_the_report_and_within_the_limit() {
    for limit in [1 << 10, 1 << 14, 1 << 20] {
        let texts =
            from_iter(0..20_000u64).map(|n| format!("{n:>40}")).edge().filter(|text| !text.is_empty());
        let report =
            texts.edge().map(|text| text.len()).for_each(drop).run_on(&Lazy::new().memory_limit(limit));
        let report = report.expect("each text fits");
        assert_eq!((report.executor, report.workers, report.memory_limit), ("Lazy", 1, limit));
        assert!((1..=limit).contains(&report.peak_bytes), "{} of {limit}", report.peak_bytes);
    }
}

#[test]
fn a_run_that_is_cancelled_by_its_sink_is_not_committed() {
    let cancel = Cancel::new();
    let endless = from_iter(0u64..).for_each(|n| {
        if n == 1_000 {
            cancel.cancel()
        }
    });
    let ended = endless.cancelled_by(&cancel).run_on(&Lazy::new());
    assert!(matches!(ended, Err(RunError::Cancelled)), "{ended:?}");
}

#[test]
fn nothing_is_read_ahead() {
    let pulled = AtomicUsize::new(0);
    let items = (0..1_000_000u64).inspect(|_| _ = pulled.fetch_add(1, Relaxed));
    let lazy = Lazy::new().memory_limit(512);
    let mut seen = 0;
    for item in lazy.iter(from_iter(items).map(|n| n + 1)) {
        seen += 1;
        assert_eq!(item.expect("nothing fails"), seen);
        assert!(pulled.load(Relaxed) as u64 <= seen + 64, "{} pulled, {seen} seen", pulled.load(Relaxed));
        if seen == 1_000 {
            break;
        }
    }
}

#[test]
fn an_iterator_that_must_keep_too_much_ends_with_a_budget_error() {
    let many = from_iter(0..1u64).flat_map(|_| 0..1_000_000u64);
    let last = Lazy::new().memory_limit(1 << 10).iter(many).last().expect("it ends with its error");
    assert!(matches!(last, Err(RunError::Budget { limit: 1024, .. })));
}
