//! Pieces of a file with what tokio has for it: its own files, and functions that block, a task for each read that may be in flight.

use crate::contender::Job;
use crate::contenders::tokio::crew;
use crate::measure::{BoxError, Outcome};
use crate::tasks::operations::{during, together};
use crate::tasks::pieces::{PIECE, Pieces, number, place};
use std::fs::File;
use std::io::{self, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::task::spawn_blocking;

fn read_at(file: &File, n: u64) -> io::Result<u64> {
    let mut piece = vec![0; PIECE];
    file.read_exact_at(&mut piece, place(n))?;
    Ok(number(&piece))
}

async fn seek_and_read(file: &mut tokio::fs::File, n: u64) -> io::Result<u64> {
    let mut piece = vec![0; PIECE];
    file.seek(SeekFrom::Start(place(n))).await?;
    file.read_exact(&mut piece).await?;
    Ok(number(&piece))
}

pub(crate) fn blocking_kept(job: &Job) -> Result<Outcome, BoxError> {
    let pieces = Pieces::write()?;
    let file = Arc::new(File::open(&pieces.path)?);
    together(job, || {
        let share = || std::future::ready(file.clone());
        crew(job, share, |file: Arc<File>, n| {
            during(async move {
                let shared = file.clone();
                let read = spawn_blocking(move || read_at(&shared, n)).await;
                (file, read.expect("no read panics").expect("it is there"))
            })
        })
    })
}

pub(crate) fn blocking_opened(job: &Job) -> Result<Outcome, BoxError> {
    let pieces = Pieces::write()?;
    let path: Arc<PathBuf> = Arc::new(pieces.path.clone());
    together(job, || {
        let share = || std::future::ready(path.clone());
        crew(job, share, |path: Arc<PathBuf>, n| {
            during(async move {
                let shared = path.clone();
                let read = spawn_blocking(move || read_at(&File::open(&*shared)?, n)).await;
                (path, read.expect("no read panics").expect("it is there"))
            })
        })
    })
}

/// A file has one position, so each task has a file.
pub(crate) fn files_kept(job: &Job) -> Result<Outcome, BoxError> {
    let pieces = Pieces::write()?;
    together(job, || {
        let open = || {
            let path = pieces.path.clone();
            async move { tokio::fs::File::open(path).await.expect("it is there") }
        };
        crew(job, open, |mut file, n| {
            during(async move {
                let number = seek_and_read(&mut file, n).await.expect("it is there");
                (file, number)
            })
        })
    })
}

pub(crate) fn files_opened(job: &Job) -> Result<Outcome, BoxError> {
    let pieces = Pieces::write()?;
    let path: Arc<PathBuf> = Arc::new(pieces.path.clone());
    together(job, || {
        let share = || std::future::ready(path.clone());
        crew(job, share, |path: Arc<PathBuf>, n| {
            during(async move {
                let mut file = tokio::fs::File::open(&*path).await.expect("it is there");
                let number = seek_and_read(&mut file, n).await.expect("it is there");
                (path, number)
            })
        })
    })
}
