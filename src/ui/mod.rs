//! The terminal: results go to stdout, everything else to stderr.
//!
//! Commands never write to a stream themselves, so quiet, verbose, colour and JSON are decided here.

mod meter;
mod stream;

use std::cell::RefCell;
use std::io::{self, IsTerminal as _, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use serde_json::{Value, json};

use crate::error::Report;

pub use meter::Meter;
pub use stream::Stream;

/// The `schema` of every JSON document this program prints.
pub const SCHEMA: &str = "gitops/v1";

/// What stdout carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON document, for programs.
    Json,
    /// For a pull request's comment.
    Markdown,
    /// A patch.
    Unified,
    /// Workflow commands of GitHub Actions.
    Github,
    /// A SARIF log.
    Sarif,
    /// A page of its own.
    Html,
}

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl From<Color> for anstream::ColorChoice {
    fn from(color: Color) -> Self {
        match color {
            Color::Auto => Self::Auto,
            Color::Always => Self::Always,
            Color::Never => Self::Never,
        }
    }
}

/// How much is said on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors and warnings only.
    Quiet,
    /// What was done.
    Normal,
    /// Also how and why.
    Verbose,
}

/// The part of [`Ui`] that speaks while work goes on: it can be given to other threads.
#[derive(Clone, Copy, Debug)]
pub struct Voice {
    color: Color,
    verbosity: Verbosity,
}

impl Voice {
    /// What was done; silent with `--quiet`.
    pub fn status(self, text: impl AsRef<str>) {
        if self.verbosity >= Verbosity::Normal {
            self.talk(text.as_ref());
        }
    }

    /// How and why; only with `--verbose`.
    pub fn detail(self, text: impl AsRef<str>) {
        if self.verbosity >= Verbosity::Verbose {
            self.talk(text.as_ref());
        }
    }

    fn talk(self, text: &str) {
        let mut err = AutoStream::new(io::stderr().lock(), self.color.into());
        // Nobody is left to tell when stderr is closed.
        let _ = writeln!(err, "{text}");
    }
}

/// What CI systems are to be told of a result.
#[derive(Clone, Debug, Default)]
pub struct Conclusion {
    /// Names and values of one line.
    pub outputs: Vec<(&'static str, String)>,
    /// What people read, in Markdown; none where nothing was done.
    pub summary: Option<String>,
}

/// The only way to the user's streams.
#[derive(Debug)]
pub struct Ui {
    format: Format,
    color: Color,
    verbosity: Verbosity,
    warnings: RefCell<Vec<String>>,
    conclusion: RefCell<Option<Conclusion>>,
}

impl Ui {
    /// A user interface that behaves as the global flags ask.
    #[must_use]
    pub fn new(format: Format, color: Color, verbosity: Verbosity) -> Self {
        let (warnings, conclusion) = (RefCell::default(), RefCell::default());
        Self { format, color, verbosity, warnings, conclusion }
    }

    /// Whether the command is to print JSON rather than text.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Whether a person watches stderr and wants to see progress.
    #[must_use]
    pub fn shows_progress(&self) -> bool {
        self.verbosity > Verbosity::Quiet && io::stderr().is_terminal()
    }

    /// What stdout is to carry.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// How many columns a person sees; where nobody looks, a usual width.
    #[must_use]
    pub fn width(&self) -> usize {
        const USUAL: usize = 100;
        let terminal = terminal_size::terminal_size_of(io::stdout());
        terminal.map_or(USUAL, |(terminal_size::Width(columns), _)| usize::from(columns).max(40))
    }

    /// One line of the result.
    pub fn line(&self, text: impl AsRef<str>) -> io::Result<()> {
        self.text(&format!("{}\n", text.as_ref()))
    }

    /// A text of the result, exactly as it is. Escape sequences in it are dropped where colour is off.
    pub fn text(&self, text: &str) -> io::Result<()> {
        let mut out = AutoStream::new(io::stdout().lock(), self.color.into());
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| on_stdout(&error))
    }

    /// Whether somebody is there to be asked.
    #[must_use]
    pub fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks, and takes nothing but `y` or `yes` for a yes; `until` set ends the wait, and is none.
    pub fn ask(&self, question: &str, until: &AtomicBool) -> io::Result<bool> {
        let mut err = AutoStream::new(io::stderr().lock(), self.color.into());
        write!(err, "{question} [y/N] ")?;
        err.flush()?;
        let (say, heard) = mpsc::channel();
        // A read cannot be given up, so somebody else does it; it ends with the process.
        thread::spawn(move || {
            let mut answer = String::new();
            let read = io::stdin().read_line(&mut answer).map(|_| answer);
            // Nobody may be there any more to hear it.
            let _ = say.send(read);
        });
        while !until.load(Ordering::Relaxed) {
            match heard.recv_timeout(Duration::from_millis(50)) {
                Ok(answer) => {
                    return Ok(matches!(answer?.trim().to_lowercase().as_str(), "y" | "yes"));
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
        }
        Ok(false)
    }

    /// Bytes of the result, exactly as they are: they need not be text.
    pub fn bytes(&self, bytes: &[u8]) -> io::Result<()> {
        let mut out = self.stream();
        out.bytes(bytes);
        out.finish()
    }

    /// A result that comes in pieces.
    #[must_use]
    pub fn stream(&self) -> Stream {
        Stream::new()
    }

    /// A bar for reading files, shown on a terminal once it takes longer than a moment.
    #[must_use]
    pub fn meter(&self) -> Meter {
        Meter::new(self.shows_progress())
    }

    /// A unified diff, coloured by line on a terminal and byte for byte otherwise.
    pub fn diff(&self, diff: &str) -> io::Result<()> {
        if !self.colors_stdout() {
            let mut out = io::stdout().lock();
            return out
                .write_all(diff.as_bytes())
                .and_then(|()| out.flush())
                .map_err(|error| on_stdout(&error));
        }
        let painted: String = diff.split_inclusive('\n').map(paint_diff_line).collect();
        self.text(&painted)
    }

    /// The JSON envelope: `fields` behind `schema` and `command`, the warnings so far at its end.
    pub fn json(&self, command: &str, fields: Value) -> io::Result<()> {
        let mut envelope = json!({ "schema": SCHEMA, "command": command });
        if let (Value::Object(into), Value::Object(fields)) = (&mut envelope, fields) {
            into.extend(fields);
            into.insert("warnings".to_owned(), json!(*self.warnings.borrow()));
        }
        self.line(envelope.to_string())
    }

    /// What was done; silent with `--quiet`.
    pub fn status(&self, text: impl AsRef<str>) {
        self.voice().status(text);
    }

    /// How and why; only with `--verbose`.
    pub fn detail(&self, text: impl AsRef<str>) {
        self.voice().detail(text);
    }

    /// The means to speak from elsewhere.
    #[must_use]
    pub fn voice(&self) -> Voice {
        Voice { color: self.color, verbosity: self.verbosity }
    }

    /// Something the user should look at; also kept for the JSON envelope.
    pub fn warn(&self, text: impl Into<String>) {
        let text = text.into();
        let style = AnsiColor::Yellow.on_default().bold();
        self.talk(&format!("{style}warning:{style:#} {text}"));
        self.warnings.borrow_mut().push(text);
    }

    /// Keeps what CI systems are to be told once the command has ended well.
    pub fn conclude(&self, conclusion: Conclusion) {
        self.conclusion.replace(Some(conclusion));
    }

    /// What was kept.
    #[must_use]
    pub fn conclusion(&self) -> Option<Conclusion> {
        self.conclusion.borrow().clone()
    }

    /// The end of a failed command. In JSON mode the envelope also goes to stdout.
    pub fn error(&self, report: &Report) {
        let style = AnsiColor::Red.on_default().bold();
        self.talk(&format!("{style}error:{style:#} {}", report.message));
        if let Some(hint) = &report.hint {
            let style = AnsiColor::Cyan.on_default().bold();
            self.talk(&format!("{style}hint:{style:#} {hint}"));
        }
        if self.is_json() {
            self.json_error(report);
        }
    }

    /// The JSON envelope of a failed command.
    pub fn json_error(&self, report: &Report) {
        let mut error = json!({
            "message": report.message, "hint": report.hint, "code": report.code.as_str(),
        });
        if let Some(revision) = &report.revision {
            error["revision"] = json!(revision);
        }
        if let Some(details) = &report.details {
            error["details"] = Value::clone(details);
        }
        // The streams may be what failed; the exit code tells either way.
        let _ = self.line(json!({ "schema": SCHEMA, "error": error }).to_string());
    }

    fn colors_stdout(&self) -> bool {
        let choice = match self.color {
            Color::Auto => AutoStream::choice(&io::stdout()),
            other => other.into(),
        };
        choice != anstream::ColorChoice::Never
    }

    fn talk(&self, text: &str) {
        self.voice().talk(text);
    }
}

/// The result is lost, not what was done: say which.
fn on_stdout(error: &io::Error) -> io::Error {
    let message = format!("cannot print the result: {error}; what was done before stays done");
    io::Error::new(error.kind(), message)
}

fn paint_diff_line(line: &str) -> String {
    let style = match line.as_bytes().first() {
        _ if line.starts_with("+++") || line.starts_with("---") || line.starts_with("diff ") => {
            Style::new().bold()
        }
        Some(b'+') => AnsiColor::Green.on_default(),
        Some(b'-') => AnsiColor::Red.on_default(),
        Some(b'@') => AnsiColor::Cyan.on_default(),
        _ => return line.to_owned(),
    };
    let (body, end) = line.strip_suffix('\n').map_or((line, ""), |body| (body, "\n"));
    format!("{style}{body}{style:#}{end}")
}
