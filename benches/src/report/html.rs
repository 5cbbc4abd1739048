//! The document as one HTML file that needs nothing else: style and bars are inside.

use super::document::{Bar, Block, Table};
use super::markdown::base;
use super::plot;
use crate::contender::Role;
use std::path::Path;

const STYLE: &str = "\
body { font: 15px/1.45 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c1c }
table { border-collapse: collapse; margin: .6rem 0 1.2rem }
th, td { text-align: left; padding: .25rem .7rem; border-bottom: 1px solid #ddd; vertical-align: top }
th { border-bottom: 2px solid #999 }
h2 { margin-top: 2.2rem; border-bottom: 1px solid #ccc } h3 { margin-bottom: .2rem }
pre { background: #f5f5f5; padding: .8rem; overflow-x: auto } a { color: #0b57a4 }
svg text { font: 13px system-ui, sans-serif }
.better { color: #10683c; font-weight: 600 } .worse { color: #b3261e; font-weight: 600 }";

pub(crate) fn render(blocks: &[Block], folder: &Path) -> String {
    let base = base(folder);
    let body: String = blocks.iter().map(|block| block_html(block, &base)).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Benchmarks</title>\n<style>\n{STYLE}\n</style>\n\
         <body>\n{body}</body></html>\n"
    )
}

fn block_html(block: &Block, base: &str) -> String {
    match block {
        Block::Heading(level, title) => format!("<h{level}>{}</h{level}>\n", escape(title)),
        Block::Text(text) => format!("<p>{}</p>\n", escape(text)),
        Block::Table(table) => table_html(table, base),
        Block::Bars(bars) => svg(bars),
        Block::Plot(plot) => plot::svg(plot),
        Block::Code(code) => format!("<pre>{}</pre>\n", escape(code)),
    }
}

fn table_html(table: &Table, base: &str) -> String {
    let head: String = table.head.iter().map(|name| format!("<th>{}</th>", escape(name))).collect();
    let row = |cells: &Vec<super::document::Cell>| {
        let cells: String = cells.iter().map(|cell| cell_html(cell, base)).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let rows: String = table.rows.iter().map(row).collect();
    format!("<table>\n<tr>{head}</tr>\n{rows}</table>\n")
}

fn cell_html(cell: &super::document::Cell, base: &str) -> String {
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
             <rect x=\"{LEFT}\" y=\"{}\" width=\"{width:.1}\" height=\"18\" fill=\"{}\"/>\
             <text x=\"{:.1}\" y=\"{middle}\">{}</text>\n",
            LEFT - 8.0,
            escape(&bar.name),
            top + 2,
            colour(bar.role),
            LEFT + width + 6.0,
            escape(&bar.label),
        )
    };
    let drawn: String = bars.iter().enumerate().map(bar).collect();
    format!("<svg width=\"860\" height=\"{}\" role=\"img\">\n{drawn}</svg>\n", bars.len() * ROW + 4)
}

fn colour(role: Role) -> &'static str {
    match role {
        Role::Ours => "#0b57a4",
        Role::Peer => "#c77700",
        Role::Baseline => "#8a8a8a",
        Role::Limit => "#4f8f5b",
    }
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
    fn the_page_is_self_contained_and_escaped() {
        let page = render(&document::of(&summary()), &host::root().join("target/bench"));
        assert!(!page.contains("http") && !page.contains("<script") && !page.contains("<link"));
        assert!(page.contains("not &lt;here&gt;") && !page.contains("<here>"));
        assert_eq!(page.matches("<svg").count(), 2);
        assert_eq!(page.matches("<table>").count(), page.matches("</table>").count());
        assert!(page.contains("class=\"worse\"") && page.contains("class=\"better\""));
    }
}
