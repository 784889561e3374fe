use proptest::prelude::*;

use super::{Block, Chart, Grid, MAX_COLUMNS, MAX_ROWS, MAX_TEXT, Report};
use crate::evaluate::evaluate;
use crate::learn::Learner;
use crate::schema::Schema;
use crate::table::{Column, CsvOptions};
use crate::train::{Cv, Trainer};
use crate::{Run, Table, datasets};

const HOSTILE: &str = "</td><script>alert('1')</script>&\"`$x$\u{202e}\u{0}";

fn every_block(text: &str) -> Report {
    let text = text.to_owned();
    let chart = Chart {
        title: text.clone(),
        x_label: text.clone(),
        y_label: text.clone(),
        points: vec![(0.0, 0.0), (f64::NAN, 0.5), (0.5, 7.0), (1.0, 1.0)],
        diagonal: true,
        markers: true,
    };
    Report {
        blocks: vec![
            Block::Heading { text: text.clone() },
            Block::Text { text: text.clone() },
            Block::Facts { facts: vec![(text.clone(), text.clone())] },
            Block::Grid(Grid::of(vec![(text.clone(), text.clone())], 1, |_, _| text.clone())),
            Block::Charts { charts: vec![chart] },
        ],
    }
}

/// Every tag that opens is closed by its own name, and nothing stands between `<` and `>` but what the renderer writes.
fn well_formed(html: &str) -> Result<(), String> {
    const KNOWN: [&str; 17] = [
        "div", "p", "strong", "small", "table", "thead", "tbody", "tr", "th", "td", "br", "svg", "title", "text",
        "path", "polyline", "g",
    ];
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let end = rest[start..].find('>').ok_or("a tag without an end")? + start;
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or_default();
        if !KNOWN.contains(&name) && name != "circle" {
            return Err(format!("a tag of its own: {tag}"));
        }
        if tag.starts_with('/') {
            if open.pop() != Some(name) {
                return Err(format!("{tag} closes nothing"));
            }
        } else if !tag.ends_with('/') && name != "br" {
            open.push(name);
        }
    }
    if open.is_empty() { Ok(()) } else { Err(format!("left open: {open:?}")) }
}

#[test]
fn a_hostile_text_stays_a_text_in_every_block() {
    let html = every_block(HOSTILE).to_html();
    assert_eq!(well_formed(&html), Ok(()));
    for forbidden in ["<script", "'", "`", "$", "\u{202e}", "\u{0}"] {
        assert!(!html.contains(forbidden), "{forbidden:?} in {html}");
    }
    assert!(html.contains("&lt;/td&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&quot;&#96;&#36;x&#36;"));
    assert!(!html.contains("NaN"), "a point that is no number is left out");
    assert_eq!(html.matches("<circle").count(), 2);
}

proptest! {
    #[test]
    fn no_text_breaks_out(text in "\\PC{0,40}", name in "[<>&\"'/a-z= ]{0,30}") {
        // Never empty: a head without words under it has a line less.
        for text in [format!("x{text}"), format!("x{name}")] {
            let html = every_block(&text).to_html();
            prop_assert_eq!(well_formed(&html), Ok(()));
            // As many tags as the same document has with an innocent text.
            prop_assert_eq!(html.matches('<').count(), every_block("x").to_html().matches('<').count());
        }
    }
}

#[test]
fn long_things_are_cut_and_counted() {
    let columns: Vec<Column> = (0..MAX_COLUMNS + 3)
        .map(|i| Column::float(format!("c{i}"), (0..100).map(f64::from).collect::<Vec<_>>()))
        .collect();
    let html = Report::from(&Table::new(columns).unwrap()).to_html();
    assert!(html.contains("100 rows × 43 columns") && html.contains("3 more columns"), "{html}");
    assert!(!html.contains("c40<"));
    let grid = Grid::of(vec![("a".into(), String::new())], MAX_ROWS + 5, |row, _| row.to_string());
    assert_eq!((grid.rows.len(), grid.n_more_rows), (MAX_ROWS, 5));
    let long = "é".repeat(MAX_TEXT + 1);
    let html = Report { blocks: vec![Block::Text { text: long }] }.to_html();
    assert_eq!(html.matches('é').count(), MAX_TEXT);
    assert!(html.contains("é…"));
}

#[test]
fn results_say_what_they_are_and_stay_small() {
    let csv =
        format!("\"<b>x</b>\",y\n{}", (0..60).map(|i| format!("{},<i>{}</i>\n", i % 7, i % 2)).collect::<String>());
    let table = Table::from_csv_bytes(csv.as_bytes(), &CsvOptions::default(), &Run::new()).unwrap();
    let schema = Schema::infer(&table).unwrap().target("y", "<i>1</i>").unwrap();
    for learner in [Learner::logistic(), Learner::glassbox(), Learner::boosting(), Learner::forest()] {
        let model = Trainer::new(schema.clone()).learner(learner).cv(Cv::Folds(3)).fit(&table).unwrap();
        let evaluation = model.evaluate(&table, &Run::new()).unwrap();
        for report in [
            Report::from(&table),
            model.schema().into(),
            (&model).into(),
            model.training().into(),
            (&evaluation).into(),
        ] {
            let html = report.to_html();
            assert_eq!(well_formed(&html), Ok(()));
            assert!(!html.contains("<b>") && !html.contains("<i>"), "{html}");
            assert!(html.len() < 20_000, "{} bytes", html.len());
        }
        assert!(Report::from(&model).to_html().contains("P(y == &lt;i&gt;1&lt;/i&gt;)"));
    }
}

#[test]
fn an_evaluation_shows_its_numbers() {
    let evaluation = evaluate(&[0, 0, 1, 1], &[0.1, 0.4, 0.35, 0.8], None, 0.5).unwrap();
    let html = Report::from(&evaluation).to_html();
    // Three of the four pairs are in order.
    assert!(html.contains("<td>roc_auc</td><td>0.7500</td>"), "{html}");
    assert!(html.contains("<td>positive</td><td>1</td><td>1</td>"), "{html}");
    assert_eq!(html.matches("<svg").count(), 3);
    let one_label = evaluate(&[1, 1], &[0.3, 0.8], None, 0.5).unwrap();
    assert_eq!(Report::from(&one_label).to_html().matches("<svg").count(), 1, "curves that are undefined are left out");
}

#[test]
fn a_leaderboard_is_shown() {
    let table = datasets::employees(300, 0).unwrap();
    let schema = Schema::infer(&table).unwrap().target("Attrition", "Yes").unwrap();
    let learners = [Learner::logistic(), Learner::glassbox()];
    let model = Trainer::new(schema).learners(learners).cv(Cv::Folds(3)).fit(&table).unwrap();
    let html = Report::from(model.training()).to_html();
    assert!(html.contains("<td>✓</td>") && html.contains("<td>logistic</td>") && html.contains("<td>glassbox</td>"));
    assert!(html.contains("<strong>Hold-out</strong>"));
}
