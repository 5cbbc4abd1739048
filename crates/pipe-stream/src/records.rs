//! The source of records: of a file, of standard input, of any reader.

use crate::backend::{Backend, Taken};
use crate::buffer::Pool;
use crate::chunk::Chunk;
use crate::compressed::{Compression, Decoded, Reads};
use crate::error::{StreamError, Subject};
use crate::framing::{Blocks, Framing, Newline};
#[cfg(feature = "mmap")]
use crate::mapped::{Mapped, Mapping, Otherwise};
use crate::opened::Opened;
use crate::parts::Parts;
use crate::settings::Settings;
use crate::stream::{Block, Reading, Stream};
use pipe_core::{BoxError, Event, Identity, Pipeline, Source, Start, Want, from_source};
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Stdin};
use std::path::Path;
use std::sync::Arc;

/// The lines of a file, of standard input, or of any reader: [`Records`] framed by line feeds.
pub type Lines<R> = Records<R, Newline>;

/// The pipeline over the lines of a file: `Lines::open(path)?.pipeline()`.
///
/// ```
/// use pipe_core::Inline;
/// use pipe_stream::lines;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("words");
/// # std::fs::write(&path, "one\ntwo\nthree\n")?;
/// let longest = lines(&path)?.map(|line| line.len()).fold(|| 0, |most, len| *most = len.max(*most), |most, part| *most = part.max(*most));
/// assert_eq!(longest.run_on(&Inline)?.value, 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`Lines::open`].
pub fn lines(
    path: impl AsRef<Path>,
) -> Result<Pipeline<Start<Lines<Opened>>, Identity, &'static [u8]>, StreamError> {
    Ok(Lines::open(path)?.pipeline())
}

/// The records of a file, of standard input, or of any reader, cut as a [`Framing`] says; lines unless one is given.
///
/// A line ends at a line feed, which is not part of it; the last one may lack it. Everything else is: a carriage return before the
/// line feed, NUL, bytes that are not UTF-8. An empty input has no lines. The position of a record is the offset of its first byte in the
/// input.
///
/// A file is read in parts by the workers that will lend their records, if it is a regular one and the framing can
/// [tell](Framing) where records start. Everything else is read from its front: each batch is what one `read` brought, up to the
/// last whole record in it, so lines written into a pipe are handed on as they come. A buffer grows only for a record that is longer than it.
///
/// ```
/// use pipe_core::Inline;
/// use pipe_stream::Lines;
///
/// let text: &[u8] = b"first\r\n\nlast";
/// let lines = Lines::from_reader(text).max_record(1 << 20).pipeline().map(<[u8]>::to_vec).collect().run_on(&Inline)?;
/// assert_eq!(lines.value, [&b"first\r"[..], b"", b"last"]);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
pub struct Records<R, F = Newline> {
    stream: Stream<R>,
    framing: F,
    settings: Settings,
    /// Why the backend that was set is not the one that is used, once that is known.
    why: Option<String>,
    /// That is in the report already.
    told: bool,
    /// How a file that was opened by its path can be read in parts.
    seekable: fn(&R) -> Option<(Arc<File>, u64)>,
    /// Made at the first pull, when the settings are known.
    way: Option<Way>,
}

/// How records are read.
enum Way {
    /// From the front.
    Stream(Arc<Pool>),
    /// In parts; the next one starts here.
    Parts(Arc<Parts>, u64),
    /// No more: records of another framing were pulled before.
    Refused,
}

impl Lines<Opened> {
    /// The lines of a file. Anything that can be opened and read will do, also a FIFO (then this waits for who writes) and files without
    /// a length such as `/proc/cpuinfo`.
    ///
    /// A file that grows meanwhile is read up to its new end. One that is cut shorter meanwhile ends the run with
    /// [`StreamErrorKind::Truncated`](crate::StreamErrorKind::Truncated).
    ///
    /// A file that begins as gzip or zstd does is [decoded](Decoded), unless [`compression`](Records::compression) says otherwise. Positions
    /// are then those in what was compressed; the offset of an error that the decoder found is that in the file.
    ///
    /// # Errors
    /// The system's refusal to open it; a directory is refused too. In the run, for a compressed file:
    /// [`NeedsFeature`](crate::StreamErrorKind::NeedsFeature), [`Incomplete`](crate::StreamErrorKind::Incomplete),
    /// [`Undecodable`](crate::StreamErrorKind::Undecodable).
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StreamError> {
        let (opened, subject) = Opened::open(path.as_ref())?;
        Ok(Records {
            seekable: Opened::seekable,
            ..Records::new(Stream::new(opened, subject, Opened::lengths))
        })
    }
}

impl<F: Framing> Records<Opened, F> {
    /// What is done if the file is compressed; [`Compression::Detected`] unless set.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.stream.reader_mut().set(compression);
        self
    }
}

impl<R: Read + Send + 'static> Lines<Decoded<R>> {
    /// The lines of a reader that may be compressed: decoded, if it begins as gzip or zstd does. `Lines::decoded(io::stdin())` takes what
    /// a pipe brings.
    ///
    /// The decoder runs beside who reads its lines. It waits for bytes only after what it has was handed on.
    pub fn decoded(reader: R) -> Self {
        let subject = Subject::Named("the input");
        let decoded = Decoded::new(reader, Reads::MayWait, subject.clone());
        Records::new(Stream::new(decoded, subject, |_| Ok(None)))
    }
}

impl Lines<Stdin> {
    /// The lines of standard input. If that is not open for reading, it is an error of the run: the standard library's `Stdin` would say that
    /// it is empty. (One that was closed when the program started is `/dev/null` by now, and is empty.)
    pub fn stdin() -> Self {
        // Asked where a read says that it is at the end.
        let lengths = |stdin: &Stdin| is_readable(stdin).map(|()| None);
        Records::new(Stream::new(io::stdin(), Subject::Named("standard input"), lengths))
    }
}

/// A read of no bytes, past the standard library: it fails where others would.
#[cfg(unix)]
fn is_readable(stdin: &Stdin) -> io::Result<()> {
    use std::os::fd::AsFd;
    File::from(stdin.as_fd().try_clone_to_owned()?).read(&mut []).map(drop)
}

/// Elsewhere a program without standard input is a common thing, and its handle is not to be looked at.
#[cfg(not(unix))]
fn is_readable(_: &Stdin) -> io::Result<()> {
    Ok(())
}

impl<R: Read + Send> Lines<R> {
    /// The lines of a reader. It need not be buffered.
    pub fn from_reader(reader: R) -> Self {
        Records::new(Stream::new(reader, Subject::Named("the input"), |_| Ok(None)))
    }

    fn new(stream: Stream<R>) -> Self {
        let framing = Newline::default();
        Records {
            stream,
            framing,
            settings: Settings::default(),
            why: None,
            told: false,
            seekable: |_| None,
            way: None,
        }
    }
}

impl<R: Read + Send, F: Framing> Records<R, F> {
    /// The same, set as others are.
    pub(crate) fn set(self, settings: Settings) -> Self {
        Records { settings, ..self }
    }

    /// The same input, cut into other records. After a pull it is an error of the next one: where the others would begin is not known.
    pub fn framed<G: Framing>(self, framing: G) -> Records<R, G> {
        let Records { stream, settings, why, told, seekable, way, .. } = self;
        let way = way.map(|_| Way::Refused);
        Records { stream, framing, settings, why, told, seekable, way }
    }

    /// All whole records of a batch at once, as bytes: see [`Blocks`].
    pub fn blocks(self) -> Records<R, Blocks<F>> {
        let framing = Blocks::of(self.framing.clone());
        self.framed(framing)
    }

    /// The most bytes that a record may have, a line without its line feed; 64 MiB unless set. A longer one ends the run with
    /// [`StreamErrorKind::RecordTooLong`](crate::StreamErrorKind::RecordTooLong), and little more than this was read of it. Zero is an
    /// error of the run, before anything is read.
    pub fn max_record(mut self, bytes: usize) -> Self {
        self.settings.max_record = bytes;
        self
    }

    /// How many bytes one read asks for at most; 256 KiB unless set. Executors may ask for less. Zero is an error of the run, before
    /// anything is read.
    pub fn buffer(mut self, bytes: usize) -> Self {
        self.settings.buffer = bytes;
        self
    }

    /// The pipeline that starts with these records.
    pub fn pipeline(self) -> Pipeline<Start<Self>, Identity, F::Record> {
        from_source(self)
    }

    /// How the bytes of a file come into memory; [`Backend::Auto`] unless set.
    ///
    /// Parts are mapped: so a file is read from its front, whatever was set, if its framing cannot [tell](Framing) where records start.
    pub fn backend(mut self, backend: Backend) -> Self {
        self.settings.backend = backend;
        self
    }

    /// The backend that is used, which is known from the first [`pull`](Source::pull) on. A run tells it in its report.
    pub fn taken(&self) -> Option<Taken> {
        self.way.as_ref()?;
        let why = self.why_read().map(str::to_owned);
        let backend = match self.settings.backend {
            Backend::Auto | Backend::Buffered => Backend::Buffered,
            #[cfg(feature = "mmap")]
            Backend::Mapped(_) if why.is_some() => Backend::Buffered,
            #[cfg(feature = "mmap")]
            mapped @ Backend::Mapped(_) => mapped,
        };
        Some(Taken { backend, why })
    }

    fn choose(&mut self) -> Result<Way, StreamError> {
        let subject = self.stream.subject().clone();
        self.settings.check(&self.framing, &subject)?;
        let pool = Pool::new(self.settings.buffer);
        let Some(file) = (self.seekable)(self.stream.reader()) else {
            self.read_instead("it is empty, compressed, or not a regular file")?;
            return Ok(Way::Stream(pool));
        };
        if !self.framing.seeks() && self.framing.quote().is_none() {
            self.read_instead("its records can only be found from the front")?;
            return Ok(Way::Stream(pool));
        }
        let parts = self.choose_parts(file, subject, pool)?.find_begin(&self.framing)?;
        let begin = parts.begin();
        Ok(Way::Parts(parts, begin))
    }

    fn choose_parts(
        &mut self,
        (file, length): (Arc<File>, u64),
        subject: Subject,
        pool: Arc<Pool>,
    ) -> Result<Parts, StreamError> {
        let parts = Parts::new((file.clone(), length), subject, pool, self.settings.max_record);
        match self.settings.backend {
            #[cfg(feature = "mmap")]
            Backend::Mapped(mapping) => match Mapped::new(file, mapping) {
                Ok(mapped) => return Ok(parts.mapped(mapped)),
                Err(why) => self.read_instead(&why)?,
            },
            Backend::Auto | Backend::Buffered => drop(file),
        }
        Ok(parts)
    }

    /// If it was to be mapped: notes why it is not, or fails for that.
    fn read_instead(&mut self, why: &str) -> Result<(), StreamError> {
        match self.settings.backend {
            Backend::Auto | Backend::Buffered => {
                let _ = why;
            }
            #[cfg(feature = "mmap")]
            Backend::Mapped(Mapping { otherwise: Otherwise::Fail, .. }) => {
                return Err(StreamError::not_mapped(self.stream.subject(), why));
            }
            #[cfg(feature = "mmap")]
            Backend::Mapped(_) => self.why = Some(why.to_owned()),
        }
        Ok(())
    }

    /// Why it is read, if it was to be mapped.
    fn why_read(&self) -> Option<&str> {
        #[cfg(feature = "mmap")]
        if let Some(Way::Parts(parts, _)) = &self.way
            && let Some(why) = parts.why_read()
        {
            return Some(why);
        }
        self.why.as_deref()
    }

    /// Where the records end that were handed on: at the end of the input, once there are no more.
    pub(crate) fn end(&self) -> u64 {
        match &self.way {
            Some(Way::Parts(_, next)) => *next,
            Some(Way::Stream(_) | Way::Refused) | None => self.stream.offset(),
        }
    }

    pub(crate) fn next_chunk(&mut self, want: Want) -> Result<Option<Chunk<F>>, StreamError> {
        // Decided once, at the first pull; after an error nobody pulls again.
        let mut way = match self.way.take() {
            Some(way) => way,
            None => self.choose()?,
        };
        let chunk = match &mut way {
            Way::Stream(pool) => self.next_block(pool, want),
            Way::Parts(parts, next) => self.next_part(parts, next, want),
            Way::Refused => Err(StreamError::setting(
                self.stream.subject(),
                "framed",
                1,
                "records of another framing were pulled before",
            )),
        };
        self.way = Some(way);
        chunk
    }

    fn next_block(&mut self, pool: &Arc<Pool>, want: Want) -> Result<Option<Chunk<F>>, StreamError> {
        let reading = Reading { pool, buffer: self.settings.buffer, max_record: self.settings.max_record };
        let Some(block) = self.stream.next(&self.framing, want.bytes, &reading)? else { return Ok(None) };
        let Block { storage, window, offset, bytes } = block;
        Ok(Some(Chunk::new(self.framing.clone(), Arc::new(storage), window, offset, bytes)))
    }

    fn next_part(
        &self,
        parts: &Arc<Parts>,
        next: &mut u64,
        want: Want,
    ) -> Result<Option<Chunk<F>>, StreamError> {
        // A part is no longer than a record may be, and has room for what belongs to one.
        let bytes = self
            .settings
            .buffer
            .min(want.bytes)
            .clamp(1, self.settings.max_record)
            .max(self.framing.margin());
        let Some(part) = parts.part(*next, bytes)? else { return Ok(None) };
        *next += part.len() as u64;
        Ok(Some(Chunk::unread(self.framing.clone(), part)))
    }
}

impl<R: Read, F> fmt::Debug for Records<R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records")
            .field("of", self.stream.subject())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl<R: Read + Send, F: Framing> Source for Records<R, F> {
    type Item = F::Record;
    type Batch = Chunk<F>;

    fn pull(&mut self, want: Want) -> Result<Option<Chunk<F>>, BoxError> {
        Ok(self.next_chunk(want)?)
    }

    fn take_events(&mut self) -> Vec<Event> {
        let Some(why) = self.why_read().filter(|_| !self.told) else { return Vec::new() };
        let (wanted, got) = (self.settings.backend.to_string(), Backend::Buffered.to_string());
        let event = Event::Fallback { wanted, got, why: format!("{}: {why}", self.stream.subject()) };
        self.told = true;
        vec![event]
    }
}
