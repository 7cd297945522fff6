//! Codes of evaluation and planning.

codes! { "plan":
    BAD_VALUE = "bad_value", "A value is outside the range that its place allows.";
    BAD_PATTERN = "bad_pattern", "A pattern is no regular expression.";
    UNEXPECTED_VALUE = "unexpected_value", "A value of another type arrives than its place takes.";
    NO_VALUE = "no_value", "A parameter has neither a value nor a default.";
    CIRCULAR = "circular", "A value depends on itself, so it has none.";
    ARITHMETIC = "arithmetic", "A division that is not exact or by zero, or a number that does not fit.";
    DUPLICATE_LABEL = "duplicate_label", "Labels of an axis, axes of a grid and keys of a record are unique.";
    NO_SUCH_ENTRY = "no_such_entry", "A list, record or module has no such entry.";
    NO_SUCH_AXIS = "no_such_axis", "A grid has no axis of this name.";
    NO_SUCH_LABEL = "no_such_label", "An axis has no such label.";
    OUTPUT = "output", "An output is a report; the program has no output of this name, or it is something else.";
    SPLIT_TWICE = "split_twice", "Rows are split once: a second split would throw the first one's folds away.";
    CLASSIFIED_TWICE = "classified_twice", "A task is made from a cohort, not from another task.";
    VIEWS_TWICE = "views_twice", "Rows are grouped to samples of several views once.";
    NO_VIEWS = "no_views", "A network with towers is given pictures one by one.";
    CHANNELS = "channels", "Constants of a normalisation are one for all channels, or one for each.";
    WEIGHTS_UNREADABLE = "weights_unreadable", "A weight file is damaged, or of a format that is not read.";
    WEIGHTS_UNSAFE = "weights_unsafe", "The pickle in a PyTorch file asks for more than tensors. Such a file is a program: it is refused, and nothing of it is executed.";
    WEIGHTS_ELSEWHERE = "weights_elsewhere", "The weights of a PyTorch file stand in an entry that was not named.";
    NO_SUCH_WEIGHT = "no_such_weight", "What `names` renames and `skip` leaves out must be in the weight file.";
    HUB_FILE = "hub_file", "A file of the hub is fetched before a program is planned, and its digest says which file is meant.";
    WEIGHTS_LEFT = "weights_left", "A weight file holds values that no layer of the network takes.";
    WEIGHTS_MISFIT = "weights_misfit", "A weight file lacks a parameter of the network, or holds it in another shape.";
    MODEL_SHAPE = "model_shape", "A model's weights do not fit pictures of this size or of so many channels.";
    FOLDING_MISMATCH = "folding_mismatch", "A family over one folding is not trained on another: members would be matched by chance, and most test groups trained on.";
    NOTHING_TO_TRAIN = "nothing_to_train", "A task without a training part cannot be trained on.";
    NOTHING_TO_TEST = "nothing_to_test", "A task without a test part cannot judge a model.";
    NOTHING_TO_EXPORT = "nothing_to_export", "What is exported are weights that were trained.";
    RANDOM_TTA = "random_tta", "Every picture is scored under the same changes: an evaluation draws nothing at random.";
    HEAD_MISMATCH = "head_mismatch", "A head belongs to its list of classes, by name and order.";
    ALL_FROZEN = "all_frozen", "A training in which every parameter is frozen changes nothing.";
    FROZEN_UNTRAINED = "frozen_untrained", "Frozen parameters that no stage has trained or loaded stay random for ever.";
    NORMALIZATION_DIFFERS = "normalization_differs", "A model is given pictures that are normalised otherwise than those it was trained on.";
    SMALL_BATCH = "small_batch", "Batch normalisation over few samples measures noise.";
    NO_BASELINE = "no_baseline", "A comparison needs an axis and the label of its baseline.";
    UNLIKE_SCORES = "unlike_scores", "Scores that are chosen among or taken together are of the same samples in the same folds.";
    NO_TUNING_PART = "no_tuning_part", "A choice is made on the tuning part of each fold, which is not there or lacks a class.";
    REPLICATE = "replicate", "An axis of replication holds runs of one recipe: it is not compared, and no baseline fixes it.";
    NOT_PAIRED = "not_paired", "Arms are compared on the same samples: tests are paired.";
}
