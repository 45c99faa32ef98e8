//! The user's own words: a minijinja template, whose values are escaped as the channel needs it.

use std::io;

use minijinja::machinery::parse;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};

use super::grammar;
use super::markup::Markup;
use crate::error::{Code, Hinted};
use crate::event::{Event, clean, link};

/// More steps than any message needs: a template comes from the repository and must end.
const FUEL: u64 = 200_000;
/// The longest value that is inserted.
const VALUE: usize = 300;
/// The longest text that a filter makes, in bytes.
const MADE: usize = 100_000;
/// The longest message, in bytes: more than any channel takes.
const MESSAGE: usize = 1_000_000;

/// Renders `source` for an event. Values are cleaned, cut and escaped; the filters `bold`, `code` and
/// `link(url)` write the channel's own markup.
pub(super) fn render(
    source: &str,
    event: &Event,
    markup: &'static Markup,
) -> anyhow::Result<String> {
    let parsed =
        parse(source, "template", SyntaxConfig::default()).map_err(|error| broken(&error))?;
    grammar::check(&parsed).map_err(|(what, line)| {
        let message = format!("its template does not work in line {line}: {what} is not allowed");
        let hint = "docs/notify.md lists what a template may use; texts are joined by writing {{ a }}{{ b }}";
        Hinted::new(Code::Config, message, hint)
    })?;
    let environment = environment(markup);
    let mut context = serde_json::to_value(event)?;
    context["key"] = event.key().into();
    let mut page = Page(Vec::new());
    let template = environment.template_from_str(source).map_err(|error| broken(&error))?;
    let made = template.render_captured_to(Serde(&context), &mut page);
    if page.0.len() > MESSAGE {
        let message = format!("its template makes more than {MESSAGE} bytes");
        return Err(Hinted::plain(Code::Config, message).into());
    }
    made.map_err(|error| broken(&error))?;
    Ok(String::from_utf8_lossy(&page.0).trim().to_owned())
}

fn environment(markup: &'static Markup) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Custom("channel".into()));
    environment.set_formatter(move |out, _, value| {
        out.write_str(&escaped(value, markup))
            .map_err(|_| minijinja::Error::from(ErrorKind::WriteFailure))
    });
    let safe = Value::from_safe_string;
    environment
        .add_filter("bold", move |value: &Value| safe((markup.bold)(&escaped(value, markup))));
    environment.add_filter("code", move |value: &Value| safe((markup.code)(&text(value))));
    environment.add_filter("link", move |value: &Value, url: Option<String>| {
        let label = escaped(value, markup);
        match url.as_deref().and_then(link) {
            Some(url) => safe((markup.link)(&label, &url)),
            None => safe(label),
        }
    });
    environment.add_filter("replace", replace);
    environment.add_filter("join", |values: &Value, joint: Option<String>| {
        join(values, joint.as_deref().unwrap_or_default(), markup)
    });
    environment
}

fn broken(error: &minijinja::Error) -> Hinted {
    let line = error.line().map_or_else(String::new, |line| format!(" in line {line}"));
    let detail = error.detail().map_or_else(String::new, |detail| format!(": {detail}"));
    let message = format!("its template does not work{line}: {}{detail}", error.kind());
    let hint = "docs/notify.md lists the values and filters a template has";
    Hinted::new(Code::Config, message, hint)
}

/// What a template has printed. It stops where it is more than any channel takes.
struct Page(Vec<u8>);

impl io::Write for &mut Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = (MESSAGE + 1).saturating_sub(self.0.len());
        self.0.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if bytes.len() > room { Err(io::ErrorKind::WriteZero.into()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn too_long(filter: &str) -> minijinja::Error {
    let detail = format!("{filter} makes more than {MADE} bytes");
    minijinja::Error::new(ErrorKind::InvalidOperation, detail)
}

/// Replaces, where not too much comes of it.
fn replace(text: &str, old: &str, new: &str) -> Result<String, minijinja::Error> {
    let made = text.matches(old).count().saturating_mul(new.len()).saturating_add(text.len());
    if made > MADE { Err(too_long("replace")) } else { Ok(text.replace(old, new)) }
}

/// Joins values as they are shown, where not too much comes of it.
fn join(values: &Value, joint: &str, markup: &Markup) -> Result<Value, minijinja::Error> {
    let joint = (markup.text)(joint);
    let mut made = String::new();
    for (at, value) in values.try_iter()?.enumerate() {
        if at > 0 {
            made.push_str(&joint);
        }
        made.push_str(&escaped(&value, markup));
        if made.len() > MADE {
            return Err(too_long("join"));
        }
    }
    Ok(Value::from_safe_string(made))
}

fn text(value: &Value) -> String {
    if value.is_none() || value.is_undefined() {
        String::new()
    } else {
        clean(&value.to_string(), VALUE)
    }
}

fn escaped(value: &Value, markup: &Markup) -> String {
    match value.as_str().filter(|_| value.is_safe()) {
        Some(safe) => safe.to_owned(),
        None => (markup.text)(&text(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::markup::{JSON, SLACK, TELEGRAM};
    use super::*;
    use crate::event::{App, Kind, Release};

    fn event() -> Event {
        let new = Release {
            tag: Some("<v2>".to_owned()),
            url: Some("https://h/commit/1".to_owned()),
            ..Release::default()
        };
        let app = App { app: "a&b".to_owned(), new: Some(new), ..App::default() };
        Event {
            environment: Some("prod".to_owned()),
            changes: vec![app],
            ..Event::new(Kind::Deployed)
        }
    }

    #[test]
    fn values_are_escaped_and_filters_mark_up() {
        let source = "{% for app in changes %}{{ app.app | bold }} {{ app.new.tag | code }} \
                      {{ app.new.tag | link(app.new.url) }}{{ app.old }}{{ actor }}{% endfor %}";
        let table = [
            (&SLACK, "*a&amp;b* `&lt;v2&gt;` <https://h/commit/1|&lt;v2&gt;>"),
            (
                &TELEGRAM,
                "<b>a&amp;b</b> <code>&lt;v2&gt;</code> <a href=\"https://h/commit/1\">&lt;v2&gt;</a>",
            ),
        ];
        for (markup, expected) in table {
            assert_eq!(render(source, &event(), markup).unwrap(), expected);
        }
    }

    #[test]
    fn joined_values_are_escaped_once() {
        let source = "{% set x = changes[0].app %}{{ x }} {{ changes | map(attribute='app') | join(' > ') }} \
                      {{ environment | upper }} {{ environment | replace('p', '<') }} {{ key[:0] }}\
                      {% if event in ['deployed', 'failed'] %}!{% endif %}";
        assert_eq!(render(source, &event(), &SLACK).unwrap(), "a&amp;b a&amp;b PROD &lt;rod !");
        let json = render(r#"{"app": "{{ changes[0].app }}"}"#, &event(), &JSON).unwrap();
        assert_eq!(json, r#"{"app": "a&b"}"#);
    }

    #[test]
    fn no_template_takes_the_memory_or_the_escapes() {
        let table = [
            ("{{ 'a' | indent(100000000000) }}", "the filter `indent` is not allowed"),
            ("{{ '%9999999999d' | format(1) }}", "the filter `format` is not allowed"),
            ("{{ changes | slice(99999999) }}", "the filter `slice` is not allowed"),
            ("{{ changes | batch(99999999, 'x') }}", "the filter `batch` is not allowed"),
            ("{{ ['%9d'] | map('format', 1) }}", "the filter `format` is not allowed"),
            ("{{ ['x'] | map(event) }}", "the filter `` is not allowed"),
            ("{{ actor | safe }}", "the filter `safe` is not allowed"),
            ("{% set ns = namespace(x='x') %}", "a function is not allowed"),
            ("{{ range(99999) }}", "a function is not allowed"),
            ("\n{{ 'a' ~ 'b' }}", "line 2: `~` is not allowed"),
            ("{{ 'a' + 'b' }}", "`+` is not allowed"),
            ("{{ 'a' * 9999999 }}", "`*` is not allowed"),
            ("{{ 2 ** 9999999 }}", "`**` is not allowed"),
            ("{% for x in [[event, event]] %}{% endfor %}", "a list of values is not allowed"),
            ("{% for x in (event, event) %}{% endfor %}", "a list of values is not allowed"),
            ("{{ {'a': event} }}", "a map is not allowed"),
            ("{% set x %}{{ event }}{% endset %}", "`set` with a block is not allowed"),
            ("{% filter upper %}x{% endfilter %}", "`filter` with a block is not allowed"),
            ("{% autoescape false %}{% endautoescape %}", "`autoescape` is not allowed"),
            ("{% for x in changes recursive %}{% endfor %}", "a recursive loop is not allowed"),
        ];
        for (source, expected) in table {
            let error = render(source, &event(), &SLACK).unwrap_err().to_string();
            assert!(error.contains(expected), "{source}: {error}");
        }
        // What is left cannot grow beyond its limits.
        let loops =
            "{% for a in digits %}{% for b in digits %}{% for c in digits %}{% for d in digits %}"
                .replace("digits", "'0123456789'");
        let page = format!("{loops}{}{}", "x".repeat(5000), "{% endfor %}".repeat(4));
        let doubled =
            format!("{{{{ 'xxxxxxxxxx'{} }}}}", " | replace('x', 'xxxxxxxxxx')".repeat(9));
        let joined = format!("{{{{ '{}' | join('{0}') }}}}", "x".repeat(1000));
        let table = [
            (page, "more than 1000000 bytes"),
            (doubled, "replace makes more than"),
            (joined, "join makes more than"),
        ];
        for (source, expected) in table {
            let error = render(&source, &event(), &SLACK).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        let digits = "{% for x in '0123456789' %}";
        let endless = format!("{}{}", digits.repeat(7), "{% endfor %}".repeat(7));
        let table = [
            ("{{ evnt }}", "line 1: undefined value"),
            ("a\n{% if %}", "line 2: syntax error"),
            (&*endless, "fuel"),
        ];
        for (source, expected) in table {
            let error = render(source, &event(), &SLACK).unwrap_err().to_string();
            assert!(error.contains(expected), "{source}: {error}");
        }
    }
}
