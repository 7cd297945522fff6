//! The way from where a pixel comes to stand back to where it came from, and the one resampling along it.

/// A map of the plane in pixels, `x` to the right and `y` down, about the picture's centre: where the value of a pixel
/// comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Affine {
    /// `[[xx, xy], [yx, yy]]`
    pub(super) linear: [[f64; 2]; 2],
    /// `[x, y]`
    pub(super) shift: [f64; 2],
}

/// A displacement for each pixel, in pixels: where its value comes from, seen from it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    pub(super) x: Vec<f32>,
    pub(super) y: Vec<f32>,
    pub(super) height: usize,
    pub(super) width: usize,
}

/// One part of a way.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    Map(Affine),
    Field(Field),
}

/// Parts of a way, of what was done to the picture first, first: the way back takes the last one first. Maps that follow
/// each other are one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Way(Vec<Part>);

impl Affine {
    pub(super) const IDENTITY: Self = Self::linear([[1.0, 0.0], [0.0, 1.0]]);

    pub(super) const fn linear(linear: [[f64; 2]; 2]) -> Self {
        Self {
            linear,
            shift: [0.0, 0.0],
        }
    }

    /// First `first`, then this map.
    pub(super) fn after(&self, first: &Self) -> Self {
        let ([[a, b], [c, d]], [[e, f], [g, h]]) = (self.linear, first.linear);
        let [x, y] = first.shift;
        Self {
            linear: [[a * e + b * g, a * f + b * h], [c * e + d * g, c * f + d * h]],
            shift: [a * x + b * y + self.shift[0], c * x + d * y + self.shift[1]],
        }
    }

    fn of(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let [[xx, xy], [yx, yy]] = self.linear;
        [xx * x + xy * y + self.shift[0], yx * x + yy * y + self.shift[1]]
    }
}

impl Field {
    /// Between pixels bilinear; beyond the borders as on them.
    fn of(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let axis = |place: f64, side: usize| {
            let last = side as f64 - 1.0;
            let place = (place + last / 2.0).clamp(0.0, last);
            let before = place.floor();
            (
                before as usize,
                (before + 1.0).min(last) as usize,
                (place - before) as f32,
            )
        };
        let ((left, right, share), (top, bottom, lower_share)) = (axis(x, self.width), axis(y, self.height));
        let at = |field: &[f32]| {
            let row = |y: usize| mixed([field[y * self.width + left], field[y * self.width + right]], share);
            f64::from(mixed([row(top), row(bottom)], lower_share))
        };
        [x + at(&self.x), y + at(&self.y)]
    }
}

impl Way {
    /// One more part, of what is done to the picture next.
    pub(super) fn extend(&mut self, part: Part) {
        match (self.0.last_mut(), part) {
            (Some(Part::Map(last)), Part::Map(next)) => *last = last.after(&next),
            (_, part) => self.0.push(part),
        }
    }

    /// Moves the pixels of a picture, `[height, width, channels]`.
    pub(super) fn apply(&self, image: &mut [f32], shape: [usize; 3]) {
        let [channels, _, width] = shape;
        match &self.0[..] {
            [] => {}
            [Part::Map(map)] if *map == Affine::IDENTITY => {}
            [Part::Map(map)] => match (map.linear, map.shift) {
                // Exchanges alone are exact, and need no copy of the picture.
                ([[xx @ (1.0 | -1.0), 0.0], [0.0, yy @ (1.0 | -1.0)]], [0.0, 0.0]) => {
                    if xx < 0.0 {
                        image
                            .chunks_exact_mut(width * channels)
                            .for_each(|row| exchange(row, channels));
                    }
                    if yy < 0.0 {
                        exchange(image, width * channels);
                    }
                }
                _ => resample(image, shape, |place| map.of(place)),
            },
            parts => resample(image, shape, |place| {
                parts.iter().rev().fold(place, |place, part| match part {
                    Part::Map(map) => map.of(place),
                    Part::Field(field) => field.of(place),
                })
            }),
        }
    }
}

/// Bilinear, black beyond the borders. Places are seen from the centre.
fn resample(image: &mut [f32], [channels, height, width]: [usize; 3], from: impl Fn([f64; 2]) -> [f64; 2]) {
    let source = image.to_vec();
    let (centre_x, centre_y) = ((width as f64 - 1.0) / 2.0, (height as f64 - 1.0) / 2.0);
    for (pixel, place) in image.chunks_exact_mut(channels).zip(0..) {
        let [x, y] = from([(place % width) as f64 - centre_x, (place / width) as f64 - centre_y]);
        let (left, right, share) = between(x + centre_x, width);
        let (top, bottom, lower_share) = between(y + centre_y, height);
        let start = |x: Option<usize>, y: Option<usize>| Some((y? * width + x?) * channels);
        let corners = [
            start(left, top),
            start(right, top),
            start(left, bottom),
            start(right, bottom),
        ];
        for (channel, value) in pixel.iter_mut().enumerate() {
            let corner = corners.map(|at| at.map_or(0.0, |at| source[at + channel]));
            let [upper, lower] = [[corner[0], corner[1]], [corner[2], corner[3]]].map(|pair| mixed(pair, share));
            *value = mixed([upper, lower], lower_share);
        }
    }
}

/// The pixels before and behind a place on an axis, none for those beyond its ends, and the share of the second.
fn between(place: f64, side: usize) -> (Option<usize>, Option<usize>, f32) {
    let before = place.floor();
    let inside = |place: f64| (place >= 0.0 && place < side as f64).then_some(place as usize);
    (inside(before), inside(before + 1.0), (place - before) as f32)
}

/// Two values with the share of the second; a share of 0 gives the first exactly.
fn mixed([a, b]: [f32; 2], share: f32) -> f32 {
    a + (b - a) * share
}

/// Exchanges first and last, second and last but one of the parts of so many values.
fn exchange(values: &mut [f32], part: usize) {
    let count = values.len() / part;
    for first in 0..count / 2 {
        let (head, tail) = values.split_at_mut((count - 1 - first) * part);
        head[first * part..(first + 1) * part].swap_with_slice(&mut tail[..part]);
    }
}
