//! `gitops apply`: on a folder, by commands, and on a cluster.

mod command;
mod crash;
mod directory;
mod handover;
mod hooks;
mod hosts;
mod kubernetes;
mod notify;
mod plan;
mod releases;
mod requests;
mod revision;
mod shop;
