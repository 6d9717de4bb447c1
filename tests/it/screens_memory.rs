//! Pane 4 over a recording of an older kernel, in which memory grows, comes and goes from one sample to the next, and the
//! leading thread of a process has exited.

use crate::screens::Scene;

fn memory_of(pid: &str) -> Scene {
    Scene::of("growing.txt").with(&["--pane", "memory", pid])
}

#[test]
fn what_the_kernel_does_not_count_is_said_to_be_so() {
    memory_of("50").shows("older-kernel", "jjj<enter><pagedown>");
}

#[test]
fn what_grew_came_and_went_since_a_baseline() {
    memory_of("50").shows("growth", "b<tick>");
    memory_of("50").shows("growth-objects", "bt<tick>");
    memory_of("50").shows("growth-over", "b<tick><esc>");
    memory_of("50").shows("growth-watched", "<tick>");
}

#[test]
fn a_map_read_through_a_thread_says_so() {
    memory_of("60").shows("leader-exited", "");
}

#[test]
fn where_nothing_is_mapped_the_neighbours_are_shown() {
    memory_of("50").shows("address-in-a-gap", "/0x7f0000800000<enter>");
}
