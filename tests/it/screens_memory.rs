//! Pane 4 over recordings: a map as a table, as a picture and page by page; what grew in it; and why there is none.

use crate::screens::Scene;
use sysview::tui::theme::Depth;

/// The process of this recording with memory of every sort.
fn server() -> Scene {
    Scene::of("one-map.txt").with(&["--pane", "memory", "42"])
}

/// A process whose memory grows from the first sample to the second.
fn indexer() -> Scene {
    Scene::of("growing.txt").with(&["--pane", "memory", "50"])
}

#[test]
fn a_map_as_a_table() {
    server().shows("map", "");
    server().shows("map-cursor", "jjjj");
    server().shows("map-sorted", "srss<enter>");
    server().depth(Depth::None).with(&["--ascii"]).shows("map-ascii", "jj");
    indexer().shows("map-older-kernel", "");
}

#[test]
fn mappings_gathered_by_object() {
    server().shows("objects", "t");
    server().shows("objects-open", "tj<right>j");
    server().shows("objects-sorted", "tsrss<enter>");
}

#[test]
fn mappings_filtered_and_searched() {
    server().shows("map-filter", "frss > 30K and permissions ~ w<enter>");
    server().shows("map-filter-typed", "frss > 30K and permi");
    server().shows("map-search", "/server<enter>n");
    server().shows("map-address", "/0x556c5fe00000<enter>");
    // Nothing is mapped there: its neighbours are what is to be seen.
    server().shows("map-address-in-a-gap", "/0x7f0cc8a00000<enter>");
}

#[test]
fn views_of_the_same_rows() {
    server().shows("map-picture", "v");
    server().shows("map-picture-cursor", "jjjjv");
    server().shows("map-pages-of-a-recording", "jjjjvv");
    server().shows("map-aslr", "vvv");
    server().depth(Depth::None).with(&["--ascii"]).shows("map-picture-ascii", "v");
}

#[test]
fn what_grew_since_a_baseline() {
    indexer().shows("growth-begins", "b");
    indexer().shows("growth", "b<tick>");
    indexer().shows("growth-objects", "bt<tick>");
    indexer().shows("growth-over", "b<tick><esc>");
    indexer().shows("map-watched", "<tick>");
}

#[test]
fn what_has_no_map_says_why() {
    let scene = |pid| Scene::of("growing.txt").with(&["--pane", "memory", pid]);
    scene("2").shows("map-kernel-thread", "");
    scene("62").shows("map-zombie", "");
    scene("63").shows("map-denied", "");
    scene("60").shows("map-leader-exited", "");
}
