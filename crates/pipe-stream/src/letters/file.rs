//! Dead letters into a file.

use crate::error::{StreamError, Subject};
use crate::letters::record;
use crate::sink::Held;
use pipe_core::{BoxError, DeadLetter, DeadLetters};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Appends dead letters to a file, one JSON object a line (NDJSON): stage, position, error and its causes, attempts, and the record
/// itself. [`Replay`](crate::Replay) reads them back.
///
/// What is in the file already stays, so that the letters of an earlier run are not lost; delete it when they are done with. The lines
/// are there when the run has ended, well or not. They stand in the order of their failures, which with several workers is not that of
/// the input.
///
/// A process that was killed may have left a line without its end. The next letter does not go on in it: such a line is ended first, and kept,
/// since it may hold a whole letter or a part of a record that is nowhere else. [`torn`](Self::torn) tells it. `Replay` gives the letters before
/// it, and then names it in its error, unless the letter is whole.
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
    torn: Option<u64>,
}

impl DeadLetterFile {
    /// Letters into the file `path`, behind what is in it; it need not exist, its folder must.
    ///
    /// # Errors
    /// The system's refusal to open it; if it is a file with something in it, to read its last byte.
    pub fn append(path: impl AsRef<Path>) -> Result<Self, StreamError> {
        let path = path.as_ref();
        let subject = Subject::Path(path.to_owned());
        let failed = |operation| {
            let subject = subject.clone();
            move |error| StreamError::io(operation, &subject, None, error)
        };
        let file = OpenOptions::new().append(true).create(true).open(path).map_err(failed("open"))?;
        let torn = ends_torn(path, &file).map_err(failed("read"))?;
        let mut held = Held::new(file, subject);
        if torn.is_some() {
            held.bytes(b"\n")?;
        }
        Ok(DeadLetterFile { held: Some(held), torn })
    }

    /// How many bytes the file had when it was opened, if its last line had no end. The first new letter stands behind that and a line feed.
    pub fn torn(&self) -> Option<u64> {
        self.torn
    }
}

/// The length of a file that does not end with a line. What is no regular file has no end to look at.
fn ends_torn(path: &Path, file: &File) -> io::Result<Option<u64>> {
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() == 0 {
        return Ok(None);
    }
    let (mut reader, mut last) = (File::open(path)?, [0]);
    let before = reader.seek(SeekFrom::End(-1))?;
    reader.read_exact(&mut last)?;
    Ok((last != *b"\n").then_some(before + 1))
}

impl fmt::Debug for DeadLetterFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetterFile")
            .field("of", &self.held.as_ref().map(Held::subject))
            .field("torn", &self.torn)
            .finish_non_exhaustive()
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
