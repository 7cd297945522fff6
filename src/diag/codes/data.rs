//! Codes of tables, labels, splits and leaks.

codes! { "data":
    NO_FILE = "no_file", "A file that the program names does not exist or cannot be read.";
    BAD_HEADER = "bad_header", "Every column of a table needs a name of its own: one is empty, or two are equal.";
    RAGGED_ROW = "ragged_row", "A row of a table has more or fewer fields than its header, so its values cannot be told apart.";
    NOT_TEXT = "not_text", "A table or a file name is not UTF-8 text.";
    NO_ROWS = "no_rows", "A table has no rows, or a condition leaves none.";
    NO_COLUMN = "no_column", "The table has no column of this name.";
    NO_LABEL = "no_label", "The column has no row with this label.";
    LABEL_TWICE = "label_twice", "A label belongs to one class of a task at most.";
    NO_POSITIVE = "no_positive", "Of two classes one must be named the positive one: the order of labels in a column says nothing about it.";
    VIEW_TWICE = "view_twice", "A sample has two pictures of one view, and nothing says which is meant.";
    UNIT_ACROSS_GROUPS = "unit_across_groups", "What columns name as one sample or unit lies in two groups of the split.";
    LABELS_DISAGREE = "labels_disagree", "The pictures of one sample have labels of different classes.";
    NO_SEVERITY = "no_severity", "The most severe of several classes is asked for, and nothing says which that is.";
    MISSING_VALUE = "missing_value", "A row has no value where one is needed: its group, its stratum, its part or a compared number.";
    NOT_A_DATE = "not_a_date", "Rows are ordered by a column of dates, or of whole numbers; this one holds something else.";
    MIXED_COLUMN = "mixed_column", "All values of a column are of one type.";
    COLUMN_TWICE = "column_twice", "A join takes over a column that is there already.";
    COLUMNS_DIFFER = "columns_differ", "Rows that are joined have the same columns.";
    UNMATCHED = "unmatched", "A row belongs to no row of another table, or a map of identities to no group.";
    KEY_TWICE = "key_twice", "A row belongs to several rows of another table, so it cannot take over the values of one.";
    PREPARED_DIFFERENTLY = "prepared_differently", "Pictures of one data set are prepared alike.";
    PICTURE_TWICE = "picture_twice", "A picture is in both of two data sets that are joined, and counts twice.";
    BAD_CARD = "bad_card", "The about.json beside the data is not JSON or has an entry that no card of a data set has.";
    BAD_FOLDERS = "bad_folders", "A folder of pictures must hold one folder per class, and each of them a picture.";
    BAD_ARCHIVE = "bad_archive", "An archive of arrays is damaged, lacks an array, or holds one of another type or shape.";
    MISSING_IMAGES = "missing_images", "Rows name picture files that do not exist.";
    BAD_IMAGE = "bad_image", "A picture is neither PNG nor JPEG, is damaged, or is of a kind that is not read.";
    MIXED_IMAGES = "mixed_images", "Pictures of different sizes or channels cannot stand in one batch: they need `fit`, `resize` or `rgb`.";
    DISTORTED = "distorted", "Resizing to an exact size changes the ratio of height to width by more than 5 %.";
    SIZE_VARIES = "size_varies", "Pictures that are cropped to the breast have sizes of their own; a network, a crop and a padding need one.";
    DOES_NOT_FIT = "does_not_fit", "A crop is larger than a picture, a padding smaller, or a window above all its values.";
    WINDOW_AFTER_NORMALIZE = "window_after_normalize", "A window acts on the grey levels of the file, which are normalised last.";
    BAD_SPLIT = "bad_split", "A split needs at least two folds, and shares between 0 and 1 that leave something to train on.";
    BAD_PART = "bad_part", "A column of parts holds a word other than train, test, val, valid, validation and tuning.";
    GROUP_IN_TWO_PARTS = "group_in_two_parts", "A column of parts, or of folds, puts rows of one group in two of them: a patient would be trained on and tested.";
    TOO_FEW_GROUPS = "too_few_groups", "There are fewer groups than the folds and parts of the split need.";
    CLASS_VANISHES = "class_vanishes", "A fold has no sample of a class in its training or its test part, so it can neither learn nor be judged.";
    FEW_IN_CLASS = "few_in_class", "A fold tests fewer than 10 groups of a class: its AUC says little.";
    LEAK = "leak", "A model would score samples whose group, file or pixels one of its trainings has seen: learnt from, or watched for choices.";
    TUNING_LEAK = "tuning_leak", "A model has seen in training what its tuning part holds: choices made there are biased.";
}
