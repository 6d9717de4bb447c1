//! One integration binary; each suite is a module.
