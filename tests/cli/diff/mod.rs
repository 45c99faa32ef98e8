//! `gitops diff`.

mod properties;
