//! The parts of one self-contained HTML page: nothing is loaded from anywhere, and everything that came from outside is
//! escaped.

use std::fmt::Write as _;

/// The text with what HTML would read otherwise written as references.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // What steers a terminal or hides in a page has no meaning in one.
            c if c.is_control() && c != '\n' && c != '\t' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// The head of a page with its styles; no style and no script comes from elsewhere, which the policy enforces.
pub(super) fn head(title: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
         script-src 'unsafe-inline'\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{}</title>\n<style>{STYLE}</style></head><body>\n<h1>{}</h1>\n",
        escaped(title),
        escaped(title)
    )
}

/// Horizontal bars, one for each name.
pub(super) fn bars(label: &str, bars: &[(&str, u64)]) -> String {
    const ROW: usize = 22;
    const NAMES: u64 = 240;
    const WIDTH: u64 = 480;
    let most = bars.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
    let height = bars.len() * ROW;
    let mut svg = format!(
        "<svg role=\"img\" aria-label=\"{}\" viewBox=\"0 0 {} {height}\" width=\"{}\" height=\"{height}\">",
        escaped(label),
        NAMES + WIDTH + 80,
        NAMES + WIDTH + 80
    );
    for (at, (name, count)) in bars.iter().enumerate() {
        let (y, width) = (at * ROW, (count.saturating_mul(WIDTH) / most).max(1));
        // Writing to a text cannot fail.
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{NAMES}\" y=\"{}\" width=\"{width}\" height=\"16\" rx=\"2\"/><text x=\"{}\" y=\"{}\">{count}</text>",
            NAMES - 8,
            y + 15,
            escaped(name),
            y + 3,
            NAMES + width + 6,
            y + 15
        );
    }
    svg.push_str("</svg>\n");
    svg
}

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8884;--ink:#2563b0}\
body{font:14px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:100rem;padding:0 1rem}\
h1{font-size:1.5rem;margin:0 0 .25rem}p{margin:.25rem 0 1rem}\
svg{max-width:100%;height:auto}svg text{font:13px system-ui,sans-serif;fill:currentColor}svg rect{fill:var(--ink)}\
form{display:flex;flex-wrap:wrap;gap:.75rem;margin:1.25rem 0;position:sticky;top:0;background:Canvas;padding:.5rem 0}\
label{display:flex;gap:.35rem;align-items:center}input,select{font:inherit;padding:.2rem .4rem}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;\
border-bottom:1px solid var(--line);overflow-wrap:anywhere}th{white-space:nowrap}\
td.num{text-align:right;font-variant-numeric:tabular-nums}\
td.whole{white-space:nowrap}tr[hidden]{display:none}code{font:12px ui-monospace,monospace}.quiet{opacity:.75}\
@media print{form{display:none}body{margin:0;max-width:none}}";
