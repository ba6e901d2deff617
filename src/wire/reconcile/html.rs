//! The report of a run as one HTML file that opens anywhere: counts, a chart, all findings, and filters.

use std::io::Write;

use super::page::{bars, escaped, head};
use super::show::FindingView;
use crate::domain::reconcile::{Counts, FindingKind};

/// What stands above the findings.
#[derive(Debug, Clone)]
pub struct Heading {
    /// What was compared with what, and as of when.
    pub about: Vec<String>,
    /// How many there are of each kind.
    pub counts: Counts,
    /// What could not be compared.
    pub troubles: Vec<String>,
    /// How many things could not be compared; more than are listed, perhaps.
    pub troubled: u64,
}

/// Begins the report: everything above the findings.
///
/// # Errors
/// What `out` fails with.
pub fn begin(out: &mut dyn Write, heading: &Heading) -> std::io::Result<()> {
    out.write_all(head("Reconciliation").as_bytes())?;
    for line in &heading.about {
        writeln!(out, "<p class=\"quiet\">{}</p>", escaped(line))?;
    }
    let counts: Vec<(FindingKind, u64)> = heading.counts.iter().filter(|(_, count)| *count > 0).collect();
    if counts.is_empty() {
        writeln!(out, "<p><strong>Nothing was found.</strong></p>")?;
    } else {
        let total = heading.counts.total();
        let noun = if total == 1 { "finding" } else { "findings" };
        writeln!(out, "<p><strong>{total} {noun}</strong></p>")?;
        let rows: Vec<(&str, u64)> = counts.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
        out.write_all(bars("Findings by kind", &rows).as_bytes())?;
    }
    if heading.troubled > 0 {
        writeln!(out, "<details open><summary>{} not compared</summary><ul>", heading.troubled)?;
        for trouble in &heading.troubles {
            writeln!(out, "<li>{}</li>", escaped(trouble))?;
        }
        let more = heading.troubled.saturating_sub(heading.troubles.len() as u64);
        if more > 0 {
            writeln!(out, "<li>and {more} more</li>")?;
        }
        writeln!(out, "</ul></details>")?;
    }
    if !counts.is_empty() {
        write!(out, "<form id=\"filter\"><label>Kind <select name=\"kind\"><option value=\"\">all</option>")?;
        for (kind, count) in &counts {
            write!(out, "<option value=\"{0}\">{0} ({count})</option>", kind.as_str())?;
        }
        writeln!(
            out,
            "</select></label><label>Correction <select name=\"act\"><option value=\"\">any or none</option>\
             <option value=\"1\">proposed</option><option value=\"0\">none</option></select></label>\
             <label>Text <input name=\"text\" type=\"search\" autocomplete=\"off\"></label>\
             <output></output></form>"
        )?;
        write!(
            out,
            "<table id=\"findings\"><thead><tr><th>Finding</th><th>Source</th><th>Account</th><th>Ours</th><th>Theirs</th>\
             <th>Since</th><th>Delivery</th><th>What is wrong</th><th>What to do</th></tr></thead><tbody>"
        )?;
    }
    Ok(())
}

/// Adds a finding.
///
/// # Errors
/// What `out` fails with.
pub fn row(out: &mut dyn Write, finding: &FindingView) -> std::io::Result<()> {
    let scope = if finding.tenant.is_empty() {
        finding.source.clone()
    } else {
        format!("{} / {}", finding.source, finding.tenant)
    };
    let or_none = |text: &Option<String>| text.as_deref().map(escaped).unwrap_or_default();
    let line = finding.line.map(|line| format!("<br><span class=\"quiet\">line {line}</span>")).unwrap_or_default();
    let known = finding.acknowledged.as_ref();
    let known = known
        .map(|known| format!("<br><span class=\"quiet\">acknowledged: {}</span>", escaped(&known.note)))
        .unwrap_or_default();
    let account = finding.platform_id.as_ref().or(finding.external_id.as_ref());
    writeln!(
        out,
        "<tr data-kind=\"{}\" data-act=\"{}\"><td class=\"whole\">{0}</td><td>{}</td><td>{}</td><td>{}</td><td>{}{line}</td>\
         <td class=\"whole\">{}</td><td><code>{}</code></td><td>{}{known}</td><td{}>{}</td></tr>",
        finding.finding,
        u8::from(finding.proposal.act.is_some()),
        escaped(&scope),
        account.map(|account| escaped(account)).unwrap_or_default(),
        or_none(&finding.ours),
        or_none(&finding.theirs),
        or_none(&finding.since),
        or_none(&finding.delivery),
        escaped(&finding.explanation),
        if finding.proposal.act.is_some() { "" } else { " class=\"quiet\"" },
        escaped(&finding.proposal.text),
    )
}

/// Ends the report of so many findings.
///
/// # Errors
/// What `out` fails with.
pub fn end(out: &mut dyn Write, findings: u64) -> std::io::Result<()> {
    if findings > 0 {
        writeln!(out, "</tbody></table>\n<script>{SCRIPT}</script>")?;
    }
    writeln!(out, "</body></html>")
}

/// Hides the rows that are not asked for. Without it the table is whole.
const SCRIPT: &str = "\
(()=>{const form=document.getElementById('filter'),out=form.querySelector('output'),\
rows=Array.from(document.querySelectorAll('#findings tbody tr'));\
const apply=()=>{const kind=form.kind.value,act=form.act.value,text=form.text.value.trim().toLowerCase();let shown=0;\
for(const row of rows){const fits=(!kind||row.dataset.kind===kind)&&(!act||row.dataset.act===act)\
&&(!text||row.textContent.toLowerCase().includes(text));if(row.hidden===fits)row.hidden=!fits;if(fits)shown++}\
out.textContent=shown+' of '+rows.length};\
let waiting;form.addEventListener('input',()=>{clearTimeout(waiting);waiting=setTimeout(apply,150)});\
form.addEventListener('submit',event=>{event.preventDefault();apply()});apply()})()";

#[cfg(test)]
mod tests {
    use super::super::show::ProposalView;
    use super::*;

    fn finding(ours: &str) -> FindingView {
        FindingView {
            finding: "name_differs",
            source: "eu".to_owned(),
            tenant: "a&b".to_owned(),
            id: None,
            platform_id: Some("<5>".to_owned()),
            external_id: None,
            ours: Some(ours.to_owned()),
            theirs: None,
            since: None,
            delivery: None,
            line: Some(7),
            proposal: ProposalView { act: None, platform_id: None, value: None, text: "\"ask\"".to_owned() },
            explanation: "It's so.".to_owned(),
            fingerprint: String::new(),
            acknowledged: None,
        }
    }

    #[test]
    fn what_came_from_outside_is_text() -> std::io::Result<()> {
        let mut counts = Counts::default();
        counts.add(FindingKind::NameDiffers);
        let heading = Heading {
            about: vec!["<about>".to_owned()],
            counts,
            troubles: vec!["line 3: <b>".to_owned()],
            troubled: 2,
        };
        let mut out = Vec::new();
        begin(&mut out, &heading)?;
        row(&mut out, &finding("</td><script>alert(1)</script>\u{1b}"))?;
        end(&mut out, 1)?;
        let page = String::from_utf8_lossy(&out);
        assert!(
            !page.contains("<script>alert") && page.contains("&lt;script&gt;alert(1)&lt;/script&gt;\u{fffd}"),
            "{page}"
        );
        for text in
            ["&lt;about&gt;", "line 3: &lt;b&gt;", "and 1 more", "&lt;5&gt;", "a&amp;b", "It&#39;s", "&quot;ask&quot;"]
        {
            assert!(page.contains(text), "{text} in {page}");
        }
        assert!(!page.contains("http://") && !page.contains("https://"), "nothing is loaded from anywhere");
        assert_eq!(page.matches("<tbody").count(), page.matches("</tbody>").count());
        Ok(())
    }

    #[test]
    fn nothing_found_is_said() -> std::io::Result<()> {
        let heading = Heading { about: vec![], counts: Counts::default(), troubles: vec![], troubled: 0 };
        let mut out = Vec::new();
        begin(&mut out, &heading)?;
        end(&mut out, 0)?;
        let page = String::from_utf8_lossy(&out);
        assert!(page.contains("Nothing was found.") && !page.contains("<table"), "{page}");
        Ok(())
    }
}
