//! How many bytes an item keeps alive.

use std::any::{Any, TypeId};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

/// The bytes of a value, with what it owns elsewhere. Memory limits count these.
///
/// Strings, byte vectors and vectors of numbers are weighed wherever they cross an edge; so are an `Option`, a vector, a pair, a map or a set of
/// strings or byte vectors, and pairs and maps of one of these with a number. For a type of yours implement this, and say
/// [`Pipeline::weighed`](crate::Pipeline::weighed) once; a type that is not weighed counts as its `size_of`.
///
/// ```
/// use pipe_core::Weigh;
///
/// struct Page { url: String, body: Vec<u8> }
/// impl Weigh for Page {
///     fn heap(&self) -> usize {
///         self.url.heap() + self.body.heap()
///     }
/// }
/// let page = Page { url: "a/b".into(), body: Vec::with_capacity(1_000) };
/// assert_eq!(page.weight(), size_of::<Page>() + 3 + 1_000);
/// ```
pub trait Weigh {
    /// The bytes that it owns outside of itself: its part of the heap.
    fn heap(&self) -> usize;

    /// All of it.
    fn weight(&self) -> usize
    where
        Self: Sized,
    {
        size_of::<Self>() + self.heap()
    }
}

macro_rules! weightless {
    ($($t:ty),+) => { $( impl Weigh for $t { fn heap(&self) -> usize { 0 } } )+ };
}
// For example: impl Weigh for u8 { fn heap(&self) -> usize { 0 } }
weightless!((), bool, char, u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64);

impl<T: ?Sized> Weigh for &T {
    fn heap(&self) -> usize {
        0
    }
}

impl Weigh for String {
    fn heap(&self) -> usize {
        self.capacity()
    }
}

impl Weigh for str {
    fn heap(&self) -> usize {
        0
    }
}

/// The elements are asked one by one, unless they can own nothing.
impl<T: Weigh> Weigh for [T] {
    fn heap(&self) -> usize {
        if std::mem::needs_drop::<T>() { self.iter().map(Weigh::heap).sum() } else { 0 }
    }
}

impl<T: Weigh> Weigh for Vec<T> {
    fn heap(&self) -> usize {
        self.capacity() * size_of::<T>() + self.as_slice().heap()
    }
}

impl<T: Weigh> Weigh for VecDeque<T> {
    fn heap(&self) -> usize {
        let (front, back) = self.as_slices();
        self.capacity() * size_of::<T>() + front.heap() + back.heap()
    }
}

impl<T: Weigh + ?Sized> Weigh for Box<T> {
    fn heap(&self) -> usize {
        size_of_val::<T>(self) + (**self).heap()
    }
}

/// Counted in full by each owner: what is shared is not known here.
impl<T: Weigh + ?Sized> Weigh for Arc<T> {
    fn heap(&self) -> usize {
        size_of_val::<T>(self) + (**self).heap()
    }
}

/// As for `Arc`.
impl<T: Weigh + ?Sized> Weigh for Rc<T> {
    fn heap(&self) -> usize {
        size_of_val::<T>(self) + (**self).heap()
    }
}

impl<T: Weigh> Weigh for Option<T> {
    fn heap(&self) -> usize {
        self.as_ref().map_or(0, Weigh::heap)
    }
}

impl<T: Weigh, E: Weigh> Weigh for Result<T, E> {
    fn heap(&self) -> usize {
        self.as_ref().map_or_else(Weigh::heap, Weigh::heap)
    }
}

impl<T: Weigh + ToOwned<Owned: Weigh> + ?Sized> Weigh for Cow<'_, T> {
    fn heap(&self) -> usize {
        match self {
            Cow::Borrowed(_) => 0,
            Cow::Owned(owned) => owned.heap(),
        }
    }
}

impl<T: Weigh, const N: usize> Weigh for [T; N] {
    fn heap(&self) -> usize {
        self.as_slice().heap()
    }
}

/// The table, and what its keys and values own.
impl<K: Weigh, V: Weigh, S> Weigh for HashMap<K, V, S> {
    fn heap(&self) -> usize {
        // One byte of control for each place (hashbrown).
        let table = self.capacity() * (size_of::<(K, V)>() + 1);
        let owns = std::mem::needs_drop::<(K, V)>();
        table + if owns { self.iter().map(|(key, value)| key.heap() + value.heap()).sum() } else { 0 }
    }
}

impl<K: Weigh, S> Weigh for HashSet<K, S> {
    fn heap(&self) -> usize {
        let owns = std::mem::needs_drop::<K>();
        self.capacity() * (size_of::<K>() + 1) + if owns { self.iter().map(Weigh::heap).sum() } else { 0 }
    }
}

/// Its nodes are taken to be two thirds full.
impl<K: Weigh, V: Weigh> Weigh for BTreeMap<K, V> {
    fn heap(&self) -> usize {
        let owns = std::mem::needs_drop::<(K, V)>();
        let nodes = self.len() * size_of::<(K, V)>() * 3 / 2;
        nodes + if owns { self.iter().map(|(key, value)| key.heap() + value.heap()).sum() } else { 0 }
    }
}

macro_rules! weigh_tuples {
    ($(($($t:ident $i:tt),+)),+ $(,)?) => { $(
        impl<$($t: Weigh),+> Weigh for ($($t,)+) {
            fn heap(&self) -> usize { 0 $(+ self.$i.heap())+ }
        }
    )+ };
}
// For example: impl<A: Weigh, B: Weigh> Weigh for (A, B) { fn heap(&self) -> usize { 0 + self.0.heap() + self.1.heap() } }
weigh_tuples!((A 0), (A 0, B 1), (A 0, B 1, C 2), (A 0, B 1, C 2, D 3), (A 0, B 1, C 2, D 3, E 4), (A 0, B 1, C 2, D 3, E 4, F 5));

/// How the heap of a `T` is weighed.
pub(crate) type Weigher<T> = fn(&T) -> usize;

/// What these own elsewhere, if that is known.
pub(crate) fn heap_of<'i, T: 'i>(
    weigher: Option<Weigher<T>>,
    items: impl IntoIterator<Item = &'i T>,
) -> usize {
    weigher.map_or(0, |weigher| items.into_iter().map(weigher).sum())
}

/// The weighers of a run, by type: those that the user named, and those of the types below.
#[derive(Default)]
pub(crate) struct Weighers {
    named: Vec<Box<dyn Any + Send + Sync>>,
}

impl Weighers {
    pub(crate) fn add<T: Weigh + 'static>(&mut self) {
        self.named.push(Box::new(T::heap as Weigher<T>));
    }

    /// `None`: a `T` is not weighed.
    pub(crate) fn get<T: 'static>(&self) -> Option<Weigher<T>> {
        let named = self.named.iter().find_map(|weigher| weigher.downcast_ref::<Weigher<T>>());
        named.copied().or_else(|| known(TypeId::of::<T>())?.downcast_ref::<Weigher<T>>().copied())
    }
}

/// The weigher of a common type that owns memory, so that nobody has to name it: a [`Weigher`] of the type with this id.
///
/// Vectors of numbers, and text and bytes, however these are owned; and what is made of one of the latter in one step: see [`made_of`].
/// Deeper nesting is somebody's own data structure, and named by them. Asked once per worker; not generic, so that it is compiled once.
fn known(id: TypeId) -> Option<Box<dyn Any>> {
    macro_rules! first_of {
        ($look:ident: $($t:ty),+) => { None$(.or_else(|| $look::<$t>(id)))+ };
    }
    // For example: None.or_else(|| exactly::<Vec<u16>>(id)).or_else(|| exactly::<Vec<u32>>(id))
    let numbers: Option<_> = first_of!(
        exactly: Vec<u16>, Vec<u32>, Vec<u64>, Vec<u128>, Vec<usize>, Vec<i8>, Vec<i16>, Vec<i32>, Vec<i64>, Vec<i128>, Vec<isize>,
        Vec<f32>, Vec<f64>
    );
    numbers.or_else(|| first_of!(made_of: String, Box<str>, Arc<str>, Vec<u8>, Box<[u8]>, Arc<[u8]>))
}

/// `T` itself, some of them, and `T` with a number.
fn made_of<T: Weigh + 'static>(id: TypeId) -> Option<Box<dyn Any>> {
    exactly::<T>(id)
        .or_else(|| exactly::<Option<T>>(id))
        .or_else(|| exactly::<Vec<T>>(id))
        .or_else(|| exactly::<(T, T)>(id))
        .or_else(|| exactly::<HashSet<T>>(id))
        .or_else(|| exactly::<HashMap<T, T>>(id))
        .or_else(|| exactly::<BTreeMap<T, T>>(id))
        .or_else(|| with_number::<T, u32>(id))
        .or_else(|| with_number::<T, u64>(id))
        .or_else(|| with_number::<T, usize>(id))
        .or_else(|| with_number::<T, i32>(id))
        .or_else(|| with_number::<T, i64>(id))
        .or_else(|| with_number::<T, f64>(id))
}

fn with_number<T: Weigh + 'static, N: Weigh + 'static>(id: TypeId) -> Option<Box<dyn Any>> {
    exactly::<(T, N)>(id)
        .or_else(|| exactly::<(N, T)>(id))
        .or_else(|| exactly::<HashMap<T, N>>(id))
        .or_else(|| exactly::<BTreeMap<T, N>>(id))
}

fn exactly<T: Weigh + 'static>(id: TypeId) -> Option<Box<dyn Any>> {
    (id == TypeId::of::<T>()).then(|| Box::new(T::heap as Weigher<T>) as Box<dyn Any>)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_owned_elsewhere_is_counted() {
        let text = |n: usize| "x".repeat(n);
        assert_eq!(text(10).weight(), size_of::<String>() + 10);
        assert_eq!(vec![1u64; 5].weight(), size_of::<Vec<u64>>() + 40);
        assert_eq!(vec![text(1), text(2)].heap(), 2 * size_of::<String>() + 3);
        assert_eq!((text(3), 7u64).heap(), 3);
        assert_eq!(Some(text(4).into_boxed_str()).heap(), 4);
        assert_eq!((Cow::Borrowed("abc"), "abc").heap(), 0);
        assert_eq!([Box::new(1u32), Box::new(2)].heap(), 8);
        let map: HashMap<String, u64> = [(text(100), 1)].into();
        assert!(map.heap() > 100 + size_of::<(String, u64)>());
    }

    #[test]
    fn common_types_are_known_and_others_can_be_named() {
        struct Mine(Vec<u8>);
        impl Weigh for Mine {
            fn heap(&self) -> usize {
                self.0.heap()
            }
        }
        let mut weighers = Weighers::default();
        let heap = weighers.get::<String>().expect("a string is known");
        assert_eq!(heap(&"12345".to_owned()), 5);
        let heap = weighers.get::<(i32, Option<Vec<u8>>)>();
        assert!(heap.is_none(), "two steps are one too many");
        assert_eq!(weighers.get::<(Vec<u8>, i32)>().map(|heap| heap(&(vec![0; 7], 1))), Some(7));
        assert_eq!(weighers.get::<Vec<Box<str>>>().map(|heap| heap(&vec!["abc".into()])), Some(16 + 3));
        assert!(weighers.get::<u64>().is_none());
        assert!(weighers.get::<Mine>().is_none());
        weighers.add::<Mine>();
        assert_eq!(weighers.get::<Mine>().map(|heap| heap(&Mine(vec![0; 9]))), Some(9));
    }
}
