//! The user's own words: a minijinja template, whose values are escaped as the channel needs it.

use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};

use super::markup::Markup;
use crate::error::{Code, Hinted};
use crate::event::{Event, clean, link};

/// More steps than any message needs: a template comes from the repository and must end.
const FUEL: u64 = 200_000;
/// The longest value that is inserted.
const VALUE: usize = 300;

/// Renders `source` for an event. Values are cleaned, cut and escaped; the filters `bold`, `code` and
/// `link(url)` write the channel's own markup.
pub(super) fn render(
    source: &str,
    event: &Event,
    markup: &'static Markup,
) -> anyhow::Result<String> {
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
    let mut context = serde_json::to_value(event)?;
    context["key"] = event.key().into();
    let made = environment.render_str(source, Serde(&context));
    made.map(|text| text.trim().to_owned()).map_err(|error| {
        let line = error.line().map_or_else(String::new, |line| format!(" in line {line}"));
        let detail = error.detail().map_or_else(String::new, |detail| format!(": {detail}"));
        let message = format!("its template does not work{line}: {}{detail}", error.kind());
        let hint = "docs/notify.md lists the values and filters a template has";
        Hinted::new(Code::Config, message, hint).into()
    })
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
    fn blocks_and_joined_values_are_escaped_once() {
        let source = "{% set x %}{{ changes[0].app }}{% endset %}{{ x }} {{ changes | map(attribute='app') | join(', ') }} {{ environment | upper }}";
        assert_eq!(render(source, &event(), &SLACK).unwrap(), "a&amp;b a&amp;b PROD");
        let json = render(r#"{"app": "{{ changes[0].app }}"}"#, &event(), &JSON).unwrap();
        assert_eq!(json, r#"{"app": "a&b"}"#);
    }

    #[test]
    fn mistakes_are_named() {
        let table = [
            ("{{ evnt }}", "line 1: undefined value"),
            ("a\n{% if %}", "line 2: syntax error"),
            (
                "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}",
                "fuel",
            ),
        ];
        for (source, expected) in table {
            let error = render(source, &event(), &SLACK).unwrap_err().to_string();
            assert!(error.contains(expected), "{source}: {error}");
        }
    }
}
