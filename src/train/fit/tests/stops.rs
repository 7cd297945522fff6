//! A stop within a step, between two layers, leaves the state of the last whole step.

use super::exact::plateau;
use super::*;
use std::sync::atomic::AtomicUsize;
use std::thread;

/// Raises the flag when the picture of this number is read, counted over the whole training.
struct Raising<'a> {
    samples: Halves,
    read: AtomicUsize,
    at: usize,
    flag: &'a AtomicBool,
}

impl Samples for Raising<'_> {
    fn count(&self) -> usize {
        self.samples.count()
    }

    fn label(&self, sample: usize) -> usize {
        self.samples.label(sample)
    }

    fn fill(&self, sample: usize, chance: Option<Stream>, image: &mut [f32]) -> Result<(), Failure> {
        if self.read.fetch_add(1, Ordering::Relaxed) == self.at {
            self.flag.store(true, Ordering::Relaxed);
        }
        self.samples.fill(sample, chance, image)
    }
}

/// Trains on, and is stopped when so many pictures were read; the state, and how many steps were told.
fn stopped(recipe: &Recipe, at: usize) -> Result<(State, usize), Box<dyn Error>> {
    let graph = graph()?;
    let mut network = Network::compile(&graph, Mode::Train { frozen: &[] }, 8)?;
    network.load(&initial_weights(&graph, 2))?;
    let flag = AtomicBool::new(false);
    let training = Raising {
        samples: Halves(43),
        read: AtomicUsize::new(0),
        at,
        flag: &flag,
    };
    let data = Data {
        training: &training,
        tuning: Some(&Halves(21)),
    };
    let mut record = Record::new(&flag);
    match fit(&mut network, data, recipe, None, &mut record, control(&flag))? {
        Outcome::Cancelled(state) => Ok((state, record.steps.len())),
        Outcome::Finished(_) => Err("it was not stopped".into()),
    }
}

/// Two batches a step, the second of which finds running statistics that the first has moved.
fn of_two_batches() -> Result<Recipe, NetError> {
    Ok(Recipe {
        schedule: plateau(),
        ema: Some(0.99),
        accumulate: 2,
        keep: Keep::Best,
        ..recipe(ADAMW)?
    })
}

#[test]
fn a_step_that_is_given_up_has_moved_nothing() -> Outcome_ {
    let recipe = of_two_batches()?;
    let (whole, _) = finished(&recipe, 1)?;
    // An epoch is 43 pictures in batches of 8; steps begin at its pictures 0, 16 and 32.
    for (at, steps) in [(3, 0), (10, 0), (16, 1), (30, 1), (42, 2), (43 + 9, 3)] {
        let (state, told) = stopped(&recipe, at)?;
        assert_eq!((state.progress.steps, told), (steps, steps as usize), "stopped at {at}");
        let (Outcome::Cancelled(between), _) = run(&recipe, None, steps as usize, 1)? else {
            return Err("it was not stopped".into());
        };
        assert_eq!(
            weights_to_bytes(&state.weights)?,
            weights_to_bytes(&between.weights)?,
            "the weights and running statistics of the last whole step ({at})"
        );
        let (Outcome::Finished(resumed), _) = run(&recipe, Some(&state), usize::MAX, 2)? else {
            return Err("not finished".into());
        };
        assert_eq!(resumed.to_bytes()?, whole.to_bytes()?, "stopped at {at}");
    }
    Ok(())
}

#[test]
fn stops_at_any_moment_change_no_bit() -> Outcome_ {
    let recipe = of_two_batches()?;
    let (whole, _) = finished(&recipe, 1)?;
    let graph = graph()?;
    let data = Data {
        training: &Halves(43),
        tuning: Some(&Halves(21)),
    };
    let (mut from, mut stops) = (None, 0);
    let last = loop {
        let mut network = Network::compile(&graph, Mode::Train { frozen: &[] }, 8)?;
        network.load(&initial_weights(&graph, 2))?;
        let flag = AtomicBool::new(false);
        let mut record = Record::new(&flag);
        let outcome = thread::scope(|scope| {
            let (wait, flag) = (Duration::from_micros(300 + 97 * stops), &flag);
            scope.spawn(move || {
                thread::sleep(wait);
                flag.store(true, Ordering::Relaxed);
            });
            fit(&mut network, data, &recipe, from.as_ref(), &mut record, control(flag))
        })?;
        match outcome {
            Outcome::Finished(state) => break state,
            Outcome::Cancelled(state) => from = Some(state),
        }
        stops += 1;
    };
    assert!(stops > 0, "it was stopped");
    assert_eq!(last.to_bytes()?, whole.to_bytes()?, "after {stops} stops");
    Ok(())
}
