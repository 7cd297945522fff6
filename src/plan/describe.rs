//! `describe`: the stage that writes a card.

use super::{
    eval::Evaluator,
    stage::{Card, Work},
    stages::Title,
    value::{Arguments, Opened, Outcome, Value},
};
use crate::{diag::codes::plan as codes, source::Span};
use std::rc::Rc;

impl<'p> Evaluator<'p, '_> {
    /// Carries out `describe`; none for another builtin.
    pub(super) fn card_builtin(
        &mut self,
        name: &str,
        subject: &Option<(Value<'p>, Span)>,
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Option<Outcome<Value<'p>>> {
        if name != "describe" {
            return None;
        }
        let (value, at) = subject.as_ref()?;
        let card = match value {
            Value::Net(net) => self.net_card(net, arguments, span),
            Value::Model(model) => self.net_card(&model.net, arguments, span),
            Value::Dataset(_) | Value::Cohort(_) | Value::Task(_) => self
                .no_network_options(arguments)
                .and_then(|()| self.data_card(value, span)),
            other => self.unexpected("a network or data", other, *at),
        };
        Some(card.map(|card| self.describe(card, span)))
    }

    /// The options of networks say nothing of data, so they are refused beside them.
    fn no_network_options(&mut self, arguments: &Arguments<'p>) -> Outcome<()> {
        let given = arguments.slots.iter().find(|(_, slot)| slot.given);
        match given {
            Some((name, slot)) => {
                let message = format!("`{name}` is for networks, and this is a card of data");
                self.error(&codes::BAD_VALUE, message, slot.span)
            }
            None => Ok(()),
        }
    }

    fn describe(&mut self, card: Card, span: Span) -> Value<'p> {
        let title = Title {
            place: String::new(),
            member: String::new(),
            label: format!("describe {}", card.name),
        };
        let key = super::canon::canonical(&card);
        let key = blake3::hash(&key).to_hex().to_string();
        let work = Work::Describe(Box::new(card));
        let stage = self
            .stages
            .make(&title, work, key.as_bytes(), Vec::new(), span, Rc::default());
        Value::Report(Opened::Stage(stage))
    }

    /// The file name of the program, without its folder.
    pub(super) fn program_name(&self) -> String {
        let main = &self.program.module(self.program.main).tree;
        let file = self.program.sources.file(main.file).name();
        file.rsplit(['/', '\\']).next().unwrap_or(file).to_owned()
    }
}
