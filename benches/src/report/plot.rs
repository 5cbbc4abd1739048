//! Curves over sizes, as SVG: sizes to the right, each some times the one before; figures upwards, from zero.

use super::block::{Plot, PlotCurve};
use super::html::escape;
use std::collections::BTreeSet;

const LEFT: f64 = 120.0;
const TOP: f64 = 28.0;
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 200.0;

/// Their names in the style sheet: those of the roles.
const COLOURS: [&str; 4] = ["ours", "peer", "limit", "baseline"];

pub(super) fn svg(plot: &Plot) -> String {
    let all = || plot.curves.iter().flat_map(|curve| &curve.points);
    let sizes: BTreeSet<u64> = all().map(|(size, _)| *size).collect();
    let most = all().map(|(_, figure)| *figure).fold(f64::MIN_POSITIVE, f64::max);
    let place = |&(size, figure): &(u64, f64)| (along(size, &sizes), TOP + HEIGHT * (1.0 - figure / most));
    let bottom = TOP + HEIGHT;
    let mut drawn = format!(
        "<text x=\"{LEFT}\" y=\"16\">{}</text>\n<path d=\"M{LEFT} {TOP} V{bottom} h{WIDTH}\" class=\"axis\"/>\n",
        escape(plot.title)
    );
    for share in [0.0, 0.5, 1.0] {
        let (y, text) = (bottom - HEIGHT * share, escape(&(plot.text)(most * share)));
        drawn += &format!("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{text}</text>\n", LEFT - 8.0, y + 4.0);
    }
    for size in &sizes {
        let (x, y) = (along(*size, &sizes), bottom + 18.0);
        drawn +=
            &format!("<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{}</text>\n", (plot.size)(*size));
    }
    for ((at, curve), colour) in plot.curves.iter().enumerate().zip(COLOURS.iter().cycle()) {
        drawn += &line(curve, colour, place);
        let (x, y) = (LEFT + WIDTH + 14.0, TOP + 12.0 + 20.0 * at as f64);
        drawn += &format!("<text x=\"{x}\" y=\"{y}\" class=\"{colour}\">{}</text>\n", escape(curve.name));
    }
    format!("<svg viewBox=\"0 0 860 {}\" width=\"860\" role=\"img\">\n{drawn}</svg>\n", bottom + 28.0)
}

fn line(curve: &PlotCurve, colour: &str, place: impl Fn(&(u64, f64)) -> (f64, f64)) -> String {
    let places: Vec<(f64, f64)> = curve.points.iter().map(place).collect();
    let path: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let dot =
        |(x, y): &(f64, f64)| format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" class=\"{colour}\"/>");
    let dots: String = places.iter().map(dot).collect();
    let path = path.join(" ");
    format!("<polyline points=\"{path}\" class=\"{colour}\"/>{dots}\n")
}

/// Where a size is on the way to the right.
fn along(size: u64, sizes: &BTreeSet<u64>) -> f64 {
    let of = |size: u64| (size.max(1) as f64).log2();
    let (first, last) =
        (sizes.first().map_or(0.0, |size| of(*size)), sizes.last().map_or(0.0, |size| of(*size)));
    // Not at the very edges, where the texts would be cut.
    LEFT + WIDTH * (0.04 + 0.92 * (of(size) - first) / (last - first).max(f64::MIN_POSITIVE))
}

pub(super) fn size_text(bytes: u64) -> String {
    match bytes {
        bytes if bytes >= 1 << 20 => format!("{} MiB", bytes >> 20),
        bytes => format!("{} KiB", bytes >> 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_curve_has_its_line_and_each_size_its_place() {
        let curve = |name, points: &[(u64, f64)]| PlotCurve { name, points: points.to_vec() };
        let curves = vec![
            curve("read", &[(4 << 10, 1.0), (256 << 10, 4.0), (16 << 20, 2.0)]),
            curve("<b>", &[(4 << 10, 3.0)]),
        ];
        let text = |figure| format!("{figure} items/s");
        let drawn = svg(&Plot { title: "Throughput", curves, text, size: size_text });
        assert_eq!((drawn.matches("<polyline").count(), drawn.matches("<circle").count()), (2, 4));
        for text in [">4 KiB<", ">256 KiB<", ">16 MiB<", ">4 items/s<", ">&lt;b&gt;<"] {
            assert_eq!(drawn.matches(text).count(), 1, "{text} in\n{drawn}");
        }
        // The largest figure is at the top, and the middle size in the middle.
        assert!(drawn.contains(&format!("{:.1},{TOP:.1}", LEFT + WIDTH / 2.0)), "{drawn}");
    }
}
