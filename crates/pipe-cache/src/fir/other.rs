//! On processors other than x86-64.

use super::Fir;
use crate::reduce::Lanes;
use pulp::Arch;

pub(super) fn fir<T: Lanes>(arch: Arch, fir: Fir<'_, T>) {
    arch.dispatch(fir);
}
