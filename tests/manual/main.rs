//! The manual says what is so: its programs check, its wrong ones give the codes that stand beside them, its commands
//! print what it shows, its links lead somewhere.
//!
//! How a page is read:
//!
//! - A block ```` ```mtl ```` is right: it gives no diagnostic, and stands as `mtl fmt` writes it. Names that it does not
//!   define come from the page's hidden definitions, a comment `<!-- mtl: ... -->` before it, and then from the first
//!   block of `language.md`.
//! - ```` ```mtl,continued ```` goes on from the program before it on the page: its items replace those of the same name
//!   and are added otherwise.
//! - ```` ```mtl,wrong ```` has mistakes, ```` ```mtl,warns ```` warnings alone: exactly those of the comments
//!   `// error: CODE` and `// warning: CODE` at the ends of its lines. A note is told as `// note: CODE`, or passed over.
//! - `file=NAME` also writes the program into the page's folder, for commands and imports that follow; so do fences of
//!   other languages with a `file=`. Pictures that a table names are drawn.
//! - ```` ```console ```` blocks are run in that folder, if their commands are `mtl`; a line `...` stands for any lines.
//!   Those marked `slow` train for minutes and are run by an ignored test, which does not compare numbers.

mod blocks;
mod console;
mod links;
mod page;
mod programs;
