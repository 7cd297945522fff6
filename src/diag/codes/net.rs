//! Codes of networks: shapes, parameter names, freezing.

codes! { "net":
    KERNEL_TOO_LARGE = "kernel_too_large", "A kernel or pooling window is larger than its padded input.";
    NO_OUTPUT = "no_output", "A layer would give no output: a width, kernel or stride of zero, or below it.";
    NOT_A_MAP = "not_a_map", "A layer for maps `[channels, height, width]` stands after `flatten`.";
    NOT_FLAT = "not_flat", "A layer for vectors stands where a map `[channels, height, width]` arrives.";
    SHAPES_DIFFER = "shapes_differ", "Tensors are added, multiplied or joined whose shapes do not go together.";
    NAME_TWICE = "name_twice", "Two layers would give their parameters the same full name.";
    SHARED_DIFFERS = "shared_differs", "A shared piece is applied to tensors for which its parameters would have different shapes.";
    GROUPS = "groups", "The groups of a layer do not divide its channels.";
    NO_CHANNELS = "no_channels", "A slice names channels that the tensor does not have.";
    NO_HEAD = "no_head", "A network has no `classes` parameter, or does not end in a layer of that width.";
    AUXILIARY = "auxiliary", "An auxiliary output does not fit the network's own.";
    NO_SUCH_PARAMETER = "no_such_parameter", "A freeze or learning-rate pattern matches no parameter.";
    NO_SUCH_STAGE = "no_such_stage", "More coarse stages are named than the network has, or a stage names no parameter scope.";
}
