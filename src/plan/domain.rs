//! The domain's own values: data, splits, tasks, models, scores.

use super::{
    level::Level,
    sources::{Source, rows_digest},
    stage::{ChoiceBy, InputAdapt, Link, Measure, Normalization, Samples, Transform},
    stages::{Setting, StageId},
    value::{Arguments, Text},
    views::Views,
};
use crate::{
    analysis::ModuleId,
    net::{Fuse, Graph, name_matches},
    plan::hub::WeightSource,
    source::Span,
    syntax::ast::{Item, NetItem},
    tables::split::{Assignment, Part},
    weights::{Entry, Format, Note},
};
use indexmap::IndexMap;
use std::{cell::OnceCell, fmt, rc::Rc, sync::Arc};

/// A row of a table, as lambdas see it.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) table: Rc<Source>,
    pub(super) row: usize,
}

/// Rows of a table with the transforms of their pictures.
#[derive(Clone)]
pub(super) struct Dataset {
    /// The name of the binding that first held it.
    pub(super) name: Option<Text>,
    pub(super) table: Rc<Source>,
    /// Rows that are prepared, ascending: all that data sets derived from this one may use.
    pub(super) base: Rc<Vec<u32>>,
    /// The same for equal `base`.
    pub(super) base_digest: [u8; 32],
    /// Rows that are selected, ascending; a subset of `base`.
    pub(super) rows: Rc<Vec<u32>>,
    /// How pictures are grouped to samples of several views; `rows` then holds the first row of each.
    pub(super) views: Option<Rc<Views>>,
    pub(super) transforms: Vec<Transform>,
    /// The call of each transform.
    pub(super) transform_spans: Vec<Span>,
    pub(super) normalization: Option<(Rc<Normalize>, Span)>,
    pub(super) settings: Vec<Setting>,
    /// The call that made it.
    pub(super) span: Span,
}

impl Dataset {
    /// Its name, or `data`.
    pub(super) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("data")
    }
}

/// What normalises pictures.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Normalize {
    /// The constants of torchvision's models: <https://pytorch.org/vision/stable/models.html>.
    ImageNet,
    /// One number for all channels, or one each.
    Constants { mean: Vec<f64>, deviation: Vec<f64> },
}

impl fmt::Display for Normalize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ImageNet => f.write_str("imagenet"),
            Self::Constants { mean, deviation } => write!(f, "constants({mean:?}, {deviation:?})"),
        }
    }
}

/// How rows are to be split.
#[derive(Clone)]
pub(super) enum Folding {
    KFold { folds: u32, tuning: f64, repeats: u32 },
    Holdout { tuning: f64, test: f64 },
    Column(Text),
    LeaveOneOut { column: Text, tuning: f64 },
    Whole,
    Like(Rc<Cohort>),
}

impl fmt::Display for Folding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KFold { folds, tuning, repeats } => write!(f, "kfold({folds}, tuning: {tuning}, repeats: {repeats})"),
            Self::Holdout { tuning, test } => write!(f, "holdout(tuning: {tuning}, test: {test})"),
            Self::Column(name) => write!(f, "by_column({name:?})"),
            Self::LeaveOneOut { column, tuning } => write!(f, "leave_one_out({column:?}, tuning: {tuning})"),
            Self::Whole => f.write_str("whole()"),
            Self::Like(cohort) => write!(f, "like({})", cohort.name()),
        }
    }
}

/// The split that a family's members stand for; cohorts `like` another share it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) assignment: Assignment,
}

/// A data set with a split.
#[derive(Clone)]
pub(super) struct Cohort {
    pub(super) name: Option<Text>,
    pub(super) data: Dataset,
    /// The rows that were split; later selections keep their folds.
    pub(super) split_rows: Rc<Vec<u32>>,
    /// The parts of `split_rows`.
    pub(super) assignment: Rc<Assignment>,
    /// What tells one folding from another.
    pub(super) origin: Rc<Origin>,
    /// True when `like` made it: then its own test parts may be small or empty.
    pub(super) borrowed: bool,
    /// The identity of the group of each of `split_rows`.
    pub(super) groups: Rc<Vec<u32>>,
    /// The column of the groups, or the columns of them: `patient, side`.
    pub(super) group_column: Option<Text>,
    /// True when a group is told by the values of several columns.
    pub(super) is_composite: bool,
    /// The name space of its groups.
    pub(super) ids: Option<Text>,
    /// The split in words.
    pub(super) words: String,
    pub(super) settings: Vec<Setting>,
    /// The call of `split`.
    pub(super) span: Span,
}

impl Cohort {
    /// Its name, its data set's, or `cohort`.
    pub(super) fn name(&self) -> &str {
        self.name.as_deref().or(self.data.name.as_deref()).unwrap_or("cohort")
    }

    /// True when models trained on it are families.
    pub(super) fn is_k_fold(&self) -> bool {
        self.assignment.members.len() > 1
    }

    /// True when members of one are members of the other.
    pub(super) fn same_folding(&self, origin: &Rc<Origin>) -> bool {
        Rc::ptr_eq(&self.origin, origin) || self.origin == *origin
    }
}

/// A cohort with a target.
pub(super) struct Task {
    pub(super) name: Option<Text>,
    pub(super) cohort: Cohort,
    pub(super) column: Text,
    pub(super) classes: Vec<Text>,
    /// False for two classes of which the program names neither the positive one: then it can be learnt, not judged.
    pub(super) has_positive: bool,
    /// The labels of each class, as the table writes them.
    pub(super) labels: Vec<Vec<Text>>,
    /// True when the program wrote the classes in their order: the most severe one first.
    pub(super) ordered: bool,
    /// Rows of the table that have a class, ascending, with it; of several views the first row of each sample.
    pub(super) samples: Rc<Vec<(u32, u32)>>,
    pub(super) settings: Vec<Setting>,
    /// The call of `classify`.
    pub(super) span: Span,
    /// Its members, once they are needed.
    pub(super) parts: OnceCell<Rc<TaskParts>>,
    /// The fewest groups that a fold tests of a class, with the class and the fold, if they are few.
    pub(super) fewest: OnceCell<Option<(usize, usize, String)>>,
}

impl Task {
    /// Its name, or `task`.
    pub(super) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("task")
    }

    /// The same task under another name or of other rows: members are found anew.
    pub(super) fn changed(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut task = Self {
            name: self.name.clone(),
            cohort: self.cohort.clone(),
            column: self.column.clone(),
            classes: self.classes.clone(),
            has_positive: self.has_positive,
            labels: self.labels.clone(),
            ordered: self.ordered,
            samples: Rc::clone(&self.samples),
            settings: self.settings.clone(),
            span: self.span,
            parts: OnceCell::new(),
            fewest: OnceCell::new(),
        };
        change(&mut task);
        task
    }
}

/// A task's samples as its members use them.
pub(super) struct TaskParts {
    pub(super) members: Vec<TaskMember>,
    /// What a model is judged on that is no member of the task's folding: all test parts, and of a single split the
    /// tuning part.
    pub(super) everywhere: Judged,
    /// Identity of each sample's group.
    pub(super) groups: Vec<u32>,
    /// Identities of the pictures of all samples, those of one sample together.
    pub(super) pictures: Vec<u32>,
    /// Where the pictures of each sample begin, and where the last one's end.
    pub(super) starts: Vec<usize>,
}

impl TaskParts {
    /// Identities of a sample's pictures.
    pub(super) fn pictures_of(&self, sample: usize) -> &[u32] {
        match (self.starts.get(sample), self.starts.get(sample + 1)) {
            (Some(&start), Some(&end)) => self.pictures.get(start..end).unwrap_or_default(),
            _ => &[],
        }
    }
}

/// What one member of a task learns from and is judged on.
pub(super) struct TaskMember {
    pub(super) repeat: u32,
    pub(super) fold: u32,
    pub(super) training: Arc<Samples>,
    pub(super) tuning: Arc<Samples>,
    pub(super) judged: Judged,
    /// Who is in the training and the tuning part.
    pub(super) seen: Rc<Exposure>,
    /// The same for equal training and tuning parts.
    pub(super) digest: [u8; 32],
}

/// Samples in the making: their places among the task's samples, and the rows of the prepared file, of several views
/// those of one sample together.
#[derive(Clone, Debug, Default)]
pub(super) struct Placed {
    pub(super) places: Vec<u32>,
    pub(super) rows: Vec<u32>,
}

/// Samples that are scored: rows of the prepared file, and their places among the task's samples.
#[derive(Clone)]
pub(super) struct Judged {
    /// Pictures of a sample.
    pub(super) views: u32,
    pub(super) test: Arc<Vec<u32>>,
    pub(super) test_places: Arc<Vec<u32>>,
    pub(super) tuning: Arc<Vec<u32>>,
    pub(super) tuning_places: Arc<Vec<u32>>,
    /// The same for equal rows.
    pub(super) digest: [u8; 32],
}

impl Judged {
    /// Test and tuning samples of so many views.
    pub(super) fn new(views: u32, test: Placed, tuning: Placed) -> Self {
        let lengths = [views, number(test.places.len())];
        Self {
            views,
            digest: rows_digest(&[&lengths, test.rows.as_slice(), tuning.rows.as_slice()].concat()),
            test_places: Arc::new(test.places),
            tuning_places: Arc::new(tuning.places),
            test: Arc::new(test.rows),
            tuning: Arc::new(tuning.rows),
        }
    }
}

/// Counts beyond the numbers of 32 bits cannot be held in memory anyway.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Groups and pictures that a stage has seen, each list sorted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Exposure {
    pub(super) training: Seen,
    pub(super) tuning: Seen,
}

/// Sorted identities.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) groups: Vec<u32>,
    pub(super) pictures: Vec<u32>,
}

/// What a network is given: channels, height and width of a picture, and how many pictures a sample has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Input {
    pub(super) shape: [usize; 3],
    pub(super) views: usize,
}

impl Input {
    /// The same pictures one by one.
    pub(super) fn single(self) -> Self {
        Self { views: 1, ..self }
    }
}

/// Towers that are put on a network.
#[derive(Clone, Copy, Debug)]
pub(super) struct NetTowers {
    pub(super) fuse: Fuse,
    pub(super) shared: bool,
    /// The call of `towers`.
    pub(super) span: Span,
}

/// A network without weights.
#[derive(Clone)]
pub(super) struct Net<'p> {
    pub(super) item: &'p Item,
    pub(super) net: &'p NetItem,
    pub(super) module: ModuleId,
    pub(super) arguments: Arguments<'p>,
    pub(super) towers: Option<NetTowers>,
    pub(super) span: Span,
}

/// A network with weights, and the history that gave them.
pub(super) struct Model<'p> {
    pub(super) net: Rc<Net<'p>>,
    pub(super) state: ModelState,
    /// True when its weights are those of the network before towers were put on it: the head is to be made.
    pub(super) pending: bool,
}

/// Where a model's weights come from.
#[derive(Clone)]
pub(super) enum ModelState {
    /// A seed; none for the study's.
    Random { seed: Option<u64> },
    /// A file, read once the shape of the input is known.
    Loaded(Rc<Loaded>),
    /// Training.
    Trained(Rc<Trained>),
}

/// A weight file, and how it is read.
pub(super) struct Loaded {
    pub(super) source: Rc<WeightSource>,
    /// What its header says.
    pub(super) format: Format,
    pub(super) entries: IndexMap<String, Entry>,
    pub(super) note: Option<Note>,
    /// The entry in which the weights stand.
    pub(super) within: Option<Text>,
    /// What becomes of a first layer for other channels, and who says so; none when it is refused.
    pub(super) adapt: Option<(InputAdapt, ChoiceBy)>,
    /// Scopes of the file and those of the network that they are.
    pub(super) names: Vec<(Text, Text)>,
    /// Scopes of the file that are left out.
    pub(super) skip: Vec<Text>,
    /// Scopes of the network that begin at random.
    pub(super) new: Vec<Text>,
    /// What the call says of all this.
    pub(super) settings: Vec<Setting>,
    /// The places of `names`, `skip` and `new`.
    pub(super) spans: [Span; 3],
    /// The call of `load`.
    pub(super) span: Span,
}

impl Loaded {
    /// True for a parameter that begins at random in spite of the file.
    pub(super) fn is_new(&self, name: &str) -> bool {
        self.new.iter().any(|pattern| name_matches(pattern, name))
    }

    /// The classes of the file's head, which files that were exported say.
    pub(super) fn classes(&self) -> Option<Vec<Text>> {
        let classes = self.note.as_ref()?.classes.iter();
        let classes: Vec<Text> = classes.map(|class| class.as_str().into()).collect();
        (!classes.is_empty()).then_some(classes)
    }
}

/// A trained model, or one per member of a folding.
pub(super) struct Trained {
    /// The folding of a family; none for a single model.
    pub(super) origin: Option<Rc<Origin>>,
    /// The cohort of that folding, as messages name it.
    pub(super) cohort: Text,
    pub(super) members: Vec<MemberModel>,
    pub(super) graph: Arc<Graph>,
    pub(super) classes: Vec<Text>,
    /// What its logits mean, by the loss of its last training.
    pub(super) link: Link,
    pub(super) normalization: Normalization,
    /// Parameters that some stage has trained or loaded.
    pub(super) learned: Rc<Vec<bool>>,
    /// The history in words, oldest first.
    pub(super) chain: Vec<String>,
}

impl Trained {
    /// The name of one of its members.
    pub(super) fn member_name(&self, member: &MemberModel) -> String {
        let repeats = self.members.iter().map(|m| m.repeat + 1).max().unwrap_or(1);
        member_name(repeats, self.members.len(), member.repeat, member.fold)
    }
}

/// One model.
#[derive(Clone)]
pub(super) struct MemberModel {
    pub(super) repeat: u32,
    pub(super) fold: u32,
    pub(super) stage: StageId,
    pub(super) history: Rc<History>,
}

/// What a model has seen, newest stage first.
pub(super) struct History {
    pub(super) stage: StageId,
    /// `pretrain density`
    pub(super) label: String,
    /// `fold2`; empty for single models.
    pub(super) member: String,
    pub(super) seen: Rc<Exposure>,
    pub(super) span: Span,
    pub(super) before: Option<Rc<History>>,
}

impl History {
    /// From the newest stage to the oldest.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &History> {
        std::iter::successors(Some(self), |history| history.before.as_deref())
    }
}

/// Held-out predictions.
pub(super) struct Scores {
    pub(super) task: Rc<Task>,
    /// The units that are judged; none for the samples themselves.
    pub(super) level: Option<Rc<Level>>,
    pub(super) network: String,
    pub(super) network_parameters: u64,
    pub(super) chain: Vec<String>,
    pub(super) members: Vec<ScoredMember>,
    /// What was chosen or averaged, as settings.
    pub(super) settings: Vec<Setting>,
    pub(super) span: Span,
}

/// One member's predictions.
pub(super) struct ScoredMember {
    pub(super) repeat: u32,
    pub(super) fold: u32,
    pub(super) source: Rc<ScoreSource>,
    /// Places among the task's samples.
    pub(super) test: Arc<Vec<u32>>,
    pub(super) tuning: Arc<Vec<u32>>,
}

/// The models behind predictions, as [`super::stage::Scoring`] names them in a report.
pub(super) enum ScoreSource {
    Model {
        stage: StageId,
        /// Oldest first.
        trainings: Vec<StageId>,
    },
    Chosen {
        axis: Text,
        by: Measure,
        tunes: Vec<String>,
        pool: Vec<String>,
        /// Label, predictions, and the others whose measures are averaged with theirs.
        candidates: Vec<(Text, Rc<ScoreSource>, Vec<Rc<ScoreSource>>)>,
    },
    Mean(Vec<Rc<ScoreSource>>),
}

impl ScoreSource {
    /// Calls `see` with stage and trainings of every model.
    pub(super) fn each_model(&self, see: &mut dyn FnMut(StageId, &[StageId])) {
        match self {
            Self::Model { stage, trainings } => see(*stage, trainings),
            Self::Chosen { candidates, .. } => {
                for (_, own, pool) in candidates {
                    own.each_model(see);
                    pool.iter().for_each(|other| other.each_model(see));
                }
            }
            Self::Mean(all) => all.iter().for_each(|one| one.each_model(see)),
        }
    }
}

/// What is held fixed.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Freeze {
    /// Patterns over parameter names, with their places.
    Patterns(Vec<(Text, Span)>),
    /// The first coarse stages.
    Stages(usize, Span),
    AllButHead,
}

impl fmt::Display for Freeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Patterns(patterns) => {
                let patterns: Vec<_> = patterns.iter().map(|(pattern, _)| format!("{pattern:?}")).collect();
                match &patterns[..] {
                    [one] => f.write_str(one),
                    many => write!(f, "[{}]", many.join(", ")),
                }
            }
            Self::Stages(count, _) => write!(f, "stages({count})"),
            Self::AllButHead => f.write_str("all_but_head"),
        }
    }
}

/// The name of a member in messages and stage names: `fold2`, `repeat1/fold2`; empty when there is but one.
pub(super) fn member_name(repeats: u32, members: usize, repeat: u32, fold: u32) -> String {
    match (members, repeats) {
        (0 | 1, _) => String::new(),
        (_, 0 | 1) => format!("fold{}", fold + 1),
        _ => format!("repeat{}/fold{}", repeat + 1, fold + 1),
    }
}

/// The part of a row for a member of a cohort; none for rows that were not split.
pub(super) fn part_of(cohort: &Cohort, member: usize, row: u32) -> Option<Part> {
    let place = cohort.split_rows.binary_search(&row).ok()?;
    Some(cohort.assignment.part(member, place))
}
