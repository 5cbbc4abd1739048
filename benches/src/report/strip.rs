//! A ratio and its interval on one line: 1 in the middle, each mark twice the one before, worse to the left.

use super::block::Strip;
use super::html::escape;
use crate::statistics::Verdict;

/// How many times better or worse a strip can show; what is beyond is an arrow at its end.
const MOST: f64 = 16.0;
const WIDTH: f64 = 160.0;

pub(super) fn html(strip: &Strip) -> String {
    let (class, text) = (class(strip.verdict), escape(&strip.text));
    let (low, middle, high) = (place(strip.low), place(strip.ratio), place(strip.high));
    let marks: String = [0.125, 0.25, 0.5, 2.0, 4.0, 8.0]
        .map(|mark| format!("<path class=\"mark\" d=\"M{:.1} 4v6\"/>", place(mark)))
        .concat();
    let what = match strip.ratio {
        ratio if ratio > MOST => format!("<path d=\"M{:.1} 2l7 5l-7 5z\"/>", WIDTH - 8.0),
        ratio if ratio < 1.0 / MOST => "<path d=\"M8 2l-7 5l7 5z\"/>".to_owned(),
        _ => format!(
            "<path class=\"range\" d=\"M{low:.1} 7H{high:.1}\"/><circle cx=\"{middle:.1}\" cy=\"7\" r=\"4\"/>"
        ),
    };
    let half = WIDTH / 2.0;
    format!(
        "<div class=\"strip {class}\"><svg viewBox=\"0 0 {WIDTH} 14\" width=\"{WIDTH}\" aria-hidden=\"true\">\
         <path class=\"mark\" d=\"M0 7H{WIDTH}\"/>{marks}<path class=\"one\" d=\"M{half} 0v14\"/>{what}</svg>\
         <span>{text}</span></div>"
    )
}

fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Better => "better",
        Verdict::Worse => "worse",
        Verdict::NoDifference | Verdict::Unjudged => "level",
    }
}

fn place(ratio: f64) -> f64 {
    let steps = MOST.log2();
    WIDTH * (0.5 + 0.5 * (ratio.max(f64::MIN_POSITIVE).log2() / steps).clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strip(ratio: f64, verdict: Verdict) -> String {
        html(&Strip { ratio, low: ratio, high: ratio, verdict, text: "a<b".to_owned() })
    }

    #[test]
    fn worse_is_left_of_the_middle_and_as_far_as_better_is_right_of_it() {
        assert_eq!((place(1.0), place(0.25) + place(4.0)), (WIDTH / 2.0, WIDTH));
        assert!(place(0.5) < place(1.0) && place(0.0) == 0.0 && place(f64::INFINITY) == WIDTH);
    }

    #[test]
    fn what_is_beyond_is_an_arrow_and_the_verdict_a_class() {
        assert!(
            strip(46.0, Verdict::Better).contains("strip better")
                && !strip(46.0, Verdict::Better).contains("<circle")
        );
        assert!(
            strip(0.5, Verdict::Worse).contains("strip worse")
                && strip(0.5, Verdict::Worse).contains("<circle")
        );
        assert!(
            strip(1.0, Verdict::Unjudged).contains("strip level")
                && strip(1.0, Verdict::Unjudged).contains("a&lt;b")
        );
    }
}
