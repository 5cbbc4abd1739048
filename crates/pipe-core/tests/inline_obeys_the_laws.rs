//! The reference executor against the kit.
#![cfg(feature = "testing")]

use pipe_core::Inline;
use pipe_core::testing::laws;

#[test]
fn inline_obeys_all_laws() {
    laws::executor(&Inline);
}

#[test]
fn inline_keeps_one_buffer_of_an_exploding_item() {
    // And the one item that found the buffer full.
    laws::an_exploding_item_stays_within(&Inline, (64 << 10) + 64);
}
