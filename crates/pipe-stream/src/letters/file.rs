//! Dead letters into a file.

use crate::error::{StreamError, Subject};
use crate::letters::record;
use crate::sink::Held;
use pipe_core::{BoxError, DeadLetter, DeadLetters};
use std::fs::{File, OpenOptions};
use std::path::Path;

/// Appends dead letters to a file, one JSON object a line (NDJSON): stage, position, error and its causes, attempts, and the record
/// itself. [`Replay`](crate::Replay) reads them back.
///
/// What is in the file already stays, so that the letters of an earlier run are not lost; delete it when they are done with. The lines
/// are there when the run has ended, well or not. They stand in the order of their failures, which with several workers is not that of
/// the input.
///
/// ```
/// use pipe_core::{Inline, dead_letters, from_source};
/// use pipe_stream::{DeadLetterFile, Replay, Text};
///
/// fn number(line: &[u8]) -> Result<i64, Box<dyn std::error::Error + Send + Sync>> {
///     Ok(str::from_utf8(line)?.trim().parse()?)
/// }
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("bad.ndjson");
/// let policy = dead_letters(DeadLetterFile::append(&path)?).abort_above(0.5);
/// let good = Text::new(b"1\ntwo\n3\n".to_vec()).pipeline().try_map(number).named("number").on_error(policy).collect();
/// assert_eq!(good.run_on(&Inline)?.value, [1, 3]);
/// assert!(std::fs::read_to_string(&path)?.contains(r#""record":"two""#));
///
/// // Mend the stage, and send what failed through the same definition.
/// let mended = |line: &[u8]| if line == b"two" { Ok(2) } else { number(line) };
/// let rest = from_source(Replay::open(&path)?).try_map(mended).collect().run_on(&Inline)?;
/// assert_eq!(rest.value, [2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct DeadLetterFile {
    /// `None` after the end.
    held: Option<Held<File>>,
}

impl DeadLetterFile {
    /// Letters into the file `path`, behind what is in it; it need not exist, its folder must.
    ///
    /// # Errors
    /// The system's refusal to open it.
    pub fn append(path: impl AsRef<Path>) -> Result<Self, StreamError> {
        let subject = Subject::Path(path.as_ref().to_owned());
        let file = OpenOptions::new().append(true).create(true).open(path.as_ref());
        let file = file.map_err(|error| StreamError::io("open", &subject, None, error))?;
        Ok(DeadLetterFile { held: Some(Held::new(file, subject)) })
    }
}

impl DeadLetters for DeadLetterFile {
    fn write(&mut self, letter: &DeadLetter<'_>) -> Result<(), BoxError> {
        match &mut self.held {
            Some(held) => Ok(held.line(record::to_line(letter).as_bytes())?),
            None => Err("the file of dead letters was closed at the end of an earlier run".into()),
        }
    }

    fn finish(&mut self) -> Result<(), BoxError> {
        self.held.take().map_or(Ok(()), |held| Ok(held.finish().map(drop)?))
    }
}

/// A run whose future is dropped does not come to its end: what it wrote down is kept all the same.
impl Drop for DeadLetterFile {
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            // Nobody is left to be told.
            let _ = held.finish();
        }
    }
}
