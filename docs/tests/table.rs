//! The table program: its columns against those of a loop.

use docs::table::{columns, normalised, write};
use pipe_cache::Tiled;
use pipe_core::{BlockingExecutor, Executor, Inline};
use pipe_parallel::Parallel;
use std::fs;
use std::path::Path;

fn table(path: &Path, rows: usize) -> Vec<[f64; 2]> {
    let row = |n: usize| [(n * 37 % 1_000) as f64 / 8.0, (n * n % 77) as f64 - 40.0];
    let rows: Vec<[f64; 2]> = (0..rows).map(row).collect();
    let mut text = String::from("a,name,b\n");
    for (at, [a, b]) in rows.iter().enumerate() {
        text += &format!("{a},\"row {at}, of some\",{b}\n");
    }
    fs::write(path, text).unwrap();
    rows
}

fn read<'p>(path: &Path, executor: &impl BlockingExecutor<'p>) -> Vec<Vec<f64>> {
    columns(pipe_stream::csv(path).unwrap(), &["b".into(), "a".into()], executor).unwrap().value
}

#[test]
fn columns_are_in_the_order_that_is_asked_for_and_rows_in_that_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.csv");
    for count in [0, 1, 20_000] {
        let rows = table(&path, count);
        let wanted: [Vec<f64>; 2] = [1, 0].map(|column| rows.iter().map(|row| row[column]).collect());
        assert_eq!(read(&path, &Inline), wanted);
        assert_eq!(read(&path, &Parallel::new().workers(3)), wanted);
    }
}

#[test]
fn a_normalised_column_has_a_mean_of_zero_and_a_deviation_of_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.csv");
    table(&path, 40_000);
    let numbers = read(&path, &Inline).swap_remove(0);
    let column = normalised("b", numbers.clone(), &Tiled::new()).unwrap();
    let count = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    let deviation = (numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt();
    for (ours, x) in column.numbers.iter().zip(&numbers) {
        assert!((ours - (x - mean) / deviation).abs() < 1e-9);
    }
    assert_eq!(column.range, Some((-40.0, 31.0)));
    assert_eq!(column.to_string(), format!("b\t40000\t{mean:.4}\t{deviation:.4}\t-40\t31\n"));
    let parallel = Parallel::new().workers(3).kernels(Tiled::new());
    assert_eq!(normalised("b", numbers.clone(), &Inline).unwrap(), column);
    assert_eq!(normalised("b", numbers, &parallel).unwrap(), column);
}

#[test]
fn equal_numbers_become_zeros_and_no_number_stays_none() {
    assert_eq!(normalised("a", vec![7.5; 9], &Inline).unwrap().numbers, [0.0; 9]);
    let none = normalised("a", Vec::new(), &Inline).unwrap();
    assert_eq!((none.to_string().as_str(), none.numbers.len()), ("a\t0\t0.0000\t0.0000\t\t\n", 0));
}

#[test]
fn rows_without_a_number_are_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (path, out) = (folder.path().join("in.csv"), folder.path().join("out.csv"));
    fs::write(&path, "a,b\n1,2\nn/a,3\n4\n,5\n3,6\n").unwrap();
    let report = columns(pipe_stream::csv(&path).unwrap(), &["a".into()], &Inline).unwrap();
    assert_eq!(
        (report.skipped(), report.value.as_slice()),
        (2, &[vec![1.0, 4.0, 3.0]][..]),
        "a short row has its `a`"
    );
    let unknown = columns(pipe_stream::csv(&path).unwrap(), &["c".into()], &Inline).unwrap_err().to_string();
    assert!(unknown.contains('c') && unknown.contains('a') && unknown.contains('b'), "{unknown}");
    let column = normalised("a, or so", vec![1.0, 3.0], &Inline).unwrap();
    write(&out, &[column], &Inline).unwrap();
    assert_eq!(fs::read_to_string(&out).unwrap(), "\"a, or so\"\n-1\n1\n");
}
