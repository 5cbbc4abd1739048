//! On processors other than x86-64.

use super::WindowSums;
use crate::element::Element;
use pulp::Arch;

pub(super) fn window_sums<T: Element>(arch: Arch, sums: WindowSums<'_, T>) {
    arch.dispatch(sums);
}
