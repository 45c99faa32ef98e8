//! One file per subcommand: `Args`, whose comments are the help, and `run`, the order of its steps.

pub mod completions;
pub mod man;
