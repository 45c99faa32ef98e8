//! `gitops` carries a new image tag from a build to a running environment, through Git.
//!
//! This library exists so that tests, benches and fuzzers reach the code; its API is not stable.
//! `docs/architecture.md` is the map.

pub mod cli;
pub mod commands;
pub mod error;
pub mod ui;

// Domain: pure, no I/O.
pub mod bump;
pub mod change;
pub mod deployed;
pub mod diff;
pub mod digest;
pub mod environment;
pub mod event;
pub mod image;
pub mod manifest;
pub mod moment;
pub mod plan;
pub mod policy;
pub mod snapshot;
pub mod target;
pub mod validate;
pub mod yaml;

// Adapters: all I/O; they never print and never read the environment.
pub mod actuator;
pub mod ci;
pub mod files;
pub mod forge;
pub mod git;
pub mod http;
pub mod notifier;
pub mod pipe;
pub mod registry;
pub mod tree;
pub mod worktree;
