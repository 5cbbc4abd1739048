//! What flows between two steps: owned items, or rows that borrow from the batch that holds them.
//!
//! A closure is checked against `I::Of<'a>` for every `'a`, and that is all a *family* is for. If you only map owned values
//! you never meet one; if you write a parser that returns a borrowed row, you write `rows!(Row)` once.

use crate::opaque::opaque;
use std::marker::PhantomData;

/// A family of items, named by its `'static` form: `Hit<'static>` stands for `Hit<'a>` at every `'a`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no item of a pipeline: a borrowed row has to be named with `rows!(..)`",
    label = "rows of this type are not known to pipelines",
    note = "write `pipe_core::rows!(Row);` once, beside the struct; owned values need nothing and come from `map` or `try_map`"
)]
pub trait Item {
    /// The item, as it is lent for `'a`.
    type Of<'a>;
}

/// Owned items of type `T`.
pub struct Own<T>(PhantomData<fn() -> T>);

opaque!([T] Own[T]);

impl<T> Item for Own<T> {
    type Of<'a> = T;
}

impl<T: 'static> Item for &'static [T] {
    type Of<'a> = &'a [T];
}

impl Item for &'static str {
    type Of<'a> = &'a str;
}

/// Makes structs with one lifetime usable as borrowed rows.
///
/// ```
/// struct Hit<'a> { path: &'a str, status: u16 }
/// pipe_core::rows!(Hit);
/// // expands to: impl Item for Hit<'static> { type Of<'a> = Hit<'a>; }
/// # let hit = Hit { path: "/", status: 200 };
/// # assert_eq!((hit.path, hit.status), ("/", 200));
/// ```
#[macro_export]
macro_rules! rows {
    ($($row:ident),+ $(,)?) => {
        $( impl $crate::Item for $row<'static> { type Of<'a> = $row<'a>; } )+
    };
}

/// Items that may leave their segment: owned and `Send`.
///
/// Borrowed rows may not: their batch stays behind. Own them first (`.map(|row| row.name.to_owned())`), or end with `.fold(..)`,
/// which takes rows.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot go on from here: owned items are needed, and it borrows from the batch that it was read in",
    label = "a sink, an edge or a stage that needs the order takes items that are owned and `Send`",
    note = "own it first, for example `.map(|row| row.to_owned())`, or end with `.fold(..)`, which takes borrowed rows",
    note = "to leave out or keep the first rows of a source, `.skip_rows(n)` and `.take_rows(n)` right behind it take borrowed rows too"
)]
pub trait Owned: Item {
    /// The item itself.
    type T: Send + 'static;
}

impl<T: Send + 'static> Owned for Own<T> {
    type T = T;
}

/// Says that `Self` and `J` are the same family; implemented for all types.
///
/// It is there for the sake of error messages. A method bound by `I: Owned` does not exist for other families, and the compiler then only
/// lists bounds. One bound by `J: Owned, I: Same<J>` always exists, and the compiler prints the message of [`Owned`].
pub trait Same<J> {}

impl<I> Same<I> for I {}

/// A function from items of `I` to rows of `O`, or an error.
///
/// A helper for [`Pipeline::parse`](crate::Pipeline::parse). The lifetime is a parameter because the bound written out,
/// `for<'a> Fn(I::Of<'a>) -> Result<O::Of<'a>, E>`, is refused by the compiler (E0582).
#[diagnostic::on_unimplemented(
    message = "this parser does not return a row borrowed from its input",
    note = "a parser is a named `fn(In<'_>) -> Result<Row<'_>, E>`; for owned results use `.try_map(..)`"
)]
pub trait Parser<'a, I: Item, O: Item, E> {}

impl<'a, I: Item, O: Item, E, F: Fn(I::Of<'a>) -> Result<O::Of<'a>, E>> Parser<'a, I, O, E> for F {}
