//! Runs the program as a user would and compares everything it says.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test fails by panicking, and prepares its own files and environment"
)]

mod support;

mod apply;
mod basics;
mod bump_tag;
mod corpus;
mod docs;
mod forge;
mod git;
mod properties;
mod pull_requests;
mod tidy;
mod verbs;
