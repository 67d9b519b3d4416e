//! Writes rows for people and programs: Markdown, CSV, and a page with a plot.
//!
//! Owns the layout. Values that are the same in all rows are stated once, above the table; a column
//! that is empty is left out. The page is one file without scripts or anything to fetch.

use std::fmt::Write as _;

use minijinja::HtmlEscape;

use super::Row;
use super::comparison::Comparison;

// Measures of the plot, in pixels.

/// Width of the tests' names, left of the axis.
const NAMES_WIDTH: f64 = 110.0;
/// Width of the axis.
const AXIS_WIDTH: f64 = 640.0;
/// Width for a median that stands right of the axis.
const MEDIANS_WIDTH: f64 = 80.0;
/// Gap between a range and its median.
const MEDIAN_GAP: f64 = 8.0;
/// Height of a test's line.
const LINE_HEIGHT: f64 = 34.0;
/// How far below the middle of its line a text stands.
const BASELINE: f64 = 4.0;
/// Height of the axis with its figures, below all lines.
const AXIS_HEIGHT: f64 = 30.0;
/// What is left below the dashed lines of the axis.
const BELOW_LINES: f64 = 24.0;
/// What is left below the figures of the axis.
const BELOW_FIGURES: f64 = 8.0;

/// The rows as a Markdown table, with what they all have in common above it.
pub fn markdown(rows: &[Row]) -> String {
    let (common, varying) = settings(rows);
    let lines: Vec<String> =
        common.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let (header, cells) = header_and_cells(rows, &varying);
    format!("{}\n\n{}", lines.join("\n"), table(&header, &cells))
}

/// A comparison with an earlier call, as Markdown.
pub fn comparison(comparison: &Comparison) -> String {
    let mut text = String::new();
    for (name, before, now) in &comparison.settings {
        let _ = writeln!(text, "{name}: {before} before, {now} now");
    }
    if !text.is_empty() {
        text.push('\n');
    }
    let cells = comparison_cells(comparison);
    text + &table(&["test", "tokens/s before", "now", "ratio", ""], &cells)
}

/// The rows as CSV with every field, one line for each row.
pub fn csv(rows: &[Row]) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut header = vec![
        "test",
        "repetitions",
        "tokens",
        "tokens_per_s_mean",
        "tokens_per_s_sd",
        "tokens_per_s_min",
        "tokens_per_s_median",
        "tokens_per_s_max",
        "wall_s_mean",
        "wall_s_sd",
        "wall_s_min",
        "wall_s_median",
        "wall_s_max",
        "prefill_s",
        "decode_s",
        "perplexity",
        "peak_rss_bytes",
    ];
    header.extend(rows.iter().take(1).flat_map(|row| row.setting.cells().map(|(name, _)| name)));
    writer.write_record(&header)?;
    for row in rows {
        let (speed, wall) = (&row.tokens_per_s, &row.wall_s);
        let optional = |value: Option<f64>| value.map(|v| v.to_string()).unwrap_or_default();
        let mut record =
            vec![row.test.clone(), row.samples.len().to_string(), row.tokens.to_string()];
        for summary in [speed, wall] {
            let numbers = [summary.mean, summary.sd, summary.min, summary.median, summary.max];
            record.extend(numbers.map(|number| number.to_string()));
        }
        record.extend([row.prefill_s, row.decode_s, row.perplexity].map(optional));
        record.push(row.peak_rss_bytes.map(|bytes| bytes.to_string()).unwrap_or_default());
        record.extend(row.setting.cells().map(|(_, value)| value));
        writer.write_record(&record)?;
    }
    let bytes = writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The rows as an HTML page: settings, a plot, the table, and the comparison where there is one.
pub fn html(rows: &[Row], compared: Option<&Comparison>) -> String {
    let (common, varying) = settings(rows);
    let mut page = String::from(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width\"><title>persona bench</title>\n<style>\n\
         :root{color-scheme:light dark;--ink:#222;--soft:#888;--now:#2563a8;--before:#b8860b}\n\
         @media(prefers-color-scheme:dark){:root{--ink:#ddd;--soft:#888;--now:#6ba7e6;--before:#d9a93a}}\n\
         body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);max-width:60rem;margin:2rem auto;padding:0 1rem}\n\
         table{border-collapse:collapse}td,th{padding:.2rem .7rem;text-align:left;border-bottom:1px solid var(--soft)}\n\
         svg text{fill:var(--ink);font:13px system-ui,sans-serif}.soft{stroke:var(--soft)}.now{fill:var(--now);stroke:var(--now)}\
         .before{fill:var(--before);stroke:var(--before)}\n</style></head><body>\n<h1>persona bench</h1>\n<table>\n",
    );
    for (name, value) in &common {
        let _ =
            writeln!(page, "<tr><th>{}</th><td>{}</td></tr>", HtmlEscape(name), HtmlEscape(value));
    }
    page.push_str("</table>\n<h2>Tokens a second</h2>\n");
    page.push_str(&plot(rows, compared));
    let (header, cells) = header_and_cells(rows, &varying);
    page.push_str(&html_table(&header, &cells));
    if let Some(compared) = compared {
        page.push_str("<h2>Against the earlier call</h2>\n");
        for (name, before, now) in &compared.settings {
            let _ = writeln!(
                page,
                "<p>{}: {} before, {} now</p>",
                HtmlEscape(name),
                HtmlEscape(before),
                HtmlEscape(now)
            );
        }
        let header = ["test", "before", "now", "ratio", ""];
        page.push_str(&html_table(&header, &comparison_cells(compared)));
    }
    page.push_str("</body></html>\n");
    page
}

/// A number with the digits that are significant for it.
pub fn figure(number: f64) -> String {
    match number.abs() {
        1000.0.. => format!("{number:.0}"),
        10.0.. => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

type Cells = Vec<(&'static str, String)>;

/// The settings that all rows have in common, and the names of those that vary.
fn settings(rows: &[Row]) -> (Cells, Vec<&'static str>) {
    let Some(first) = rows.first() else { return (Vec::new(), Vec::new()) };
    let all: Vec<_> = rows.iter().map(|row| row.setting.cells()).collect();
    let mut common = Vec::new();
    let mut varying = Vec::new();
    for (at, (name, value)) in first.setting.cells().into_iter().enumerate() {
        if all.iter().all(|cells| cells[at].1 == value) {
            common.push((name, value));
        } else {
            varying.push(name);
        }
    }
    (common, varying)
}

struct Column {
    name: &'static str,
    cells: Vec<String>,
}

/// The columns of the table, without those that are empty.
fn columns(rows: &[Row], varying: &[&'static str]) -> Vec<Column> {
    let column = |name: &'static str, cell: &dyn Fn(&Row) -> String| Column {
        name,
        cells: rows.iter().map(cell).collect(),
    };
    let optional = |value: Option<f64>| value.map(figure).unwrap_or_default();
    let mut columns = vec![
        column("test", &|row| row.test.clone()),
        column("tokens", &|row| row.tokens.to_string()),
        column("tokens/s", &|row| {
            format!("{} ± {}", figure(row.tokens_per_s.mean), figure(row.tokens_per_s.sd))
        }),
        column("min", &|row| figure(row.tokens_per_s.min)),
        column("median", &|row| figure(row.tokens_per_s.median)),
        column("wall s", &|row| figure(row.wall_s.median)),
        column("prefill s", &|row| optional(row.prefill_s)),
        column("decode s", &|row| optional(row.decode_s)),
        column("perplexity", &|row| {
            row.perplexity.map(|value| format!("{value:.4}")).unwrap_or_default()
        }),
        column("peak MB", &|row| {
            row.peak_rss_bytes.map(|bytes| figure(bytes as f64 / 1e6)).unwrap_or_default()
        }),
    ];
    for &name in varying {
        columns.push(column(name, &|row| {
            let found = row.setting.cells().into_iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value).unwrap_or_default()
        }));
    }
    columns.retain(|column| column.cells.iter().any(|cell| !cell.is_empty()));
    columns
}

/// The header of that table, and its cells by row.
fn header_and_cells(
    rows: &[Row],
    varying: &[&'static str],
) -> (Vec<&'static str>, Vec<Vec<String>>) {
    let columns = columns(rows, varying);
    let of_row = |row: usize| columns.iter().map(|column| column.cells[row].clone()).collect();
    let cells = (0..rows.len()).map(of_row).collect();
    (columns.iter().map(|column| column.name).collect(), cells)
}

/// The cells of a comparison, by test: its name, the speeds before and now, their ratio, and whether
/// they differ beyond noise.
fn comparison_cells(comparison: &Comparison) -> Vec<Vec<String>> {
    let tests = comparison.tests.iter();
    tests
        .map(|change| {
            vec![
                change.test.clone(),
                figure(change.before),
                figure(change.now),
                format!("{:.2}", change.ratio),
                change.verdict().to_owned(),
            ]
        })
        .collect()
}

/// A Markdown table whose columns are aligned in the text itself.
fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let widths: Vec<usize> = (0..header.len())
        .map(|at| {
            let cells = rows.iter().map(|row| row[at].chars().count());
            cells.chain([header[at].chars().count(), 3]).max().unwrap_or(3)
        })
        .collect();
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, &width)| format!(" {cell:<width$} ")).collect();
        format!("|{}|", padded.join("|"))
    };
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    let mut lines = vec![line(header.to_vec()), line(rule.iter().map(String::as_str).collect())];
    lines.extend(rows.iter().map(|row| line(row.iter().map(String::as_str).collect())));
    lines.join("\n")
}

fn html_table(header: &[&str], rows: &[Vec<String>]) -> String {
    let cells = |tag: &str, cells: &mut dyn Iterator<Item = &str>| -> String {
        cells.fold(String::new(), |text, cell| {
            text + &format!("<{tag}>{}</{tag}>", HtmlEscape(cell))
        })
    };
    let mut text = format!("<table><tr>{}</tr>\n", cells("th", &mut header.iter().copied()));
    for row in rows {
        let row = cells("td", &mut row.iter().map(String::as_str));
        let _ = writeln!(text, "<tr>{row}</tr>");
    }
    text + "</table>\n"
}

/// Where speeds stand in the plot, from left to right: on a logarithmic axis of whole powers of ten.
struct Scale {
    /// The power of ten at its left end.
    first: f64,
    /// The power of ten at its right end.
    last: f64,
}

impl Scale {
    /// The scale that holds these speeds; `None` where there are none.
    fn of(speeds: &[f64]) -> Option<Self> {
        let low = speeds.iter().copied().reduce(f64::min)?;
        let high = speeds.iter().copied().reduce(f64::max)?;
        Some(Self { first: low.log10().floor(), last: high.log10().floor() + 1.0 })
    }

    fn x(&self, speed: f64) -> f64 {
        NAMES_WIDTH + (speed.log10() - self.first) / (self.last - self.first) * AXIS_WIDTH
    }
}

/// A plot with one line per test on a logarithmic axis: each repetition a dot, the range a bar, the
/// median a figure.
fn plot(rows: &[Row], compared: Option<&Comparison>) -> String {
    let before = |row: &Row| {
        compared?.tests.iter().find(|change| change.test == row.test).map(|change| change.before)
    };
    let all: Vec<f64> = rows
        .iter()
        .flat_map(|row| speeds(row).chain(before(row)))
        .filter(|speed| speed.is_finite() && *speed > 0.0)
        .collect();
    let Some(scale) = Scale::of(&all) else { return String::new() };
    let height = LINE_HEIGHT * rows.len() as f64 + AXIS_HEIGHT;
    let width = NAMES_WIDTH + AXIS_WIDTH + MEDIANS_WIDTH;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"tokens a second by test\">\n"
    );
    axis(&mut svg, &scale, height);
    for (at, row) in rows.iter().enumerate() {
        test_line(&mut svg, &scale, LINE_HEIGHT * (at as f64 + 0.5), (row, before(row)));
    }
    svg + "</svg>\n"
}

/// The speed of each repetition of a test.
fn speeds(row: &Row) -> impl Iterator<Item = f64> {
    row.samples.iter().map(|sample| sample.tokens as f64 / sample.seconds)
}

/// A dashed line and a figure for each power of ten, in a plot of this height.
fn axis(svg: &mut String, scale: &Scale, height: f64) {
    for power in scale.first as i32..=scale.last as i32 {
        let speed = 10f64.powi(power);
        let _ = writeln!(
            svg,
            "<line class=\"soft\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"0\" y2=\"{0:.1}\" stroke-dasharray=\"2 4\"/><text x=\"{at:.1}\" y=\"{1:.1}\" text-anchor=\"middle\">{speed}</text>",
            height - BELOW_LINES,
            height - BELOW_FIGURES,
            at = scale.x(speed),
        );
    }
}

/// The line of a test, whose middle is at `y`: its name, range, repetitions and median, and its speed
/// in an earlier call.
fn test_line(svg: &mut String, scale: &Scale, y: f64, (row, before): (&Row, Option<f64>)) {
    let speed = &row.tokens_per_s;
    let _ = writeln!(
        svg,
        "<text x=\"0\" y=\"{0:.1}\">{1}</text><line class=\"now\" x1=\"{2:.1}\" x2=\"{3:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke-width=\"3\"/>",
        y + BASELINE,
        HtmlEscape(&row.test),
        scale.x(speed.min),
        scale.x(speed.max)
    );
    for speed in speeds(row) {
        let _ = writeln!(
            svg,
            "<circle class=\"now\" cx=\"{:.1}\" cy=\"{y:.1}\" r=\"3\"/>",
            scale.x(speed)
        );
    }
    if let Some(before) = before {
        let _ = writeln!(
            svg,
            "<circle class=\"before\" cx=\"{:.1}\" cy=\"{y:.1}\" r=\"4\" fill-opacity=\"0\" stroke-width=\"2\"><title>before: {}</title></circle>",
            scale.x(before),
            figure(before)
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
        scale.x(speed.max) + MEDIAN_GAP,
        y + BASELINE,
        figure(speed.median)
    );
}

#[cfg(test)]
mod tests {
    use crate::throughput::{Sample, Setting, Test};

    use super::*;

    fn row(test: Test, batch: usize, seconds: &[f64]) -> Row {
        let sample = |&seconds: &f64| Sample { tokens: 512, seconds, ..Sample::default() };
        let setting = Setting { batch, model: "<b>&\"m'".to_owned(), ..Setting::default() };
        let mut row = Row::new(test, &setting, seconds.iter().map(sample).collect());
        row.peak_rss_bytes = None;
        row
    }

    const READ: Test = Test::Prefill { tokens: 512, depth: 0 };

    #[test]
    fn what_does_not_vary_stands_above_the_table() {
        let text = markdown(&[row(READ, 8, &[1.0, 2.0]), row(Test::Job, 8, &[0.5])]);
        assert!(text.contains("batch: 8\n"), "{text}");
        let table = text.split_once("\n\n").unwrap().1;
        insta::assert_snapshot!(table, @r"
        | test  | tokens | tokens/s      | min   | median | wall s |
        | ----- | ------ | ------------- | ----- | ------ | ------ |
        | pp512 | 512    | 384.0 ± 181.0 | 256.0 | 384.0  | 1.50   |
        | job   | 512    | 1024 ± 0.00   | 1024  | 1024   | 0.50   |
        ");
    }

    #[test]
    fn what_varies_is_a_column() {
        let text = markdown(&[row(READ, 1, &[1.0]), row(READ, 8, &[1.0])]);
        assert!(!text.contains("batch:"), "{text}");
        assert!(text.lines().any(|line| line.starts_with("| test") && line.ends_with("| batch |")));
    }

    #[test]
    fn csv_holds_a_line_a_row_and_as_many_cells_as_its_header() {
        let text = csv(&[row(READ, 1, &[1.0, 2.0]), row(Test::Job, 1, &[3.0])]).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        assert_eq!(reader.headers().unwrap().len(), 29);
        let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!((records.len(), &records[0][0], &records[0][1]), (2, "pp512", "2"));
        assert_eq!(&records[1][23], "<b>&\"m'");
    }

    #[test]
    fn a_page_fetches_nothing_and_escapes_what_it_shows() {
        let rows = [row(READ, 1, &[1.0, 2.0])];
        let page = html(&rows, Some(&Comparison::new(&rows, &rows)));
        assert!(page.contains("&lt;b&gt;&amp;&quot;m&#x27;") && !page.contains("<b>"), "{page}");
        for foreign in ["<script", "http://", "https://", "src=", "url("] {
            assert!(!page.contains(foreign), "{foreign}");
        }
        assert_eq!(page.matches("<circle class=\"now\"").count(), 2);
    }

    #[test]
    fn numbers_have_as_many_digits_as_they_carry() {
        let shown = [0.123, 1.0, 9.994, 12.34, 999.94, 12_345.6].map(figure);
        assert_eq!(shown, ["0.12", "1.00", "9.99", "12.3", "999.9", "12346"]);
    }
}
