//! Columns against rows: a table does what a vector of rows does.

use pipe_cache::{
    AlignedVec, Bit, Bitmap, Block, ColumnBlocks, ColumnError, Columns, NumberType, column_blocks,
};
use pipe_core::testing::Rng;
use pipe_core::{Batch, Flow, Inline, Source, Weigh};
use std::ops::Deref;
use std::sync::{Arc, Mutex};

type Row = (f32, Option<u16>);

fn table(rows: &[Row]) -> Columns {
    let mut columns = Columns::new()
        .with("x", rows.iter().map(|row| row.0).collect::<AlignedVec<f32>>())
        .unwrap()
        .with("n", rows.iter().map(|row| row.1.unwrap_or(999)).collect::<AlignedVec<u16>>())
        .unwrap();
    columns.set_validity("n", Bitmap::from_fn(rows.len(), |row| rows[row].1.is_some())).unwrap();
    columns
}

fn rows_of(columns: &Columns) -> Vec<Row> {
    let (x, n) = (columns.values::<f32>("x").unwrap(), columns.values::<u16>("n").unwrap());
    let valid = columns.validity("n").unwrap();
    let n = n.iter().enumerate().map(|(row, n)| valid.is_none_or(|valid| valid.get(row)).then_some(*n));
    x.iter().copied().zip(n).collect()
}

fn random_rows(rng: &mut Rng) -> Vec<Row> {
    let row = |rng: &mut Rng| (rng.below(9) as f32, (rng.below(4) > 0).then_some(rng.below(9) as u16));
    (0..rng.below(400)).map(|_| row(rng)).collect()
}

#[test]
fn filters_and_compaction_keep_the_rows_that_a_filter_of_rows_keeps() {
    let mut rng = Rng::new(1);
    for _ in 0..300 {
        let mut rows = random_rows(&mut rng);
        let mut columns = table(&rows);
        for _ in 0..rng.below(4) {
            let bound = rng.below(9);
            if rng.below(2) == 0 {
                columns.narrow("x", |x: f32| x >= bound as f32).unwrap();
                rows.retain(|row| row.0 >= bound as f32);
            } else {
                columns.narrow("n", |n: u16| u64::from(n) != bound).unwrap();
                rows.retain(|row| row.1.is_some_and(|n| u64::from(n) != bound));
            }
        }
        columns.compact();
        assert_eq!(rows_of(&columns), rows);
        assert_eq!((columns.rows(), columns.selection()), (rows.len(), None));
    }
}

#[test]
fn what_grows_is_zero_and_a_value_and_what_was_cut_does_not_come_back() {
    let mut columns = table(&[(1.0, None), (2.0, Some(3)), (4.0, Some(5))]);
    columns.resize(1);
    columns.resize(3);
    assert_eq!(rows_of(&columns), [(1.0, None), (0.0, Some(0)), (0.0, Some(0))]);
    let bytes = columns.heap();
    columns.clear();
    assert_eq!((columns.rows(), columns.validity("n").unwrap()), (0, None));
    columns.resize(3);
    columns.values_mut::<f32>("x").unwrap().copy_from_slice(&[7.0, 8.0, 9.0]);
    assert_eq!(rows_of(&columns), [(7.0, Some(0)), (8.0, Some(0)), (9.0, Some(0))]);
    assert!(columns.heap() <= bytes, "the memory is used again");
}

#[test]
fn the_first_column_says_how_long_the_table_is() {
    let mut columns = Columns::new();
    columns.resize(5);
    columns.select(vec![4].into()).unwrap();
    let columns = columns.with("x", AlignedVec::from(vec![1_u8, 2, 3])).unwrap();
    assert_eq!((columns.rows(), columns.selection()), (3, None));
}

#[test]
fn each_mistake_is_named() {
    let (wanted, found) = (NumberType::F64, NumberType::F32);
    let mut columns = table(&[(1.0, None), (2.0, Some(3))]);
    let column = || "x".to_owned();
    assert_eq!(columns.values::<f64>("x"), Err(ColumnError::OtherType { column: column(), wanted, found }));
    assert_eq!(columns.values::<f32>("y").unwrap_err().to_string(), "there is no column `y`, but x, n");
    let again = columns.clone().with("x", AlignedVec::<u8>::zeroed(2));
    assert_eq!(again, Err(ColumnError::Twice { column: column() }));
    let longer = columns.clone().with("z", AlignedVec::<u8>::zeroed(3)).unwrap_err();
    assert_eq!(longer.to_string(), "column `z` has 3 rows, the others have 2");
    let shorter = columns.set_validity("x", Bitmap::filled(1, Bit::Set)).unwrap_err();
    assert_eq!(shorter.to_string(), "column `x` has 1 rows, the others have 2");
    for (rows, row) in [(vec![0, 2], 2), (vec![1, 1], 1), (vec![1, 0], 0)] {
        assert_eq!(columns.select(rows.into()), Err(ColumnError::Selection { row, rows: 2 }));
    }
    assert_eq!(columns.select(vec![1].into()), Ok(()));
}

fn row_of_block(block: Block<'_>) -> Result<Vec<Row>, ColumnError> {
    let (x, n) = (block.values::<f32>("x")?, block.values::<u16>("n")?);
    let valid = block.validity("n")?;
    let is_valid = |row: usize| valid.is_none_or(|words| words[row / 64] >> (row % 64) & 1 == 1);
    let selected: Vec<usize> = match block.selection() {
        Some(rows) => rows.iter().map(|row| *row as usize - block.rows().start).collect(),
        None => (0..x.len()).collect(),
    };
    Ok(selected.into_iter().map(|row| (x[row], is_valid(row).then_some(n[row]))).collect())
}

#[test]
fn blocks_lend_all_wanted_rows_in_order_with_their_validity() {
    let mut rng = Rng::new(2);
    for round in 0..100 {
        let tables: Vec<Vec<Row>> = (0..rng.below(4)).map(|_| random_rows(&mut rng)).collect();
        let wants = |row: &Row| round % 2 == 0 || row.0 > 3.0;
        let oracle: Vec<Row> = tables.iter().flatten().copied().filter(wants).collect();
        let columns = tables.iter().map(|rows| {
            let mut columns = table(rows);
            if round % 2 == 1 {
                columns.narrow("x", |x: f32| x > 3.0).unwrap();
            }
            Box::new(columns)
        });
        let columns: Vec<Box<Columns>> = columns.collect();
        let size = 1 + rng.below(200) as usize;
        let lent = column_blocks(columns, size).try_map(row_of_block).collect().run_on(&Inline).unwrap();
        assert_eq!(lent.value.concat(), oracle, "in blocks of {size}");
    }
}

#[test]
fn a_block_of_no_rows_is_an_error_and_no_endless_run() {
    let error =
        column_blocks([Box::new(table(&[(1.0, None)]))], 0).try_map(row_of_block).collect().run_on(&Inline);
    assert_eq!(error.unwrap_err().to_string(), "source: a block of no rows: the table would never end");
}

/// The guard of a pool, as others write them.
struct Lent(Columns, Arc<Mutex<Vec<Columns>>>);

impl Deref for Lent {
    type Target = Columns;

    fn deref(&self) -> &Columns {
        &self.0
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.1.lock().unwrap().push(std::mem::take(&mut self.0));
    }
}

#[test]
fn a_table_goes_back_to_its_pool_when_its_last_part_is_dropped() {
    let pool = Arc::new(Mutex::new(Vec::new()));
    let rows: Vec<Row> = (0..500).map(|n| (n as f32, Some(n))).collect();
    let mut source = ColumnBlocks::new([Lent(table(&rows), pool.clone())], 64);
    let mut front = source.pull(pipe_core::Want::MOST).unwrap().unwrap();
    let whole = front.bytes();
    let mut back = front.split().unwrap();
    assert_eq!(front.bytes() + back.bytes(), whole);
    let mut seen = Vec::new();
    let mut note = |at: u64, block: Block<'_>| {
        assert_eq!(at as f32, block.values::<f32>("x").unwrap()[0]);
        seen.extend_from_slice(block.values::<f32>("x").unwrap());
        Flow::Continue(())
    };
    front.drive(usize::MAX, &mut note);
    assert!(front.bytes() > 0, "what was lent is still in memory");
    drop(front);
    assert!(pool.lock().unwrap().is_empty(), "the other half is still out");
    back.drive(usize::MAX, &mut note);
    assert_eq!(back.position(), 448);
    drop(back);
    assert_eq!(rows_of(&pool.lock().unwrap()[0]), rows);
    assert!(seen.iter().copied().eq((0..500).map(|n| n as f32)));
}
