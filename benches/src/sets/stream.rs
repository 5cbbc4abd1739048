//! `stream`: large files of lines, records and events, folded into small results or written again.

use super::{Mode, Sizes, fitted};
use crate::contender::{Axis, Contender, Need, Point, contender};
use crate::contenders::{bufread, compressed, csv_sum, filtered_write, ndjson_errors, ours, rayon, text};
use crate::host::Capacity;
use crate::inputs::{Asked, Input};
use crate::metric::Metric;
use crate::workload::Workload;

const SET: &str = "stream";

const STATIONS: &str = "Minimum, mean and maximum of each of 413 weather stations, from lines of `name;value` in one large file.";
const SMALL: &str = "The same on a file that Python gets through in a second or two.";
const LOG: &str = "Requests per path and status, from an Apache log in the combined format.";
const LINES: &str = "How many lines a large text has.";
const WORDS: &str = "Lines, words and bytes of a large text, as `wc` counts them.";
const FILTER: &str = "The lines of a large text that hold a literal, which one in 20,000 does.";
const CSV: &str = "The sum of one column of a table in CSV, of whose fields one in 20 is quoted.";
const NDJSON: &str = "Two fields of the events whose level is ERROR, from one JSON object a line.";
const EMPTY: &str = "Reading a file and doing nothing: what no pipeline can beat.";
const READS: &str = "How often the system is asked for bytes, for each chunk of 256 KiB that is handed on.";
const GZIP: &str = "How many lines a text has that was compressed by gzip.";
const ZSTD: &str = "How many lines a text has that was compressed by zstd.";
const WRITE: &str =
    "Every line with a literal, which each second one has, from one file to another, in order.";
const HOARD: &str = "How many lines a text has, for who keeps the chunks of it for as long as 16 MiB allow: all, or one in eight.";
const CHUNKS: &str = "How many lines a text has, read or mapped in chunks of 4 KiB to 16 MiB; executors ask for 256 KiB at most.";
const MEMORY: &str =
    "The peak resident memory of the stations program, on a file and on one many times as large.";

/// What the system counts of this process.
const CALLS: Need = Need::File("/proc/self/io");

pub(super) const STATIONS_PY: &str = "benches/contenders/python/stations.py";
const LINES_PY: &str = "benches/contenders/python/count_lines.py";
const CSV_PY: &str = "benches/contenders/python/csv_sum.py";
const NDJSON_PY: &str = "benches/contenders/python/ndjson_errors.py";

/// Of the file of stations.
pub(super) const STATIONS_ROWS: Sizes =
    Sizes { smoke: 20_000, quick: 2_000_000, default: 20_000_000, full: 100_000_000 };

pub(crate) fn workloads(mode: Mode, capacity: Capacity) -> Vec<Workload> {
    let on = |name, about, input: Input, sizes: Sizes| {
        Workload::new(SET, name, about, fitted(mode, input, mode.of(sizes), capacity)).input(input)
    };
    let small = Sizes { smoke: 20_000, quick: 300_000, default: 1_000_000, full: 1_000_000 };
    let log = Sizes { smoke: 10_000, quick: 300_000, default: 2_000_000, full: 10_000_000 };
    // 4 GB of text, 1 GB of it for what is slow or written, 2 GB of CSV, 1 GB of events.
    let text = Sizes { smoke: 20_000, quick: 1_000_000, default: 4_000_000, full: 52_000_000 };
    let words = Sizes { quick: 500_000, default: 2_000_000, ..text };
    let some = Sizes { quick: 500_000, full: 13_000_000, ..text };
    // More than may be kept.
    let hoarded = Sizes { smoke: 500_000, quick: 500_000, ..text };
    let chunks = Sizes { smoke: 500_000, quick: 500_000, default: 2_000_000, full: 13_000_000 };
    let table = Sizes { smoke: 5_000, quick: 400_000, default: 2_500_000, full: 20_000_000 };
    let events = Sizes { smoke: 5_000, quick: 200_000, default: 1_000_000, full: 5_000_000 };
    let asked = Input::Text;
    vec![
        on("stations", STATIONS, Input::Stations, STATIONS_ROWS)
            .with(on_stations())
            .with(queries(STATIONS_PY)),
        on("stations-small", SMALL, Input::Stations, small).with(on_stations()).with([Contender::python(
            "python-generator",
            STATIONS_PY,
            "generator",
        )]),
        on("access-log", LOG, Input::AccessLog, log).with(on_access_log()),
        on("count-lines", LINES, asked(Asked::Lines), text).with(on_lines()),
        on("lines-words-bytes", WORDS, asked(Asked::LinesWordsBytes), words).with(on_words()),
        on("filter-literal", FILTER, asked(Asked::RareLiteral), text).with(on_filter()),
        on("csv-sum", CSV, Input::Sales, table).with(on_csv()).with(queries(CSV_PY)),
        on("ndjson-errors", NDJSON, Input::Events, events).with(on_events()).with(queries(NDJSON_PY)),
        on("empty-stage", EMPTY, asked(Asked::Bytes), text).with([
            contender!("ours-inline", Ours, "ours/empty.rs", ours::empty::inline),
            contender!("read-loop", Limit, "text.rs", text::read_loop),
        ]),
        on("reads-per-chunk", READS, asked(Asked::Bytes), hoarded)
            .metric(Metric::ReadsPerChunk)
            .rounds_max(1)
            .with([
                contender!("ours-inline", Ours, "ours/empty.rs", ours::empty::reads).needs(CALLS),
                contender!("read-loop", Limit, "text.rs", text::counted_read_loop).needs(CALLS),
            ])
            .at_most(1.05),
        on("gzip-lines", GZIP, Input::TextGzip, some).with(on_gzip()),
        on("zstd-lines", ZSTD, Input::TextZstd, some).with(on_zstd()),
        on("filtered-write", WRITE, asked(Asked::CommonLiteral), some).with(on_write()),
        constant_memory(mode, capacity),
        on("chunk-sizes", CHUNKS, asked(Asked::Lines), chunks).rounds_max(6).with(on_chunks()),
        on("hoarding-consumer", HOARD, asked(Asked::Lines), hoarded)
            .metric(Metric::PeakOver { budget: ours::hoarding::BUDGET as u64 })
            .rounds_max(3)
            .with(on_hoard())
            .at_most(f64::from(8 << 20)),
    ]
}

/// Those that take a query and plan it themselves.
pub(super) fn queries(script: &'static str) -> [Contender; 2] {
    [Contender::package("polars", script), Contender::package("duckdb", script)]
}

pub(super) fn on_stations() -> [Contender; 5] {
    [
        contender!("ours-parallel", Ours, "ours/stations.rs", ours::stations::parallel),
        contender!("ours-inline", Ours, "ours/stations.rs", ours::stations::inline),
        contender!("rayon-memmap-hashmap", Peer, "rayon.rs", rayon::stations_hashmap),
        contender!("rayon-memmap-foldhash", Peer, "rayon.rs", rayon::stations_foldhash),
        contender!("bufread-hashmap", Baseline, "bufread.rs", bufread::stations),
    ]
}

fn on_access_log() -> [Contender; 3] {
    [
        contender!("ours-parallel", Ours, "ours/access_log.rs", ours::access_log::parallel),
        contender!("rayon-memmap-foldhash", Peer, "rayon.rs", rayon::access_log),
        contender!("bufread-hashmap", Baseline, "bufread.rs", bufread::access_log),
    ]
}

fn on_lines() -> [Contender; 10] {
    [
        contender!("ours-parallel", Ours, "ours/text.rs", ours::text::lines_parallel),
        contender!("ours-inline", Ours, "ours/text.rs", ours::text::lines_inline),
        contender!("ours-inline-leased", Ours, "ours/text.rs", ours::text::lines_leased).needs(Need::Leases),
        contender!("rayon-memmap-memchr", Peer, "text.rs", text::rayon_lines),
        contender!("wc", Peer, "text.rs", text::wc_lines).needs(Need::Command("wc")),
        contender!("ripgrep", Peer, "text.rs", text::ripgrep_lines).needs(Need::Command("rg")),
        contender!("mawk", Peer, "text.rs", text::mawk_lines).needs(Need::Command("mawk")),
        Contender::package("polars", LINES_PY),
        contender!("bufread-lines", Baseline, "text.rs", text::bufread_lines),
        Contender::python("python-generator", LINES_PY, "generator"),
    ]
}

fn on_words() -> [Contender; 4] {
    [
        contender!("ours-parallel", Ours, "ours/text.rs", ours::text::words_parallel),
        contender!("wc-c-locale", Peer, "text.rs", text::wc_bytewise).needs(Need::Command("wc")),
        contender!("wc-utf8-locale", Peer, "text.rs", text::wc_utf8).needs(Need::Command("wc")),
        contender!("bufread-lines", Baseline, "text.rs", text::bufread_words),
    ]
}

fn on_filter() -> [Contender; 7] {
    [
        contender!("ours-parallel", Ours, "ours/text.rs", ours::text::filter_parallel),
        contender!("ours-inline", Ours, "ours/text.rs", ours::text::filter_inline),
        contender!("ripgrep", Peer, "text.rs", text::ripgrep_filter).needs(Need::Command("rg")),
        contender!("ripgrep-no-mmap", Peer, "text.rs", text::ripgrep_buffered_filter)
            .needs(Need::Command("rg")),
        contender!("grep", Peer, "text.rs", text::grep_filter).needs(Need::Command("grep")),
        contender!("mawk", Peer, "text.rs", text::mawk_filter).needs(Need::Command("mawk")),
        contender!("bufread-lines", Baseline, "text.rs", text::bufread_filter),
    ]
}

fn on_csv() -> [Contender; 6] {
    [
        contender!("ours-parallel", Ours, "ours/csv_sum.rs", ours::csv_sum::parallel),
        contender!("ours-inline", Ours, "ours/csv_sum.rs", ours::csv_sum::inline),
        contender!("csv-byte-record", Peer, "csv_sum.rs", csv_sum::byte_record),
        contender!("csv-string-records", Baseline, "csv_sum.rs", csv_sum::string_records),
        Contender::package("pandas", CSV_PY),
        Contender::python("python-csv", CSV_PY, "generator"),
    ]
}

fn on_events() -> [Contender; 7] {
    [
        contender!(
            "ours-prefiltered-parallel",
            Ours,
            "ours/ndjson_errors.rs",
            ours::ndjson_errors::filtered_parallel
        ),
        contender!(
            "ours-prefiltered-inline",
            Ours,
            "ours/ndjson_errors.rs",
            ours::ndjson_errors::filtered_inline
        ),
        contender!("ours-parallel", Ours, "ours/ndjson_errors.rs", ours::ndjson_errors::parallel),
        contender!("ours-inline", Ours, "ours/ndjson_errors.rs", ours::ndjson_errors::inline),
        contender!("rayon-memmap-serde", Peer, "ndjson_errors.rs", ndjson_errors::rayon),
        contender!("bufread-serde", Baseline, "ndjson_errors.rs", ndjson_errors::bufread),
        Contender::package("orjson", NDJSON_PY),
    ]
}

fn on_gzip() -> [Contender; 5] {
    [
        contender!("ours-inline", Ours, "ours/compressed.rs", ours::compressed::count),
        contender!("gzip-wc", Peer, "compressed.rs", compressed::gzip_wc).needs(Need::Command("gzip")),
        Contender::package("polars", LINES_PY),
        contender!("bufread-lines", Baseline, "compressed.rs", compressed::gzip_bufread),
        contender!("flate2-decoder", Limit, "compressed.rs", compressed::gzip_decoder),
    ]
}

fn on_zstd() -> [Contender; 5] {
    [
        contender!("ours-inline", Ours, "ours/compressed.rs", ours::compressed::count),
        contender!("zstd-wc", Peer, "compressed.rs", compressed::zstd_wc).needs(Need::Command("zstd")),
        Contender::package("polars", LINES_PY),
        contender!("bufread-lines", Baseline, "compressed.rs", compressed::zstd_bufread),
        contender!("zstd-decoder", Limit, "compressed.rs", compressed::zstd_decoder),
    ]
}

fn on_write() -> [Contender; 4] {
    [
        contender!("ours-parallel", Ours, "ours/filtered_write.rs", ours::filtered_write::parallel),
        contender!("ripgrep", Peer, "filtered_write.rs", filtered_write::ripgrep).needs(Need::Command("rg")),
        contender!("bufread-lines", Baseline, "filtered_write.rs", filtered_write::bufread),
        contender!("cat-of-the-result", Limit, "filtered_write.rs", filtered_write::cat_kept)
            .needs(Need::Command("cat")),
    ]
}

/// One of ours for each size, as points of three curves.
fn on_chunks() -> Vec<Contender> {
    const SIZES: [(u64, [&str; 3]); 7] = [
        (4 << 10, ["read-4-kib", "leased-4-kib", "parallel-4-kib"]),
        (16 << 10, ["read-16-kib", "leased-16-kib", "parallel-16-kib"]),
        (64 << 10, ["read-64-kib", "leased-64-kib", "parallel-64-kib"]),
        (256 << 10, ["read-256-kib", "leased-256-kib", "parallel-256-kib"]),
        (1 << 20, ["read-1-mib", "leased-1-mib", "parallel-1-mib"]),
        (4 << 20, ["read-4-mib", "leased-4-mib", "parallel-4-mib"]),
        (16 << 20, ["read-16-mib", "leased-16-mib", "parallel-16-mib"]),
    ];
    let curves = [
        contender!("read", Ours, "ours/chunk_sizes.rs", ours::chunk_sizes::read),
        contender!("leased", Ours, "ours/chunk_sizes.rs", ours::chunk_sizes::leased).needs(Need::Leases),
        contender!("parallel", Ours, "ours/chunk_sizes.rs", ours::chunk_sizes::parallel),
    ];
    let points = SIZES.into_iter().flat_map(|(size, names)| {
        let named = curves.clone().into_iter().zip(names);
        let point = move |curve| Some(Point { curve, size, axis: Axis::Bytes });
        named.map(move |(one, name)| Contender { point: point(one.name), name, ..one })
    });
    let asked_for =
        |one: &Contender| one.point.is_some_and(|at| at.curve != "parallel" || at.size <= 256 << 10);
    points.filter(asked_for).collect()
}

fn on_hoard() -> [Contender; 7] {
    [
        contender!("ours-read", Ours, "ours/hoarding.rs", ours::hoarding::read),
        contender!("ours-leased", Ours, "ours/hoarding.rs", ours::hoarding::leased).needs(Need::Leases),
        contender!("ours-leased-one-in-8", Ours, "ours/hoarding.rs", ours::hoarding::leased_some)
            .needs(Need::Leases),
        contender!("ours-guarded", Ours, "ours/hoarding.rs", ours::hoarding::guarded),
        contender!("ours-guarded-one-in-8", Ours, "ours/hoarding.rs", ours::hoarding::guarded_some),
        contender!("rayon-memmap-memchr", Peer, "text.rs", text::rayon_lines),
        contender!("read-to-string", Baseline, "text.rs", text::read_to_string),
    ]
}

/// About 40 MB, and ten times that, or a hundred times in a full run.
fn constant_memory(mode: Mode, capacity: Capacity) -> Workload {
    let times = if mode == Mode::Full { 100 } else { 10 };
    let sizes = Sizes { smoke: 5_000, quick: 300_000, default: 3_000_000, full: 3_000_000 };
    let small = fitted(mode, Input::Stations, mode.of(sizes) * times, capacity) / times;
    let program = contender!("ours-small-input", Ours, "ours/stations.rs", ours::stations::parallel);
    Workload::new(SET, "constant-memory", MEMORY, small)
        .input(Input::Stations)
        .metric(Metric::PeakBytes)
        .rounds_max(3)
        .with([program.clone(), program.named("ours-large-input").times(times)])
}
