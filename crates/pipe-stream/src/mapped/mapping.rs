//! What keeps the bytes of a mapped file from changing under who reads them.

#![expect(unsafe_code, reason = "what makes a mapping that others can change is an unsafe function")]

/// How a file is mapped: who sees to it that its bytes stay what they are while records are lent out of them.
///
/// Bytes behind a `&[u8]` must not change, and a mapping shows at once what any process does to the file. So there is one safe way,
/// [`leased`](Mapping::leased), and two for who knows more about the file than the system does. Each maps 2 MiB at a time, and unmaps them
/// with the last chunk over them, but for the last two: what is lent is charged to the run as buffers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapping {
    pub(crate) safety: Safety,
    pub(crate) otherwise: Otherwise,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Safety {
    Leased,
    Guarded,
    Trusted,
}

/// What is done where a file cannot be mapped as was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Otherwise {
    Read,
    Fail,
}

impl Mapping {
    /// The system lets nobody write to the file while parts of it are mapped (Linux: a read lease, `F_SETLEASE`). A process that
    /// wants to waits some milliseconds: a thread of the source notices, puts copies in the place of what is mapped, and lets go of the file;
    /// the rest is read. So records that were lent stay what they are.
    ///
    /// Needs a file of this user (or `CAP_LEASE`) on ext4, XFS, Btrfs, F2FS or tmpfs that nobody has open for writing; otherwise the file is
    /// read.
    ///
    /// Two cases are left. A process may be stopped as a whole (`SIGSTOP`, Ctrl-Z), or have no memory for the copies, for longer than the
    /// system grants, 45 seconds unless `/proc/sys/fs/lease-break-time` says otherwise, while another one waits to write: the system then
    /// takes the lease away, and what is lent may change. And the disk may fail under a page that was in memory and was dropped from it
    /// since. Touching what is missing raises `SIGBUS` then. Where that matters, read.
    ///
    /// A process that opens the file for writing without waiting (`O_NONBLOCK`, as `truncate` does) is refused the first time.
    pub const fn leased() -> Self {
        Mapping { safety: Safety::Leased, otherwise: Otherwise::Read }
    }

    /// Any process may cut the file: a handler of `SIGBUS` puts zeros where bytes are missing, and the run ends with
    /// [`StreamErrorKind::Truncated`](crate::StreamErrorKind::Truncated) instead of a signal. Linux alone; elsewhere the file is read.
    ///
    /// The handler is installed once, stays, and hands on what does not concern it to the one that was there before. Nothing else may
    /// install one for `SIGBUS` while a source of this kind is read without handing on, too.
    ///
    /// # Safety
    /// Bytes of a record may then become zeros while it is lent, and are those of the file, should that be written to in place. Either
    /// nobody does so, or no code that is given a record relies on bytes that it has looked at staying what they were. `str::from_utf8`, for
    /// one, relies on it.
    pub const unsafe fn guarded() -> Self {
        Mapping { safety: Safety::Guarded, otherwise: Otherwise::Read }
    }

    /// Nobody changes the file: nothing is done about it.
    ///
    /// # Safety
    /// From the first batch until the last chunk is dropped, no process writes to the file or makes it shorter. If one does, records
    /// change while they are lent, or the process dies of `SIGBUS`.
    pub const unsafe fn trusted() -> Self {
        Mapping { safety: Safety::Trusted, otherwise: Otherwise::Read }
    }

    /// An error, where the file would be read instead. One that is there from the start ends the run before anything is lent.
    pub const fn strict(self) -> Self {
        Mapping { otherwise: Otherwise::Fail, ..self }
    }
}
