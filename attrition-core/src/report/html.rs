//! A document as HTML. The one place that writes markup.

use std::fmt::Write;

use super::{Block, Chart, Grid, MAX_TEXT, Report};

/// Side of a chart's square, in pixels.
const SIDE: f64 = 160.0;
/// Room for a chart's labels.
const MARGIN: f64 = 34.0;

/// A text on its way into the page: escaped wherever it is written.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut characters = self.0.chars();
        for c in characters.by_ref().take(MAX_TEXT) {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                // A backtick ends an attribute in old browsers.
                '`' => f.write_str("&#96;")?,
                // Notebooks typeset what stands between dollars.
                '$' => f.write_str("&#36;")?,
                // Control characters are no text, and marks of direction would turn the words after them around.
                '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                    f.write_char('\u{fffd}')?
                }
                c if c.is_control() && !c.is_ascii_whitespace() => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        if characters.next().is_some() { f.write_char('…') } else { Ok(()) }
    }
}

impl Report {
    /// The document as an HTML fragment.
    pub fn to_html(&self) -> String {
        let mut out = String::from("<div>");
        for block in &self.blocks {
            // Writing into a String cannot fail.
            let _ = match block {
                Block::Heading { text } => write!(out, "<p><strong>{}</strong></p>", Escaped(text)),
                Block::Text { text } => write!(out, "<p><small>{}</small></p>", Escaped(text)),
                Block::Facts { facts } => write_facts(&mut out, facts),
                Block::Grid(grid) => write_grid(&mut out, grid),
                Block::Charts { charts } => charts.iter().try_for_each(|chart| write_chart(&mut out, chart)),
            };
        }
        out.push_str("</div>");
        out
    }
}

fn write_facts(out: &mut String, facts: &[(String, String)]) -> std::fmt::Result {
    out.push_str("<table><tbody>");
    for (name, text) in facts {
        write!(
            out,
            "<tr><th style=\"text-align:left\">{}</th><td style=\"text-align:left\">{}</td></tr>",
            Escaped(name),
            Escaped(text)
        )?;
    }
    out.push_str("</tbody></table>");
    Ok(())
}

fn write_grid(out: &mut String, grid: &Grid) -> std::fmt::Result {
    out.push_str("<table><thead><tr>");
    for (name, below) in &grid.columns {
        write!(out, "<th>{}", Escaped(name))?;
        if !below.is_empty() {
            write!(out, "<br><small>{}</small>", Escaped(below))?;
        }
        out.push_str("</th>");
    }
    if grid.n_more_columns > 0 {
        out.push_str("<th>…</th>");
    }
    out.push_str("</tr></thead><tbody>");
    for row in &grid.rows {
        out.push_str("<tr>");
        for i in 0..grid.columns.len() {
            write!(out, "<td>{}</td>", Escaped(row.get(i).map_or("", String::as_str)))?;
        }
        if grid.n_more_columns > 0 {
            out.push_str("<td>…</td>");
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table>");
    let more: Vec<String> = [(grid.n_more_rows, "rows"), (grid.n_more_columns, "columns")]
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{n} more {what}"))
        .collect();
    if more.is_empty() { Ok(()) } else { write!(out, "<p><small>{}</small></p>", more.join(", ")) }
}

/// A picture of about 200 × 220 pixels in the colour of the text around it.
fn write_chart(out: &mut String, chart: &Chart) -> std::fmt::Result {
    let (width, height) = (SIDE + MARGIN + 8.0, SIDE + MARGIN + 22.0);
    let right = |x: f64| MARGIN + x * SIDE;
    let down = |y: f64| 18.0 + (1.0 - y) * SIDE;
    let (left, bottom, middle) = (right(0.0), down(0.0), right(0.5));
    write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" fill=\"none\" stroke=\"currentColor\" font-size=\"11\" \
         font-family=\"sans-serif\"><title>{0}</title>\
         <text x=\"{middle}\" y=\"12\" text-anchor=\"middle\" fill=\"currentColor\" stroke=\"none\">{0}</text>\
         <path d=\"M{left} {1}V{bottom}H{2}\" stroke-opacity=\"0.5\"/>",
        Escaped(&chart.title),
        down(1.0),
        right(1.0),
    )?;
    if chart.diagonal {
        write!(
            out,
            "<path d=\"M{left} {bottom}L{} {}\" stroke-opacity=\"0.4\" stroke-dasharray=\"4 4\"/>",
            right(1.0),
            down(1.0)
        )?;
    }
    let points: Vec<(f64, f64)> = chart
        .points
        .iter()
        .filter(|(x, y)| (0.0..=1.0).contains(x) && (0.0..=1.0).contains(y))
        .map(|&(x, y)| (right(x), down(y)))
        .collect();
    out.push_str("<polyline stroke-width=\"1.5\" points=\"");
    for (x, y) in &points {
        write!(out, "{x:.1},{y:.1} ")?;
    }
    out.push_str("\"/>");
    if chart.markers {
        for (x, y) in &points {
            write!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\" fill=\"currentColor\" stroke=\"none\"/>")?;
        }
    }
    let label = |x: f64, y: f64, anchor: &str, text: &str| {
        format!(
            "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" fill=\"currentColor\" stroke=\"none\">{}</text>",
            Escaped(text)
        )
    };
    out.push_str(&label(left - 5.0, bottom + 4.0, "end", "0"));
    out.push_str(&label(left - 5.0, down(1.0) + 8.0, "end", "1"));
    out.push_str(&label(right(1.0), bottom + 14.0, "end", "1"));
    out.push_str(&label(middle, bottom + 28.0, "middle", &chart.x_label));
    write!(out, "<g transform=\"translate(11 {}) rotate(-90)\">", down(0.5))?;
    out.push_str(&label(0.0, 0.0, "middle", &chart.y_label));
    out.push_str("</g></svg>");
    Ok(())
}
