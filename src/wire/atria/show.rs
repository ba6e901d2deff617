//! The answers.

use super::read::is_char;

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>";

/// A customer where it was to be.
#[derive(Debug, Clone, Copy)]
pub struct Done<'a> {
    /// The move that is kept; none for a customer that was there before.
    pub moved: Option<&'a str>,
    /// The provisioning request that the move opened; none where there was nothing to do. This is what Atria itself
    /// answers a SET with.
    pub request: Option<&'a str>,
    /// Our id of the customer, and what the caller called it.
    pub customer: (&'a str, &'a str),
    /// The same of its parent.
    pub parent: (&'a str, &'a str),
    /// What was done, for people.
    pub message: &'a str,
}

/// A text as it may stand in an element.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            c if is_char(c) => out.push(c),
            _ => out.push('\u{fffd}'),
        }
    }
    out
}

fn element(name: &str, text: &str) -> String {
    format!("<{name}>{}</{name}>", escaped(text))
}

/// The answer to a call that is done.
#[must_use]
pub fn done(done: &Done<'_>) -> String {
    let named = |name: &str, id: Option<&str>| {
        id.map(|id| format!("<{name}>{}</{name}>", element("id", id))).unwrap_or_default()
    };
    let (request, moved) = (named("request", done.request), named("move", done.moved));
    // Atria's words: a customer whose services are still to be set up again is requested.
    let status = if done.request.is_some() { "Requested" } else { "Provisioned" };
    format!(
        "{DECLARATION}<response version=\"1.0\">{request}{moved}<customer>{}{}<parent>{}{}</parent>{}</customer>{}{}</response>",
        element("id", done.customer.0),
        element("name", done.customer.1),
        element("id", done.parent.0),
        element("name", done.parent.1),
        element("status", status),
        element("changed", if done.moved.is_some() { "true" } else { "false" }),
        element("message", done.message),
    )
}

/// Most reasons that an answer tells.
const MOST_REASONS: usize = 50;

/// The answer to a call that is not. `reasons` are all that is in the way, where that is more than the message says.
#[must_use]
pub fn refused(code: i32, message: &str, reasons: &[String]) -> String {
    let each: String = reasons.iter().take(MOST_REASONS).map(|reason| element("reason", reason)).collect();
    let left = match reasons.len().saturating_sub(MOST_REASONS) {
        0 => String::new(),
        left => element("reason", &format!("And {left} more.")),
    };
    format!(
        "{DECLARATION}<response version=\"1.0\"><error>{}{}{each}{left}</error></response>",
        element("code", &code.to_string()),
        element("message", message)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shapes() {
        let moved = Done {
            moved: Some("0-9"),
            request: Some("7"),
            customer: ("0-3", "Bakery & <Sons>"),
            parent: ("0-2", "HNP"),
            message: "Moved.",
        };
        assert_eq!(
            done(&moved),
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><response version=\"1.0\"><request><id>7</id></request><move><id>0-9</id></move><customer>\
             <id>0-3</id><name>Bakery &amp; &lt;Sons&gt;</name><parent><id>0-2</id><name>HNP</name></parent>\
             <status>Requested</status></customer><changed>true</changed><message>Moved.</message></response>"
        );
        let there = Done { request: None, moved: None, ..moved };
        let there = done(&there);
        assert!(
            there.contains("<response version=\"1.0\"><customer>") && there.contains("<status>Provisioned<"),
            "{there}"
        );
        assert!(there.contains("<changed>false</changed>"));
        assert_eq!(
            refused(1005, "\"a\u{1}\" it's", &[]),
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><response version=\"1.0\"><error><code>1005</code>\
             <message>&quot;a\u{fffd}&quot; it&apos;s</message></error></response>"
        );
        let many: Vec<String> = (0..53).map(|at| format!("<{at}>")).collect();
        let several = refused(1006, "Much.", &many);
        assert!(several.contains("</message><reason>&lt;0&gt;</reason><reason>"), "{several}");
        assert!(several.contains("<reason>&lt;49&gt;</reason><reason>And 3 more.</reason></error>"), "{several}");
    }
}
