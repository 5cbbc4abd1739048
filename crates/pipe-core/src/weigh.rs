//! How many bytes an item keeps alive.

use std::any::{Any, TypeId};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

/// The bytes of a value, with what it owns elsewhere. Memory limits count these.
///
/// Strings, byte vectors and vectors of numbers are weighed wherever they cross an edge. For a type of yours implement this, and say
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
        named.copied().or_else(known)
    }
}

/// The common types that own memory, so that nobody has to name them.
fn known<T: 'static>() -> Option<Weigher<T>> {
    macro_rules! first_of {
        ($($k:ty),+) => { $( if TypeId::of::<T>() == TypeId::of::<$k>() { return cast::<$k, T>(); } )+ };
    }
    first_of!(
        String, Box<str>, Arc<str>, Vec<u8>, Box<[u8]>, Arc<[u8]>, Vec<u16>, Vec<u32>, Vec<u64>, Vec<usize>, Vec<i16>, Vec<i32>,
        Vec<i64>, Vec<f32>, Vec<f64>, Vec<String>, Vec<Vec<u8>>, Option<String>, Option<Vec<u8>>, (String, String), (String, u64),
        (String, u32), (String, i64), (String, f64), (u64, String), (Vec<u8>, Vec<u8>), (Vec<u8>, u64), (u64, Vec<u8>),
        HashMap<String, u64>, HashMap<Vec<u8>, u64>, BTreeMap<String, u64>
    );
    None
}

fn cast<K: Weigh + 'static, T: 'static>() -> Option<Weigher<T>> {
    let weigher: Box<dyn Any> = Box::new(K::heap as Weigher<K>);
    weigher.downcast::<Weigher<T>>().ok().map(|weigher| *weigher)
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
        assert!(weighers.get::<u64>().is_none());
        assert!(weighers.get::<Mine>().is_none());
        weighers.add::<Mine>();
        assert_eq!(weighers.get::<Mine>().map(|heap| heap(&Mine(vec![0; 9]))), Some(9));
    }
}
