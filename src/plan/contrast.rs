//! `simclr`: training that tells pictures apart and looks at no label.

use super::{
    course::{self, Beginning, Course, Moving},
    domain::{Cohort, Input, Model, ModelState, Task},
    eval::Evaluator,
    stage::{Contrast, Train, Work},
    train_options::default_rate,
    value::{Arguments, Outcome, Value},
};
use crate::{
    diag::{Diagnostic, codes::plan as codes},
    net::{Graph, ParameterId, ParameterRole},
    source::Span,
};
use std::{cell::OnceCell, rc::Rc, sync::Arc};

/// What a course without classes has beside one with them.
pub(super) struct Contrasting {
    /// The network itself, of which the course's graph has the features.
    pub(super) network: Arc<Graph>,
    pub(super) temperature: f64,
    /// Parameters of the course's graph that begin at random whatever model arrives.
    pub(super) fresh: Vec<bool>,
}

impl Course<'_, '_> {
    /// The work of one member.
    pub(super) fn work_of(&self, training: Train) -> Work {
        match &self.contrast {
            None => Work::Train(Box::new(training)),
            Some(contrast) => Work::Contrast(Box::new(Contrast {
                training,
                temperature: contrast.temperature,
                fresh: contrast.fresh.clone(),
            })),
        }
    }
}

impl<'p> Evaluator<'p, '_> {
    /// Trains on the training part of a cohort, whatever the labels of its rows.
    pub(super) fn simclr(&mut self, model: &Model<'p>, arguments: &Arguments<'p>, span: Span) -> Outcome<Value<'p>> {
        let Value::Cohort(cohort) = arguments.value("cohort").clone() else {
            return self.unexpected("a cohort", arguments.value("cohort"), span);
        };
        if cohort.data.views.is_some() || model.pending {
            let message = "`simclr` learns from single pictures";
            let help = "train without labels before `views` and `towers`";
            let diagnostic = Diagnostic::error(&codes::BAD_VALUE, message).at(span, "");
            return self.fail(diagnostic.help(help));
        }
        let task = Rc::new(unlabelled(&cohort));
        let options = self.options(arguments);
        let temperature = self.number(arguments, "temperature", "above 0", |x| x > 0.0 && x.is_finite());
        let width = self.count(arguments, "projection");
        let folding = self.check_folding(model, &task, span);
        let (prepared, shape) = self.prepare(&cohort.data)?;
        let input = Input { shape, views: 1 };
        let (options, temperature, width, ()) = (options?, temperature?, width?, folding?);
        if options.augment.is_empty() {
            let place = arguments
                .slot("augment")
                .map_or(span, |slot| self.users_place(slot.span));
            let message = "without augmentations the two views of a picture are the same, and nothing is learnt";
            return self.error(&codes::BAD_VALUE, message, place);
        }
        // Heads are neither trained nor kept, so one logit is enough.
        let network = self.graph(&model.net, input, Some(1), span)?;
        let graph = match network.with_projection(width as usize) {
            Ok(graph) => self.networks.intern(graph),
            Err(error) => return self.net_error(&error, span, span, input),
        };
        let normalization = self.normalization(&cohort.data, shape[0])?;
        if let ModelState::Trained(trained) = &model.state {
            self.warn_normalization(trained, &normalization, span);
        }
        let beginning = self.beginning_without_classes(model, &network, input, span)?;
        let default = default_rate(&graph, matches!(model.state, ModelState::Random { .. }));
        let moving = self.moving(&graph, &options, default, span)?;
        self.warn_small_batch(&graph, options.batch, arguments, span);
        let is_fresh = |id: ParameterId| graph.is_head(id) || network.parameters.len() > id.0 && network.is_head(id);
        let course = Course {
            task: &task,
            settings: course::settings(arguments, &options, (default, &beginning), &graph, self.seed, model).into(),
            contrast: Some(Contrasting {
                temperature,
                fresh: graph.ids().map(is_fresh).collect(),
                network: Arc::clone(&network),
            }),
            way: self.calls.last().map_or("simclr", |(way, _)| way).to_owned(),
            moving: features_alone(&graph, moving),
            options,
            graph: Arc::clone(&graph),
            normalization,
            beginning,
            prepared,
            span,
        };
        self.family(model, &task, course, span)
    }

    /// Where the weights come from; a head never comes along.
    fn beginning_without_classes(
        &mut self,
        model: &Model<'p>,
        network: &Graph,
        input: Input,
        span: Span,
    ) -> Outcome<Beginning> {
        let loaded = match &model.state {
            ModelState::Random { seed } => return Ok(Beginning::Random(seed.unwrap_or(self.seed.0))),
            ModelState::Loaded(loaded) => {
                let (stage, before) = self.load_stage(&model.net, loaded, input)?;
                self.check_shapes(&before, network, span)?;
                Some(stage)
            }
            ModelState::Trained(trained) => {
                self.check_shapes(&trained.graph, network, span)?;
                None
            }
        };
        Ok(Beginning::Model {
            loaded,
            new_head: true,
            spread: None,
        })
    }
}

/// All rows of a cohort as a task without classes: parts, exposure and folds are those of any task.
fn unlabelled(cohort: &Rc<Cohort>) -> Task {
    Task {
        name: Some(cohort.name().into()),
        cohort: Cohort::clone(cohort),
        column: "".into(),
        classes: Vec::new(),
        has_positive: true,
        labels: Vec::new(),
        ordered: false,
        samples: Rc::new(cohort.data.rows.iter().map(|row| (*row, 0)).collect()),
        settings: Vec::new(),
        span: cohort.span,
        parts: OnceCell::new(),
        fewest: OnceCell::new(),
    }
}

/// Holds what the features do not rest on: heads and auxiliary branches.
fn features_alone(graph: &Graph, mut moving: Moving) -> Moving {
    let parameters = graph.used().into_iter().zip(&graph.parameters).enumerate();
    for (place, (_, parameter)) in parameters.filter(|(_, (used, _))| !used) {
        Arc::make_mut(&mut moving.rates)[place] = 0.0;
        Arc::make_mut(&mut moving.frozen_weights)[place] = parameter.role.is_trained();
        Arc::make_mut(&mut moving.frozen_statistics)[place] = parameter.role == ParameterRole::Statistic;
    }
    moving
}
