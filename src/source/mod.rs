//! Source files, byte spans and line positions: the lowest layer, used by everything that speaks about text.
