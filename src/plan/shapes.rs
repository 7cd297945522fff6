//! The shapes that transforms give pictures, known from headers alone.

use super::{
    domain::Dataset,
    eval::Evaluator,
    sources::Source,
    stage::Transform,
    value::{Failed, Outcome},
};
use crate::{
    diag::{Diagnostic, codes::data as codes},
    source::Span,
    tables::Header,
};
use indexmap::IndexMap;

/// Height and width; none where every picture has its own, which its header does not tell.
type Size = Option<[usize; 2]>;

/// Why a transform cannot be applied to a picture.
enum Misfit {
    /// The picture's size is not known where it must be.
    Varies,
    /// The picture of this size is smaller than what is to be cut out of it.
    TooSmall([usize; 2]),
    /// The picture of this size is larger than what it is to be padded to.
    TooLarge([usize; 2]),
    /// The picture has no value so high.
    Dark(u32),
}

/// Pictures that a `resize` distorts.
struct Distorted {
    count: usize,
    first: usize,
    size: Size,
}

impl<'p> Evaluator<'p, '_> {
    /// Channels, height and width that come out of a data set's transforms for every picture; read from the headers.
    pub(super) fn shape(&mut self, data: &Dataset) -> Outcome<[usize; 3]> {
        let key = (data.table.id, data.base_digest, format!("{:?}", data.transforms));
        if let Some(known) = self.tables.shapes.get(&key) {
            return *known;
        }
        let result = self.fresh_shape(data);
        self.tables.shapes.insert(key, result);
        result
    }

    fn fresh_shape(&mut self, data: &Dataset) -> Outcome<[usize; 3]> {
        let (source, span) = (&data.table, data.span);
        let places: Vec<_> = data.base.iter().map(|&row| row as usize).collect();
        let headers = match source.table.headers(&places) {
            Ok(headers) => headers,
            Err(error) => return self.table_error(&error, span),
        };
        let mut first: Option<(usize, Header, [usize; 3])> = None;
        let mut distorted: IndexMap<usize, Distorted> = IndexMap::new();
        for (&row, header) in places.iter().zip(headers) {
            let mut resized = |place: usize, size: Size| {
                let one = Distorted {
                    count: 0,
                    first: row,
                    size,
                };
                distorted.entry(place).or_insert(one).count += 1;
            };
            let (channels, size) = match transformed(&header, &data.transforms, &mut resized) {
                Ok(out) => out,
                Err((place, misfit)) => return self.misfit(data, place, &misfit, row),
            };
            let Some([height, width]) = size else {
                return self.size_varies(data);
            };
            let shape = [channels, height, width];
            match first {
                None => first = Some((row, header, shape)),
                Some((other, _, expected)) if expected != shape => {
                    return self.shapes_differ(source, (other, expected), (row, shape), span);
                }
                Some((other, before, _)) if before.bits != header.bits => {
                    let message = format!(
                        "pictures of {} and {} bits: {} and {}",
                        before.bits,
                        header.bits,
                        source.place(other),
                        source.place(row)
                    );
                    return self.error(&codes::MIXED_IMAGES, message, span);
                }
                Some(_) => {}
            }
        }
        for (place, distorted) in distorted {
            self.warn_distorted(data, place, &distorted, places.len());
        }
        first.map(|(.., shape)| shape).ok_or(Failed)
    }

    /// Resizing to an exact size that changes a picture's ratio of height to width by more than 5 %.
    fn warn_distorted(&mut self, data: &Dataset, place: usize, distorted: &Distorted, pictures: usize) {
        let message = match distorted.size {
            Some([height, width]) => format!(
                "{} of {pictures} pictures change their ratio of height to width by more than 5 %: {height} x {width} in {}",
                distorted.count,
                data.table.place(distorted.first)
            ),
            None => {
                "`crop_breast` leaves every picture its own ratio of height to width, and `resize` makes all the same"
                    .to_owned()
            }
        };
        let diagnostic = Diagnostic::warning(&codes::DISTORTED, message).at(placed(data, place), "");
        self.diagnostics
            .push(diagnostic.help("`fit(...)` instead keeps the ratio and fills up with black"));
    }

    /// Pictures that reach the network in sizes of their own.
    fn size_varies<T>(&mut self, data: &Dataset) -> Outcome<T> {
        let last = data.transforms.iter().rposition(|t| matches!(t, Transform::CropBreast));
        let message = "`crop_breast` leaves every picture a size of its own, and a network takes one size";
        let span = last.map_or(data.span, |place| placed(data, place));
        let diagnostic = Diagnostic::error(&codes::SIZE_VARIES, message).at(span, "");
        self.fail(diagnostic.help("add `fit(224)` behind it, or another size"))
    }

    fn misfit<T>(&mut self, data: &Dataset, place: usize, misfit: &Misfit, row: usize) -> Outcome<T> {
        let name = data.transforms.get(place).map_or("", name);
        let picture = data.table.place(row);
        let (code, message, help) = match misfit {
            Misfit::Varies => (
                &codes::SIZE_VARIES,
                format!("`{name}` needs pictures of a known size, and `crop_breast` leaves every picture its own"),
                "put `fit(...)` between them",
            ),
            Misfit::TooSmall([height, width]) => (
                &codes::DOES_NOT_FIT,
                format!("the picture in {picture} has {height} x {width} pixels, fewer than `{name}` takes out"),
                "crop less, or give the pictures one size before it with `fit(...)` or `pad(...)`",
            ),
            Misfit::TooLarge([height, width]) => (
                &codes::DOES_NOT_FIT,
                format!("the picture in {picture} has {height} x {width} pixels, more than `{name}` fills up to"),
                "`fit(...)` makes a picture smaller and then fills up",
            ),
            Misfit::Dark(bits) => (
                &codes::DOES_NOT_FIT,
                format!("the picture in {picture} has {bits} bits, so no value reaches the window, and all is black"),
                "8 bits go from 0 to 255, 16 bits to 65535",
            ),
        };
        let diagnostic = Diagnostic::error(code, message).at(placed(data, place), "");
        self.fail(diagnostic.help(help))
    }

    fn shapes_differ<T>(
        &mut self,
        source: &Source,
        first: (usize, [usize; 3]),
        second: (usize, [usize; 3]),
        span: Span,
    ) -> Outcome<T> {
        let words = |[channels, height, width]: [usize; 3]| format!("{channels} x {height} x {width}");
        let message = format!(
            "pictures come out with different shapes: {} in {}, {} in {}",
            words(first.1),
            source.place(first.0),
            words(second.1),
            source.place(second.0)
        );
        let help = if first.1[0] == second.1[0] {
            "add `fit(...)` or `resize(...)`, so that all have one size"
        } else {
            "add `rgb`, so that all have three channels"
        };
        self.fail(Diagnostic::error(&codes::MIXED_IMAGES, message).at(span, "").help(help))
    }
}

/// Where a transform stands in the program.
fn placed(data: &Dataset, place: usize) -> Span {
    data.transform_spans.get(place).copied().unwrap_or(data.span)
}

/// What the language calls a transform.
fn name(transform: &Transform) -> &'static str {
    match transform {
        Transform::Resize { .. } => "resize",
        Transform::Rgb => "rgb",
        Transform::Fit { .. } => "fit",
        Transform::Crop { .. } => "crop",
        Transform::Pad { .. } => "pad",
        Transform::WindowPercentiles { .. } | Transform::WindowRange { .. } => "window",
        Transform::CropBreast => "crop_breast",
        Transform::Face(_) => "face",
    }
}

/// Channels and size that transforms give a picture. `distorts` hears of each `resize`, by its place among the
/// transforms, that changes the picture's proportions, with the size before it.
fn transformed(
    header: &Header,
    transforms: &[Transform],
    distorts: &mut dyn FnMut(usize, Size),
) -> Result<(usize, Size), (usize, Misfit)> {
    let mut channels = header.channels as usize;
    let mut size: Size = Some([header.height as usize, header.width as usize]);
    for (place, transform) in transforms.iter().enumerate() {
        match *transform {
            Transform::Rgb => channels = 3,
            Transform::Face(_) | Transform::WindowPercentiles { .. } => {}
            Transform::WindowRange { low, .. } => {
                if low >= f64::from(1_u32 << header.bits.min(16)) - 1.0 {
                    return Err((place, Misfit::Dark(header.bits)));
                }
            }
            Transform::CropBreast => size = None,
            Transform::Fit { height, width } => size = Some([height as usize, width as usize]),
            Transform::Resize { height, width } => {
                let to = [height as usize, width as usize];
                if is_distorted(size, to) {
                    distorts(place, size);
                }
                size = Some(to);
            }
            Transform::Crop { height, width } => {
                let to = [height as usize, width as usize];
                match size {
                    Some(from) if from[0] >= to[0] && from[1] >= to[1] => size = Some(to),
                    Some(from) => return Err((place, Misfit::TooSmall(from))),
                    None => return Err((place, Misfit::Varies)),
                }
            }
            Transform::Pad { height, width } => {
                let to = [height as usize, width as usize];
                match size {
                    Some(from) if from[0] <= to[0] && from[1] <= to[1] => size = Some(to),
                    Some(from) => return Err((place, Misfit::TooLarge(from))),
                    None => return Err((place, Misfit::Varies)),
                }
            }
        }
    }
    Ok((channels, size))
}

/// True when the ratio of height to width changes by more than 5 %, or may.
fn is_distorted(from: Size, to: [usize; 2]) -> bool {
    from.is_none_or(|[height, width]| {
        let ratio = (height as f64 / width as f64) / (to[0] as f64 / to[1] as f64);
        !(1.0 / 1.05..=1.05).contains(&ratio)
    })
}
