//! What acts on environments: today only the programs that render them.

pub mod render;
