//! The little HTML that the pages need: escaping, and code in backticks.

use std::fmt::{self, Display, Formatter};

/// Text that shows as it is, whatever it holds.
pub(super) struct Text<'a>(pub(super) &'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}

/// Text in which `backticks` mark code.
pub(super) struct Prose<'a>(pub(super) &'a str);

impl Display for Prose<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (position, part) in self.0.split('`').enumerate() {
            if position % 2 == 1 {
                write!(f, "<code>{}</code>", Text(part))?;
            } else {
                Text(part).fmt(f)?;
            }
        }
        Ok(())
    }
}

/// A whole page.
pub(super) fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} · Countersign</title>\n<link rel=\"stylesheet\" href=\"/docs/style.css\">\n</head>\n<body>\n\
         <header><a href=\"/docs\">Countersign</a><nav><a href=\"/docs\">Routes</a> <a href=\"/docs/errors\">Errors</a> \
         <a href=\"/openapi.json\">openapi.json</a></nav></header>\n<main>\n<h1>{title}</h1>\n{body}</main>\n</body>\n</html>\n",
        title = Text(title),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_shows_as_text_and_backticks_as_code() {
        let shown = Prose("a `<b>` & 'c'").to_string();
        assert_eq!(shown, "a <code>&lt;b&gt;</code> &amp; &#39;c&#39;");
    }
}
