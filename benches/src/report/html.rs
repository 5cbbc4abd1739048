//! The document as one HTML file that needs nothing else: style and bars are inside.

use super::block::{Bar, Block, Table};
use super::markdown::base;
use super::{plot, strip};
use std::path::Path;

const STYLE: &str = include_str!("report.css");

pub(crate) fn render(blocks: &[Block], folder: &Path) -> String {
    let base = base(folder);
    let body: String = blocks.iter().map(|block| block_html(block, &base)).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>Benchmarks</title>\n\
         <style>\n{STYLE}</style>\n<body>\n{}{body}</body></html>\n",
        contents(blocks)
    )
}

fn block_html(block: &Block, base: &str) -> String {
    match block {
        Block::Heading(level, title) => {
            format!("<h{level} id=\"{}\">{}</h{level}>\n", anchor(title), escape(title))
        }
        Block::Text(text) => format!("<p>{}</p>\n", prose(text)),
        Block::Table(table) => table_html(table, base),
        Block::Bars(bars) => svg(bars),
        Block::Plot(plot) => plot::svg(plot),
        Block::Code(code) => format!("<pre>{}</pre>\n", escape(code)),
    }
}

/// Links to the chapters.
fn contents(blocks: &[Block]) -> String {
    let link = |block: &Block| match block {
        Block::Heading(2, title) => Some(format!("<a href=\"#{}\">{}</a>\n", anchor(title), escape(title))),
        _ => None,
    };
    format!("<nav>\n{}</nav>\n", blocks.iter().filter_map(link).collect::<String>())
}

fn anchor(title: &str) -> String {
    title.to_lowercase().replace(|letter: char| !letter.is_ascii_alphanumeric(), "-")
}

fn table_html(table: &Table, base: &str) -> String {
    let head: String = table.head.iter().map(|name| format!("<th>{}</th>", escape(name))).collect();
    let row = |cells: &Vec<super::block::Cell>| {
        let cells: String = cells.iter().map(|cell| cell_html(cell, base)).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let rows: String = table.rows.iter().map(row).collect();
    format!("<div class=\"wide\"><table>\n<tr>{head}</tr>\n{rows}</table></div>\n")
}

fn cell_html(cell: &super::block::Cell, base: &str) -> String {
    if !cell.strips.is_empty() {
        return format!("<td>{}</td>", cell.strips.iter().map(strip::html).collect::<String>());
    }
    let class = match cell.text.as_str() {
        text if text.ends_with("] better") => " class=\"better\"",
        text if text.ends_with("] worse") => " class=\"worse\"",
        _ => "",
    };
    let text = escape(&cell.text);
    let text = match &cell.link {
        Some(link) => {
            let file = link.split(':').next().unwrap_or(link);
            format!("<a href=\"{}{}\" title=\"{}\">{text}</a>", escape(base), escape(file), escape(link))
        }
        None => text,
    };
    format!("<td{class}>{text}</td>")
}

/// Horizontal bars, one below the other, as long as their values.
fn svg(bars: &[Bar]) -> String {
    const ROW: usize = 24;
    const LEFT: f64 = 210.0;
    const ROOM: f64 = 420.0;
    let longest = bars.iter().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
    let bar = |(at, bar): (usize, &Bar)| {
        let (top, width) = (at * ROW, (bar.value / longest * ROOM).max(1.0));
        let middle = top + 16;
        format!(
            "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{LEFT}\" y=\"{}\" width=\"{width:.1}\" height=\"18\" class=\"{}\"/>\
             <text x=\"{:.1}\" y=\"{middle}\">{}</text>\n",
            LEFT - 8.0,
            escape(&bar.name),
            top + 2,
            bar.role.word(),
            LEFT + width + 6.0,
            escape(&bar.label),
        )
    };
    let drawn: String = bars.iter().enumerate().map(bar).collect();
    format!("<svg viewBox=\"0 0 860 {}\" width=\"860\" role=\"img\">\n{drawn}</svg>\n", bars.len() * ROW + 4)
}

/// Text in which names of code stand between backticks, as in the report in Markdown.
fn prose(text: &str) -> String {
    let part = |(at, part): (usize, &str)| match at % 2 {
        0 => escape(part),
        _ => format!("<code>{}</code>", escape(part)),
    };
    text.split('`').enumerate().map(part).collect()
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host;
    use crate::report::document;
    use crate::summary::tests::summary;

    #[test]
    fn names_between_backticks_are_code() {
        assert_eq!(prose("`a < b` against `c`"), "<code>a &lt; b</code> against <code>c</code>");
        assert_eq!(prose("a & b"), "a &amp; b");
    }

    #[test]
    fn the_page_is_self_contained_and_escaped() {
        let page = render(&document::of(&summary()), &host::root().join("target/bench"));
        assert!(!page.contains("http") && !page.contains("<script") && !page.contains("<link"));
        assert!(page.contains("not &lt;here&gt;") && !page.contains("<here>"));
        // Bars of each workload, and a strip for each of its ratios.
        assert_eq!(page.matches("<svg").count(), 4);
        assert_eq!(page.matches("<table>").count(), page.matches("</table>").count());
        assert!(page.contains("class=\"worse\"") && page.contains("class=\"better\""));
    }
}
