//! Which trainings begin alike: the root of a training's trail.
//!
//! The root is made of what acts on every epoch: all of the work but its length and its schedule, and the digests of its
//! inputs. What each epoch uses beside that is for [`crate::train`] to say, which has the formulas.

use super::{
    Plan,
    canon::{Key, Taken, canonical, stage_key},
    digest::Digest,
    stage::{Schedule, Work},
};
use petgraph::graph::NodeIndex;

/// Enters every key of a trail, and changes when what is made of the same ingredients does.
pub const FORMAT: &str = "mtl.trail/1";

/// What all trainings have in common that differ in length and schedule alone; none for stages that do not train. `inputs`
/// are role, name of the other stage's output, its digest.
#[must_use]
pub fn root(work: &Work, inputs: &[Taken]) -> Option<Key> {
    root_by(work, |alike| stage_key(alike, inputs, &[]))
}

impl Plan {
    /// [`root`] of one of its stages; what many stages share is encoded once.
    #[must_use]
    pub fn trail_root(&self, node: NodeIndex, inputs: &[Taken]) -> Option<Key> {
        // The clone shares what the plan owns, so the addresses by which shared values are known hold.
        root_by(&self.graph[node].work, |alike| {
            self.keys.ingredients(alike).key(inputs, &[])
        })
    }
}

/// Length and schedule get one value in all works, so that whatever else a work holds, or will hold, is in the root. A
/// plateau's falls depend on tuning losses, which the epochs before decide; so its rule acts on every epoch.
fn root_by(work: &Work, key: impl FnOnce(&Work) -> Key) -> Option<Key> {
    let mut work = work.clone();
    let train = match &mut work {
        Work::Train(train) => train,
        Work::Contrast(contrast) => &mut contrast.training,
        _ => return None,
    };
    let plateau = train.schedule.plateau().copied();
    train.schedule = Schedule::Constant;
    (train.epochs, train.stop) = (0, None);
    Some(Key(Digest::of(&canonical(&(FORMAT, "root", key(&work), plateau)))))
}
