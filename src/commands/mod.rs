//! One file per subcommand: `Args`, whose comments are the help, and `run`, the order of its steps.

pub mod bump_tag;
pub mod completions;
pub mod demo;
pub mod diff;
pub mod history;
pub mod landing;
pub mod man;
mod scope;
pub mod status;
pub mod validate;
