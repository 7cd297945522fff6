//! `export_weights`: one stage that writes the files of all members.

use super::{
    domain::{Model, ModelState},
    eval::Evaluator,
    stage::{ExportWeights, Role, Work},
    stages::Title,
    value::{Opened, Outcome, Value},
};
use crate::{
    diag::{Diagnostic, codes::plan as codes},
    source::Span,
};
use std::rc::Rc;

impl<'p> Evaluator<'p, '_> {
    /// The weights of a trained model as files of the output.
    pub(super) fn export_weights(&mut self, model: &Model<'p>, at: Span, span: Span) -> Outcome<Value<'p>> {
        let trained = match &model.state {
            ModelState::Trained(trained) if !model.pending => Rc::clone(trained),
            state => {
                let message = match state {
                    ModelState::Trained(_) => "these towers have no head yet",
                    ModelState::Loaded(_) => "these weights come from a file and were not trained since",
                    ModelState::Random { .. } => "this model was never trained",
                };
                let diagnostic = Diagnostic::error(&codes::NOTHING_TO_EXPORT, message).at(span, "");
                return self.fail(diagnostic.at(at, "this model").help("train it first"));
            }
        };
        let files = trained.members.iter().map(|member| match trained.member_name(member) {
            name if name.is_empty() => ("model.safetensors".to_owned(), None),
            name => (format!("{}.safetensors", name.replace('/', "-")), Some(name)),
        });
        let export = ExportWeights {
            files: files.collect(),
            network: model.net.display(),
            classes: trained.classes.iter().map(ToString::to_string).collect(),
            link: trained.link,
            normalization: trained.normalization.clone(),
            history: trained.chain.clone(),
        };
        let binding = self.places.last().map(|place| place.binding.to_string());
        let title = Title {
            place: String::new(),
            member: String::new(),
            label: format!("export {}", binding.unwrap_or_default()).trim_end().to_owned(),
        };
        let inputs = trained.members.iter().zip(0..);
        let inputs = inputs.map(|(member, place)| (member.stage, Role::Weights(place)));
        let (inputs, key) = (inputs.collect(), format!("{export:?}"));
        let work = Work::ExportWeights(Box::new(export));
        let stage = self
            .stages
            .make(&title, work, key.as_bytes(), inputs, span, Rc::default());
        Ok(Value::Report(Opened::Stage(stage)))
    }
}
