//! One file per subcommand: `Args`, whose comments are the help, and `run`, the order of its steps.

pub mod apply;
pub mod bump_tag;
pub mod completions;
pub mod demo;
pub mod diff;
pub mod digest_dir;
pub mod editing;
pub mod history;
pub mod landing;
pub mod man;
pub mod notify;
pub mod open_pr;
pub mod promote;
pub mod proposing;
pub mod publishing;
pub mod restart;
pub mod rollback;
mod scope;
pub mod status;
pub mod validate;

pub use proposing::remote_of;
