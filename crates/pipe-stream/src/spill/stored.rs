//! Values that can lie in a file for a while.

/// A value that can be put into bytes and made of them again: for temporary files, so nobody else reads the bytes.
///
/// ```
/// use pipe_stream::Stored;
///
/// #[derive(Debug, PartialEq)]
/// struct Mean { sum: f64, count: u64 }
///
/// impl Stored for Mean {
///     fn store(&self, to: &mut Vec<u8>) {
///         (self.sum, self.count).store(to);
///     }
///     fn load(from: &mut &[u8]) -> Option<Self> {
///         let (sum, count) = Stored::load(from)?;
///         Some(Mean { sum, count })
///     }
/// }
///
/// let mut bytes = Vec::new();
/// Mean { sum: 1.5, count: 2 }.store(&mut bytes);
/// assert_eq!(Mean::load(&mut &bytes[..]), Some(Mean { sum: 1.5, count: 2 }));
/// ```
pub trait Stored: Sized {
    /// Appends it to `to`.
    fn store(&self, to: &mut Vec<u8>);

    /// Takes from the front of `from` what [`store`](Stored::store) has put there. `None`: these are other bytes.
    fn load(from: &mut &[u8]) -> Option<Self>;
}

macro_rules! stored_numbers {
    ($($t:ty),+) => { $( impl Stored for $t {
        fn store(&self, to: &mut Vec<u8>) {
            to.extend_from_slice(&self.to_le_bytes());
        }
        fn load(from: &mut &[u8]) -> Option<Self> {
            from.split_off(..size_of::<$t>())?.try_into().ok().map(<$t>::from_le_bytes)
        }
    } )+ };
}
// For example: impl Stored for u8 { fn store(..) { to.extend_from_slice(&self.to_le_bytes()) } .. }
stored_numbers!(u8, u16, u32, u64, u128, i8, i16, i32, i64, i128, f32, f64);

impl Stored for usize {
    fn store(&self, to: &mut Vec<u8>) {
        (*self as u64).store(to);
    }

    fn load(from: &mut &[u8]) -> Option<Self> {
        u64::load(from)?.try_into().ok()
    }
}

impl Stored for () {
    fn store(&self, _: &mut Vec<u8>) {}

    fn load(_: &mut &[u8]) -> Option<Self> {
        Some(())
    }
}

impl Stored for bool {
    fn store(&self, to: &mut Vec<u8>) {
        to.push(u8::from(*self));
    }

    fn load(from: &mut &[u8]) -> Option<Self> {
        match from.split_off_first()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Stored for String {
    fn store(&self, to: &mut Vec<u8>) {
        self.len().store(to);
        to.extend_from_slice(self.as_bytes());
    }

    fn load(from: &mut &[u8]) -> Option<Self> {
        let len = usize::load(from)?;
        String::from_utf8(from.split_off(..len)?.to_vec()).ok()
    }
}

impl<T: Stored> Stored for Option<T> {
    fn store(&self, to: &mut Vec<u8>) {
        self.is_some().store(to);
        self.iter().for_each(|value| value.store(to));
    }

    fn load(from: &mut &[u8]) -> Option<Self> {
        if bool::load(from)? { T::load(from).map(Some) } else { Some(None) }
    }
}

impl<T: Stored> Stored for Vec<T> {
    fn store(&self, to: &mut Vec<u8>) {
        self.len().store(to);
        self.iter().for_each(|value| value.store(to));
    }

    fn load(from: &mut &[u8]) -> Option<Self> {
        let len = usize::load(from)?;
        (0..len).map(|_| T::load(from)).collect()
    }
}

macro_rules! stored_tuples {
    ($(($($t:ident $i:tt),+)),+ $(,)?) => { $(
        impl<$($t: Stored),+> Stored for ($($t,)+) {
            fn store(&self, to: &mut Vec<u8>) { $(self.$i.store(to);)+ }
            fn load(from: &mut &[u8]) -> Option<Self> { Some(($($t::load(from)?,)+)) }
        }
    )+ };
}
// For example: impl<A: Stored> Stored for (A,) { fn load(from: ..) -> Option<Self> { Some((A::load(from)?,)) } .. }
stored_tuples!((A 0), (A 0, B 1), (A 0, B 1, C 2), (A 0, B 1, C 2, D 3), (A 0, B 1, C 2, D 3, E 4), (A 0, B 1, C 2, D 3, E 4, F 5));
