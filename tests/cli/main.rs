//! Runs the program as a user would and compares everything it says.

#![allow(
    clippy::print_stderr,
    clippy::similar_names,
    clippy::too_many_lines,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test fails by panicking, tells its story in one piece, and prepares its own files and environment"
)]

mod support;

mod apply;
mod basics;
mod bump_tag;
mod corpus;
mod diff;
mod digest_dir;
mod docs;
mod forge;
mod git;
mod kubectl;
mod notify;
mod outputs;
mod overlooked;
mod properties;
mod proposals;
mod pull_requests;
mod status;
mod tidy;
mod two_ends;
mod validate;
mod verbs;
