//! The comparison as an HTML page without scripts or outside resources.
//!
//! Owns the page and its plot: cost to the right, quality upwards, with an interval where there is
//! one.

use std::fmt::Write;

use minijinja::HtmlEscape;

use super::compare::{Comparison, Paired, Side};

/// Size of the plot and its margins, in pixels.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 340.0;
const MARGIN: f64 = 60.0;

/// The whole page, as HTML.
pub fn page(comparison: &Comparison) -> String {
    let mut rows = String::new();
    row(&mut rows, "judge score", &comparison.score);
    if let Some(preference) = &comparison.preference {
        row(&mut rows, "preferred in pairs (0.5 is a draw)", preference);
    }
    for (name, paired) in &comparison.criteria {
        row(&mut rows, &name.replace('_', " "), paired);
    }
    let mut warnings = String::new();
    for warning in &comparison.warnings {
        let _ = writeln!(warnings, "<p class=\"warning\">{}</p>", HtmlEscape(warning));
    }
    let [first, baseline] = &comparison.sides;
    format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{first_name} against {baseline_name}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #1b1b1b; background: #fff; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: right; padding: .3rem .6rem; border-bottom: 1px solid #ccc; }}
th:first-child, td:first-child {{ text-align: left; }}
.warning {{ border-left: 4px solid #b45309; padding-left: .8rem; }}
svg {{ width: 100%; height: auto; }}
@media (prefers-color-scheme: dark) {{ body {{ color: #eee; background: #161616; }} th, td {{ border-color: #444; }} }}
</style>
</head>
<body>
<h1>{first_name} against {baseline_name}</h1>
<p><strong>{conclusion}</strong></p>
{warnings}{plot}
<table>
<caption>Means over {pairs} pairs; difference with its 95 % interval</caption>
<thead><tr><th scope="col">criterion</th><th scope="col">{first_name}</th><th scope="col">{baseline_name}</th><th scope="col">difference</th><th scope="col">interval</th></tr></thead>
<tbody>
{rows}</tbody>
</table>
<p>{first_line}<br>{baseline_line}</p>
<p>Judge: {judge}. Baseline: {how}.</p>
</body>
</html>
"#,
        first_name = HtmlEscape(&first.name),
        baseline_name = HtmlEscape(&baseline.name),
        conclusion = HtmlEscape(&comparison.conclusion),
        plot = plot(comparison),
        pairs = comparison.score.pairs,
        first_line = HtmlEscape(&line(first)),
        baseline_line = HtmlEscape(&line(baseline)),
        judge = HtmlEscape(&comparison.judge),
        how = HtmlEscape(&comparison.baseline),
    )
}

fn line(side: &Side) -> String {
    format!(
        "{}: {}, {} personas, {}, {:.1} s",
        side.name,
        side.models.join(" and "),
        side.personas.len(),
        side.cost,
        side.seconds
    )
}

fn row(rows: &mut String, name: &str, paired: &Paired) {
    let _ = writeln!(
        rows,
        "<tr><td>{}</td><td>{:.3}</td><td>{:.3}</td><td>{:+.3}</td><td>{:+.3} to {:+.3}</td></tr>",
        HtmlEscape(name),
        paired.first,
        paired.baseline,
        paired.difference,
        paired.low,
        paired.high
    );
}

/// The plot: a point per side, with cost to the right and judge score upwards. The interval is that
/// of the first side's difference, drawn from the baseline's score.
fn plot(comparison: &Comparison) -> String {
    let [first, baseline] = &comparison.sides;
    let most = first.cost.usd().max(baseline.cost.usd()).max(1e-6) * 1.1;
    let x = |usd: f64| MARGIN + usd / most * (WIDTH - 2.0 * MARGIN);
    let y = |score: f64| HEIGHT - MARGIN - score.clamp(0.0, 1.0) * (HEIGHT - 2.0 * MARGIN);
    let score = &comparison.score;
    let mut svg = format!(
        r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Cost and judge score of both"><g stroke="currentColor" fill="currentColor" font-size="13"><path d="M{MARGIN} {MARGIN}V{bottom}H{right}" fill="none"/>"#,
        bottom = HEIGHT - MARGIN,
        right = WIDTH - MARGIN
    );
    for tick in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let _ = write!(
            svg,
            r#"<text x="{:.0}" y="{:.0}" text-anchor="end" stroke="none">{tick}</text>"#,
            MARGIN - 8.0,
            y(tick) + 4.0
        );
    }
    for share in [0.0, 0.5, 1.0] {
        let _ = write!(
            svg,
            r#"<text x="{:.0}" y="{:.0}" text-anchor="middle" stroke="none">${:.4}</text>"#,
            x(most * share),
            HEIGHT - MARGIN + 20.0,
            most * share
        );
    }
    let low = y(score.baseline + score.low);
    let high = y(score.baseline + score.high);
    let at = x(first.cost.usd());
    let _ = write!(svg, r#"<path d="M{at:.1} {low:.1}V{high:.1}" stroke-width="2"/>"#);
    for (side, value) in [(first, score.first), (baseline, score.baseline)] {
        let _ = write!(
            svg,
            r#"<circle cx="{:.1}" cy="{:.1}" r="6"/><text x="{:.1}" y="{:.1}" stroke="none">{}</text>"#,
            x(side.cost.usd()),
            y(value),
            x(side.cost.usd()) + 10.0,
            y(value) - 10.0,
            HtmlEscape(&side.name)
        );
    }
    let _ = write!(
        svg,
        r#"<text x="{:.0}" y="{:.0}" text-anchor="middle" stroke="none">US dollars</text><text x="{MARGIN}" y="{:.0}" stroke="none">judge score</text></g></svg>"#,
        WIDTH / 2.0,
        HEIGHT - 14.0,
        MARGIN - 16.0
    );
    svg
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::MicroUsd;

    #[test]
    fn names_cannot_become_markup() {
        let side = |name: &str| Side {
            name: name.to_owned(),
            models: vec!["<script>alert(1)</script>".to_owned()],
            personas: Vec::new(),
            cost: MicroUsd(5),
            seconds: 1.0,
        };
        let sides = [side("hybrid"), side("\"><b>")];
        let page = page(&super::super::compare::compare(
            sides,
            &[],
            &crate::pipeline::Appraisal::default(),
        ));
        assert!(!page.contains("<script") && !page.contains("<b>"), "{page}");
        assert!(page.contains("&lt;script&gt;"));
    }
}
