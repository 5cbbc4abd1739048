//! The lazy executor against the kit, with small limits and with none.

use pipe_core::testing::laws;
use pipe_mem::Lazy;

#[test]
fn without_a_limit_it_obeys_all_laws() {
    laws::executor(&Lazy::new());
}

#[test]
fn with_a_small_limit_it_obeys_all_laws() {
    laws::executor(&Lazy::new().memory_limit(4 << 10));
}

#[test]
fn exploding_items_stay_within_the_limit() {
    for limit in [512, 4 << 10, 64 << 10, 1 << 20] {
        laws::an_exploding_item_stays_within(&Lazy::new().memory_limit(limit), limit);
    }
}
