//! Standard output: the message as plain text, for a log or for whatever reads the pipe.

use serde_json::Value;

use super::fit::Limit;
use super::markup::PLAIN;
use super::wire::{Post, Wire};
use super::{Address, Channel, Delivery, Preview, Receipt, Row};

pub(super) static ROW: Row = Row {
    name: "stdout",
    title: "the standard output",
    hosts: &[],
    address: Address::None,
    keys: &[],
    markup: &PLAIN,
    channel: &Stdout,
};

/// No terminal has a limit; a message of this size has nobody who reads it.
const TEXT: Limit = Limit::Chars(100_000);

struct Stdout;

impl Channel for Stdout {
    fn posts(&self, _delivery: &Delivery<'_>) -> anyhow::Result<Vec<Post>> {
        Ok(Vec::new())
    }

    fn send(&self, delivery: &Delivery<'_>, _wire: &Wire<'_>) -> anyhow::Result<Receipt> {
        Ok(Receipt { text: Some(delivery.text(TEXT)?), ..Receipt::default() })
    }

    fn preview(&self, delivery: &Delivery<'_>) -> anyhow::Result<Vec<Preview>> {
        let body = Value::String(delivery.text(TEXT)?);
        Ok(vec![Preview { request: "print".to_owned(), headers: Vec::new(), body }])
    }
}
