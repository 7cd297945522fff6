//! The types with a name of their own.

/// Declares the named types once: variant, name and documentation.
macro_rules! named {
    ($($variant:ident = $name:literal $group:ident $doc:literal,)+) => {
        /// A type with a name of its own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Named {
            $(#[doc = $doc] $variant,)+
        }

        impl Named {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name as it is written.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What it is, in a sentence.
            #[must_use]
            pub fn doc(self) -> &'static str {
                match self { $(Self::$variant => $doc,)+ }
            }

            fn group(self) -> Group {
                match self { $(Self::$variant => Group::$group,)+ }
            }
        }
    };
}

/// What a named type is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    /// Plain data.
    Plain,
    /// What a study is made of.
    Domain,
    /// What only options of functions have.
    Option,
}

named! {
    Int = "int" Plain "A whole number.",
    Float = "float" Plain "A number; `20%` is 0.2.",
    Bool = "bool" Plain "`true` or `false`.",
    Text = "text" Plain "A text.",
    Path = "path" Plain "A path to a file or folder.",
    Date = "date" Plain "A day: a cell such as `2020-01-31`, or `date(\"2020-01-31\")`.",
    Duration = "duration" Plain "A time: `30min`.",
    Rows = "Rows" Domain "Rows of a table without pictures, to be joined to others.",
    Dataset = "Dataset" Domain "Samples: pixels plus columns, with deterministic transforms applied.",
    Cohort = "Cohort" Domain "A dataset with a split: folds that never share a group.",
    Task = "Task" Domain "A cohort with a target: classes, each a set of labels.",
    Net = "Net" Domain "An architecture, no weights.",
    Model = "Model" Domain "A net with weights, and the whole history that gave them.",
    Scores = "Scores" Domain "Held-out predictions with label, group and fold per sample.",
    Ranking = "Ranking" Domain "Several scores with the question which is best.",
    Report = "Report" Domain "Something a person opens.",
    Tensor = "Tensor" Domain "A symbolic tensor with a static shape, inside a `net`.",
    Row = "Row" Domain "One row's columns, in `where` and `derive`.",
    Describable = "Describable" Option "What a card can be made of: a network, a model, data.",
    Rates = "Rates" Option "Learning rates: one number, or a record of numbers by layer group.",
    Freeze = "Freeze" Option "What is held fixed: a pattern over parameter names, `stages(n)`, `all_but_head`.",
    Range = "Range" Option "The numbers between two: `0.9..1.1`, with the upper end `0.9..=1.1`.",
    Size = "Size" Option "A number of pixels for a square, or `[height, width]`.",
    Side = "Side" Option "Left or right.",
    Numbers = "Numbers" Option "One number for all channels, or one each.",
    Columns = "Columns" Option "A column's name, or a list of them.",
    NewColumns = "NewColumns" Option "The name of a new column, or a record of functions of a row, one for each new column.",
    Unmatched = "Unmatched" Option "What becomes of a row to which no row of another table belongs.",
    Label = "Label" Option "A value of a column: a number, a text or a truth value.",
    Baseline = "Baseline" Option "An arm of a grid: a label, or a record of labels.",
    Normalization = "Normalization" Option "Mean and deviation of each channel.",
    Folding = "Folding" Option "Which group is tested in which fold.",
    Schedule = "Schedule" Option "The learning rate's course.",
    Optimizer = "Optimizer" Option "How a gradient changes the weights.",
    Loss = "Loss" Option "What a training makes small.",
    ClassWeights = "ClassWeights" Option "How much samples of each class count: a record of numbers by class.",
    Mix = "Mix" Option "How the samples of a batch are mixed with each other.",
    Curve = "Curve" Option "How a value goes from one to another.",
    Fall = "Fall" Option "By how much a loss must fall.",
    Keep = "Keep" Option "The weights that a training gives.",
    Augmentation = "Augmentation" Option "A random change of a training picture.",
    DecayOn = "DecayOn" Option "The parameters that decay.",
    Head = "Head" Option "What becomes of a model's head.",
    WeightFile = "WeightFile" Option "A file of weights: its path, or `hub(...)`.",
    InputAdapt = "InputAdapt" Option "How a first layer is made for another number of channels.",
    Missing = "Missing" Option "What becomes of a sample that lacks a view.",
    UnitLabel = "UnitLabel" Option "The class of what has several pictures.",
    Fuse = "Fuse" Option "How the features of several views become one.",
    Adjust = "Adjust" Option "The correction for many comparisons.",
    Test = "Test" Option "The test of a difference.",
    Measure = "Measure" Option "What the best of several is chosen by.",
    WeightInit = "WeightInit" Option "The distribution of random weights.",
}

impl Named {
    /// The type of a name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|named| named.name() == name)
    }

    /// True for plain data: what a `param` may be, and what labels an axis.
    #[must_use]
    pub fn is_plain(self) -> bool {
        self.group() == Group::Plain
    }

    /// True for the types of options.
    #[must_use]
    pub fn is_option(self) -> bool {
        self.group() == Group::Option
    }

    /// How much a kind of rows knows: `Dataset` 0, `Cohort` 1, `Task` 2; none for other types.
    #[must_use]
    pub fn row_rank(self) -> Option<u8> {
        match self {
            Self::Dataset => Some(0),
            Self::Cohort => Some(1),
            Self::Task => Some(2),
            _ => None,
        }
    }
}
