//! `mtl predict`

mod asked;
mod input;
mod output;
mod weights;

use super::{Exit, Format, name_and_value, output as terminal, run};
use crate::{
    diag::{
        self, Diagnostic, Diagnostics,
        codes::{net as net_codes, plan as plan_codes},
    },
    nn::{self, Network, Stream},
    source::SourceMap,
};
use asked::Asked;
use clap::Args;
use input::Input;
use output::{Table, Values};
use serde_json::json;
use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

/// Arguments of `mtl predict`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The network as the language writes it: `resnet50(classes: 3)`; those of `std.models` need no import
    network: String,

    /// PNG and JPEG files, folders of them, or one array of ready samples, [n, channels, height, width], as `.npy` or
    /// `.safetensors`
    #[arg(required = true)]
    input: Vec<PathBuf>,

    /// The weights with the network's names: a safetensors file, or one of `torch.save`
    #[arg(long, value_name = "FILE")]
    weights: PathBuf,

    /// The entry of a checkpoint in which the weights stand, as `state_dict`
    #[arg(long, value_name = "ENTRY")]
    within: Option<String>,

    /// Where predictions go: `.npy`, `.safetensors` or `.csv`
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// What is done to pictures, as in a program: `|> resize(224) |> rgb |> normalize(imagenet)`
    #[arg(long, value_name = "STEPS")]
    prepare: Option<String>,

    /// A program whose names, such as networks and preparations, may be used
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,

    /// Gives a `param` of that program another value, as `--set width=64`; repeatable
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = name_and_value, requires = "program")]
    sets: Vec<(String, String)>,

    /// The tensor of a safetensors file that holds the samples [default: `input`, else the only one of four extents]
    #[arg(long, value_name = "NAME")]
    tensor: Option<String>,

    /// Writes probabilities, the softmax of the logits
    #[arg(long)]
    probabilities: bool,

    /// Samples computed at once; the result does not depend on it
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    batch: u16,

    /// Threads that compute [default: all cores]; the result does not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,

    /// How facts are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// What was found wrong or worth knowing, with the texts that it speaks of.
struct Wrong {
    diagnostics: Diagnostics,
    sources: SourceMap,
}

impl From<Diagnostic> for Wrong {
    fn from(diagnostic: Diagnostic) -> Self {
        let mut diagnostics = Diagnostics::new();
        diagnostics.push(diagnostic);
        Self {
            diagnostics,
            sources: SourceMap::new(),
        }
    }
}

/// Why a prediction ends early.
enum Stop {
    /// Something given is wrong.
    Wrong(Box<Wrong>),
    /// It cannot be carried out here.
    Exit(Exit),
}

impl<T: Into<Wrong>> From<T> for Stop {
    fn from(wrong: T) -> Self {
        Self::Wrong(Box::new(wrong.into()))
    }
}

/// Predicts, and says what it did.
pub(super) fn predict(arguments: &Arguments) -> Exit {
    match carried_out(arguments) {
        Ok(()) => Exit::Done,
        Err(Stop::Exit(exit)) => exit,
        Err(Stop::Wrong(wrong)) => {
            let Wrong { diagnostics, sources } = &*wrong;
            match arguments.format {
                Format::Json => terminal::json(&diag::json::listing(diagnostics, sources)),
                Format::Text => terminal::diagnostics(diagnostics, sources),
            }
            Exit::ProgramWrong
        }
    }
}

fn carried_out(arguments: &Arguments) -> Result<(), Stop> {
    let cancel = run::ready(arguments.threads).map_err(Stop::Exit)?;
    // What is quickly known to be wrong is said before pictures are read.
    let values = Values::of(&arguments.out, arguments.probabilities)?;
    let mut asked = Asked::read(arguments)?;
    let input = Input::open(arguments, &mut asked, &cancel)?;
    let graph = asked.graph(input.shape())?;
    if graph.masked_views().is_some() {
        let message = format!(
            "`{}` takes samples of several views, and these are single pictures",
            graph.name
        );
        return Err(Diagnostic::error(&plan_codes::NO_VIEWS, message).into());
    }
    let file = (&*arguments.weights, arguments.within.as_deref());
    let (mut network, left) = weights::loaded(&graph, file, arguments.batch.into())?;
    let table = Table::create(&arguments.out, values, [input.len(), graph.classes()])?;
    asked.show_warnings(arguments.format);
    if !left.is_empty() && arguments.format == Format::Text {
        let warning = weights::left_over(&arguments.weights, &graph, &left);
        let Wrong { diagnostics, sources } = warning.into();
        terminal::diagnostics(&diagnostics, &sources);
    }
    write(&mut network, &input, table, &cancel)?;
    let trained = graph.parameters.iter().filter(|parameter| parameter.role.is_trained());
    let facts = json!({
        "schema": "mtl.predict/1",
        "network": arguments.network,
        "parameters": trained.map(crate::net::Parameter::len).sum::<usize>(),
        "weights": arguments.weights,
        "weights_left": left,
        "samples": input.len(),
        "shape": input.shape(),
        "inputs": input.names(),
        "classes": graph.classes(),
        "values": values.word(),
        "device": nn::device_class(),
        "out": arguments.out,
    });
    match arguments.format {
        Format::Json => terminal::json(&facts),
        Format::Text => terminal::line(&format!(
            "{}: {} of {} samples, {} classes each",
            arguments.out.display(),
            values.word(),
            input.len(),
            graph.classes()
        )),
    }
    Ok(())
}

/// Batch after batch through the network into the table.
fn write(network: &mut Network, input: &Input, mut table: Table<'_>, cancel: &AtomicBool) -> Result<(), Stop> {
    let (len, batch) = (network.graph().input_shape().len(), network.batch());
    for first in (0..input.len()).step_by(batch) {
        if cancel.load(Ordering::Relaxed) {
            return Err(Stop::Exit(Exit::Interrupted));
        }
        let count = batch.min(input.len() - first);
        let images = network.images_mut(count).map_err(|error| unusable(&error))?;
        for (sample, image) in images.chunks_exact_mut(len).enumerate() {
            input.fill(first + sample, image)?;
        }
        let logits = network
            .forward(count, Stream::new(0))
            .map_err(|error| unusable(&error))?;
        let classes = logits.len() / count;
        for (sample, logits) in logits.chunks_exact(classes).enumerate() {
            table.row(&input.name(first + sample), logits)?;
        }
    }
    table.finish()
}

fn unusable(error: &crate::nn::NetworkError) -> Diagnostic {
    Diagnostic::error(&net_codes::NO_OUTPUT, error.to_string())
}
