//! Which gradients a plan needs, where they go, and how long every buffer lives.

use super::cpu::elementwise::column_sums_len;
use super::cpu::maps::row_sums_len;
use super::cpu::norm::work_len;
use super::memory::{Arena, BufferId, Lifetimes};
use super::network::NetworkError;
use super::plan::{Backward, Call, Lowered, Step, TensorId};
use crate::net::ParameterId;

/// How a step hands its gradient to an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// It is the first: it replaces what is there.
    Set,
    /// Another use of the input has left its gradient: it is added.
    Add,
    /// The output's gradient becomes the input's, in place.
    Move,
}

/// The buffers of a plan.
pub(super) struct Buffers {
    /// The activation of each tensor.
    pub(super) values: Vec<BufferId>,
    /// The gradient of each tensor that has one.
    pub(super) gradients: Vec<Option<BufferId>>,
    /// Where they stand.
    pub(super) arena: Arena,
    /// Bytes per sample for the places of maxima.
    pub(super) places: usize,
}

/// Completes the steps with their backward calls and buffers.
///
/// Time runs from 0 over the forward steps, through the loss at `steps`, to `2 * steps` for the backward of step 0.
pub(super) fn assign(lowered: &mut Lowered, trained: Option<&[bool]>, batch: usize) -> Result<Buffers, NetworkError> {
    let mut assignment = Assignment {
        batch,
        loss: lowered.steps.len(),
        trained,
        lifetimes: Lifetimes::default(),
        gradients: vec![None; lowered.tensors.len()],
    };
    let values = assignment.forward(lowered);
    if trained.is_some() {
        assignment.backward(lowered, &values)?;
    }
    let mut places = 0;
    for step in &mut lowered.steps {
        if matches!(step.call, Call::MaxPool(_)) {
            step.places = places;
            places += lowered.tensors[step.output.0].len();
        }
    }
    Ok(Buffers {
        values,
        gradients: assignment.gradients,
        arena: assignment.lifetimes.place(),
        places,
    })
}

struct Assignment<'a> {
    batch: usize,
    loss: usize,
    trained: Option<&'a [bool]>,
    lifetimes: Lifetimes,
    gradients: Vec<Option<BufferId>>,
}

impl Assignment<'_> {
    fn changes(&self, parameter: ParameterId) -> bool {
        self.trained.is_some_and(|trained| trained[parameter.0])
    }

    /// The trained parameters of a step that get a gradient.
    fn trained(&self, step: &Step) -> impl Iterator<Item = ParameterId> + use<> {
        let both = match &step.call {
            Call::Conv { weight, bias, .. }
            | Call::Linear { weight, bias, .. }
            | Call::General { weight, bias, .. } => [Some(*weight), *bias],
            Call::BatchNorm { norm, .. } => [Some(norm.weight), Some(norm.bias)],
            Call::LayerNorm { weight, bias, .. } => [Some(*weight), Some(*bias)],
            Call::Scale { weight, .. } => [Some(*weight), None],
            _ => [None; 2],
        };
        let changing = both.map(|id| id.filter(|&id| self.changes(id)));
        changing.into_iter().flatten()
    }

    /// True when the step has a trained parameter of its own.
    fn trains(&self, step: &Step) -> bool {
        self.trained(step).next().is_some()
    }

    fn forward(&mut self, lowered: &mut Lowered) -> Vec<BufferId> {
        let given = &lowered.tensors[..lowered.inputs];
        let mut values: Vec<_> = given
            .iter()
            .map(|extent| self.lifetimes.add(extent.len() * self.batch, 0))
            .collect();
        for (time, step) in lowered.steps.iter_mut().enumerate() {
            let len = lowered.tensors[step.output.0].len() * self.batch;
            values.push(self.lifetimes.add(len, time));
            for tensor in [Some(step.input), step.other].into_iter().flatten() {
                self.lifetimes.extend(values[tensor.0], time);
            }
            let channels = lowered.tensors[step.output.0].channels;
            let (work, saved) = match &step.call {
                Call::Conv { shape, norm, .. } => (shape.packed_len(), norm.map_or(0, |_| 2 * channels)),
                Call::Linear { shape, .. } => (shape.packed_len(), 0),
                Call::BatchNorm { .. } => (work_len(len, channels), 4 * channels),
                Call::General { shape, .. } => (shape.work_len(), 0),
                _ => (0, 0),
            };
            step.work = (work > 0).then(|| self.lifetimes.add(work, time));
            step.saved = (saved > 0).then(|| self.lifetimes.add(saved, time));
        }
        for output in lowered.auxiliary.iter().chain([&lowered.output]) {
            self.lifetimes.extend(values[output.0], self.loss);
        }
        values
    }

    fn backward(&mut self, lowered: &mut Lowered, values: &[BufferId]) -> Result<(), NetworkError> {
        let mut carries = vec![false; lowered.tensors.len()];
        for step in &lowered.steps {
            let below = carries[step.input.0] || step.other.is_some_and(|other| carries[other.0]);
            carries[step.output.0] = below || self.trains(step);
        }
        if !carries[lowered.output.0] {
            return Err(NetworkError::NothingTrained);
        }
        for output in lowered.auxiliary.iter().chain([&lowered.output]) {
            // An auxiliary output below which nothing is trained has no gradient to give.
            if carries[output.0] && self.gradients[output.0].is_none() {
                let len = lowered.tensors[output.0].len() * self.batch;
                self.gradients[output.0] = Some(self.lifetimes.add(len, self.loss));
            }
        }
        let Lowered { steps, tensors, .. } = lowered;
        let lengths: Vec<usize> = tensors.iter().map(|extent| extent.len() * self.batch).collect();
        let loss = self.loss;
        let mut begun = vec![false; self.trained.map_or(0, <[bool]>::len)];
        for (i, step) in steps
            .iter_mut()
            .enumerate()
            .rev()
            .filter(|(_, step)| carries[step.output.0])
        {
            let time = 2 * loss - i;
            self.keep(step, values, time);
            let own = self.gradients[step.output.0].expect("what carries a gradient is used");
            self.lifetimes.extend(own, time);
            let (input, other) = self.flows(step, &carries);
            for (tensor, flow) in [(Some(step.input), input), (step.other, other)] {
                if let (Some(tensor), Some(flow)) = (tensor, flow) {
                    self.hand(tensor, flow, own, lengths[tensor.0], time);
                }
            }
            let work = self.work(step, input.is_some(), lengths[step.output.0]);
            let work = (work > 0).then(|| self.lifetimes.add(work, time));
            let shared = self
                .trained(step)
                .filter(|id| std::mem::replace(&mut begun[id.0], true))
                .collect();
            step.backward = Some(Backward {
                input,
                other,
                work,
                shared,
            });
        }
        Ok(())
    }

    /// Keeps what the backward call reads.
    fn keep(&mut self, step: &Step, values: &[BufferId], time: usize) {
        let (input, output) = match &step.call {
            Call::Conv { weight, relu, .. } | Call::Linear { weight, relu, .. } => (self.changes(*weight), *relu),
            Call::General { weight, .. } | Call::Scale { weight, .. } => (self.changes(*weight), false),
            Call::BatchNorm { relu, .. } => (true, *relu),
            Call::Activation(_) | Call::LayerNorm { .. } | Call::Multiply { .. } | Call::Maximum => (true, false),
            Call::Relu | Call::Softmax { .. } => (false, true),
            Call::Add { relu } => (false, *relu),
            Call::MaxPool(_)
            | Call::AveragePool(_)
            | Call::WindowMeans(_)
            | Call::Dropout { .. }
            | Call::StochasticDepth { .. }
            | Call::Concat { .. }
            | Call::Slice { .. }
            | Call::Shuffle { .. }
            | Call::Gate { .. }
            | Call::Exchange => (false, false),
        };
        if let (Call::Multiply { .. } | Call::Gate { .. } | Call::Maximum, Some(other)) = (&step.call, step.other) {
            self.lifetimes.extend(values[other.0], time);
        }
        if input {
            self.lifetimes.extend(values[step.input.0], time);
        }
        if output {
            self.lifetimes.extend(values[step.output.0], time);
        }
        if let Some(saved) = step.saved {
            self.lifetimes.extend(saved, time);
        }
    }

    /// How the gradient goes on. At most one input takes the output's gradient over, and only when the kernel is done with it.
    fn flows(&self, step: &Step, carries: &[bool]) -> (Option<Flow>, Option<Flow>) {
        let first = |tensor: TensorId| self.gradients[tensor.0].is_none();
        let takes_input = match step.call {
            Call::Relu => true,
            Call::BatchNorm { .. } => step.other.is_none(),
            Call::Add { .. } => step.other != Some(step.input),
            _ => false,
        };
        let input = carries[step.input.0].then(|| match (first(step.input), takes_input) {
            (true, true) => Flow::Move,
            (true, false) => Flow::Set,
            (false, _) => Flow::Add,
        });
        // The gradient of a summand is the output's; that of a part or a factor is another one.
        let is_summand = !matches!(step.call, Call::Concat { .. } | Call::Multiply { .. } | Call::Maximum);
        let other = step.other.filter(|other| carries[other.0]).map(|other| {
            let first = first(other) && other != step.input;
            match (first, is_summand && input != Some(Flow::Move)) {
                (true, true) => Flow::Move,
                (true, false) => Flow::Set,
                (false, _) => Flow::Add,
            }
        });
        (input, other)
    }

    fn hand(&mut self, tensor: TensorId, flow: Flow, own: BufferId, len: usize, time: usize) {
        match (flow, self.gradients[tensor.0]) {
            (Flow::Move, _) => self.gradients[tensor.0] = Some(own),
            (_, Some(buffer)) => self.lifetimes.extend(buffer, time),
            (_, None) => self.gradients[tensor.0] = Some(self.lifetimes.add(len, time)),
        }
    }

    /// Floats of working memory of the backward call.
    fn work(&self, step: &Step, input: bool, len: usize) -> usize {
        let bias_len = |bias: &Option<ParameterId>, columns: usize| {
            bias.filter(|b| self.changes(*b))
                .map_or(0, |_| column_sums_len(len, columns))
        };
        match &step.call {
            Call::Conv {
                shape, weight, bias, ..
            } => {
                let weight = if self.changes(*weight) {
                    shape.weight_gradient_len()
                } else {
                    0
                };
                let input = if input { shape.input_gradient_len() } else { 0 };
                weight.max(input).max(bias_len(bias, shape.filters))
            }
            Call::Linear {
                shape, weight, bias, ..
            } => {
                let weight = if self.changes(*weight) { shape.packed_len() } else { 0 };
                weight.max(bias_len(bias, shape.outputs))
            }
            Call::BatchNorm { channels, .. } => work_len(len, *channels) + 2 * channels,
            Call::General {
                shape,
                transposed,
                bias,
                ..
            } => {
                let columns = if *transposed { shape.channels } else { shape.filters };
                shape.work_len().max(bias_len(bias, columns))
            }
            Call::LayerNorm { channels, .. } => row_sums_len(len / channels, 2 * channels),
            Call::Scale { channels, .. } => row_sums_len(len / channels, *channels),
            _ => 0,
        }
    }
}
