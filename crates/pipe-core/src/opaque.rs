//! `Debug` for what is made of closures: a derive would ask that they have it.

/// `opaque!([F, T: Number] Step[F, T])` implements `Debug` for `Step<F, T>`, which shows its name.
macro_rules! opaque {
    ([$($parameter:tt)*] $name:ident[$($argument:tt)*]) => {
        impl<$($parameter)*> std::fmt::Debug for $name<$($argument)*> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}

pub(crate) use opaque;
