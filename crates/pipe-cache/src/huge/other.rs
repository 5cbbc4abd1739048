//! Systems that are not asked.

use super::HugePages;
use crate::plain::CacheLine;
use std::mem::MaybeUninit;

pub(super) fn advise(_: &mut [MaybeUninit<CacheLine>]) -> HugePages {
    HugePages::Unavailable("only Linux is asked for them")
}

pub(super) fn resident(_: usize, _: usize) -> Option<usize> {
    None
}
