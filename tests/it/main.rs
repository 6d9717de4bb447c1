//! One integration binary; each suite is a module.

#![expect(clippy::disallowed_methods, clippy::panic, reason = "tests read and write files, and fail by panicking")]

mod commands;
mod tidy;
