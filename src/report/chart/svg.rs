//! A drawing under construction.

use std::fmt::Write as _;

/// Where a text stands relative to its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum Anchor {
    /// It starts there.
    Start,
    /// Its middle is there.
    Middle,
    /// It ends there.
    End,
}

/// A drawing; lengths are in CSS pixels, y grows downwards.
#[derive(Debug)]
pub(in crate::report) struct Svg {
    width: f64,
    height: f64,
    id: String,
    title: String,
    description: String,
    body: String,
}

impl Svg {
    /// An empty drawing. `id` is unique on the page; title and description are what a screen reader says.
    pub(in crate::report) fn new(width: f64, height: f64, id: &str, title: &str, description: &str) -> Self {
        Self {
            width,
            height,
            id: id.to_owned(),
            title: title.to_owned(),
            description: description.to_owned(),
            body: String::new(),
        }
    }

    /// A straight line.
    pub(in crate::report) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(number);
        let _ = write!(
            self.body,
            r#"<line class="{class}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>"#
        );
    }

    /// A line through points; nothing when there are fewer than two.
    pub(in crate::report) fn polyline(&mut self, class: &str, points: &[(f64, f64)]) {
        let mut data = String::new();
        let mut last: Option<(String, String)> = None;
        for &(x, y) in points {
            let point = (coarse(x), coarse(y));
            if last.as_ref() != Some(&point) {
                let _ = write!(
                    data,
                    "{}{} {}",
                    if last.is_none() { "M" } else { "L" },
                    point.0,
                    point.1
                );
                last = Some(point);
            }
        }
        if data.contains('L') {
            self.path(class, &data);
        }
    }

    /// A path in SVG's path language.
    pub(in crate::report) fn path(&mut self, class: &str, data: &str) {
        let _ = write!(self.body, r#"<path class="{class}" d="{data}"/>"#);
    }

    /// A rectangle from its upper left corner, with rounded corners.
    pub(in crate::report) fn rectangle(&mut self, class: &str, corner: (f64, f64), size: (f64, f64), radius: f64) {
        let [x, y, width, height, radius] = [corner.0, corner.1, size.0, size.1, radius].map(number);
        let _ = write!(
            self.body,
            r#"<rect class="{class}" x="{x}" y="{y}" width="{width}" height="{height}" rx="{radius}"/>"#
        );
    }

    /// A disc.
    pub(in crate::report) fn disc(&mut self, class: &str, centre: (f64, f64), radius: f64) {
        let [x, y, radius] = [centre.0, centre.1, radius].map(number);
        let _ = write!(self.body, r#"<circle class="{class}" cx="{x}" cy="{y}" r="{radius}"/>"#);
    }

    /// A line of text; `point` is on its base line.
    pub(in crate::report) fn text(&mut self, class: &str, point: (f64, f64), anchor: Anchor, text: &str) {
        let [x, y] = [point.0, point.1].map(number);
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escape(text);
        let _ = write!(
            self.body,
            r#"<text class="{class}" x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>"#
        );
    }

    /// A line of text that is read from bottom to top; `point` is the middle of its base line.
    pub(in crate::report) fn upward_text(&mut self, class: &str, point: (f64, f64), text: &str) {
        let [x, y] = [point.0, point.1].map(number);
        let text = escape(text);
        let _ = write!(
            self.body,
            r#"<text class="{class}" x="{x}" y="{y}" text-anchor="middle" transform="rotate(-90 {x} {y})">{text}</text>"#
        );
    }

    /// A line of text that is cut to a width; the whole text shows as a tool tip.
    pub(in crate::report) fn clipped_text(
        &mut self,
        class: &str,
        point: (f64, f64),
        anchor: Anchor,
        text: &str,
        clip: Clip,
    ) {
        let short = clip.cut(text);
        if short == text {
            return self.text(class, point, anchor, text);
        }
        let _ = write!(self.body, "<g><title>{}</title>", escape(text));
        self.text(class, point, anchor, &short);
        self.body.push_str("</g>");
    }

    /// The element, for the page.
    pub(in crate::report) fn finish(self) -> String {
        let Self {
            width,
            height,
            id,
            title,
            description,
            body,
        } = self;
        let [width, height] = [width, height].map(number);
        let (title, description) = (escape(&title), escape(&description));
        format!(
            r#"<svg role="img" aria-labelledby="{id}-t {id}-d" viewBox="0 0 {width} {height}" width="{width}" height="{height}"><title id="{id}-t">{title}</title><desc id="{id}-d">{description}</desc>{body}</svg>"#
        )
    }
}

/// How much room a text has.
#[derive(Clone, Copy, Debug)]
pub(in crate::report) struct Clip {
    /// Pixels.
    pub(in crate::report) width: f64,
    /// Size of the letters in pixels.
    pub(in crate::report) size: f64,
}

impl Clip {
    /// Whether a text needs no cut.
    pub(in crate::report) fn fits(self, text: &str) -> bool {
        text_width(text, self.size) <= self.width
    }

    /// The text, or its start with an ellipsis.
    fn cut(self, text: &str) -> String {
        if self.fits(text) {
            return text.to_owned();
        }
        let mut short = String::new();
        for character in text.chars() {
            short.push(character);
            if text_width(&short, self.size) + self.size > self.width {
                short.pop();
                break;
            }
        }
        format!("{}…", short.trim_end())
    }
}

/// A bound of a text's width: no font is at hand, and most sans-serif letters are narrower than 0.56 of their size.
pub(in crate::report) fn text_width(text: &str, size: f64) -> f64 {
    text.chars()
        .map(|character| if character.is_ascii() { 0.56 } else { 0.9 } * size)
        .sum()
}

/// A coordinate: two decimals at most, no trailing zeros, no negative zero.
pub(in crate::report) fn number(value: f64) -> String {
    decimals(value, 2)
}

/// A coordinate of a long line: a tenth of a pixel is finer than any screen shows.
fn coarse(value: f64) -> String {
    decimals(value, 1)
}

fn decimals(value: f64, decimals: usize) -> String {
    // A coordinate that is not a number would void the whole element.
    let value = if value.is_finite() { value } else { 0.0 };
    let text = format!("{value:.decimals$}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Text for HTML and XML.
pub(in crate::report) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_are_short_and_always_numbers() {
        assert_eq!(
            [1.0, 0.125, -0.001, 12.5, f64::NAN].map(number),
            ["1", "0.13", "0", "12.5", "0"]
        );
    }

    #[test]
    fn a_line_leaves_out_points_that_fall_together() {
        let mut svg = Svg::new(10.0, 10.0, "x", "t", "d");
        svg.polyline("l", &[(0.0, 0.0), (0.01, 0.01), (5.0, 5.0)]);
        svg.polyline("l", &[(1.0, 1.0)]);
        assert!(
            svg.finish()
                .contains(r#"<desc id="x-d">d</desc><path class="l" d="M0 0L5 5"/></svg>"#)
        );
    }

    #[test]
    fn long_text_is_cut_and_kept_as_a_tool_tip() {
        let clip = Clip {
            width: 60.0,
            size: 10.0,
        };
        assert_eq!(clip.cut("short"), "short");
        let mut svg = Svg::new(10.0, 10.0, "x", "t", "d");
        svg.clipped_text("l", (0.0, 0.0), Anchor::Start, "a <very> long label", clip);
        let text = svg.finish();
        assert!(
            text.contains("<title>a &lt;very&gt; long label</title>") && text.contains("…</text>"),
            "{text}"
        );
    }
}
