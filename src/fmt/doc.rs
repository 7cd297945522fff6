//! Documents: text with places where lines may break, and their layout in a given width.
//!
//! The algebra is that of Wadler 2003, "A prettier printer", laid out strictly as in Lindig 2000, "Strictly Pretty": a
//! group is written on one line if it fits there up to the next place where a line can break, and otherwise all its
//! own places break. Here a document is not a tree but the run of commands that a walk over that tree gives, so building
//! it costs one vector, and the look ahead is bounded by the width: time is linear in the document.
//!
//! Two things are added to the algebra. A group may *hug* the group that it ends with: `f(a, {` keeps its line and only
//! the braces' content is broken. And comments end their lines by force, wherever they stand.

/// The widest line, as in the Rust of this project: two windows fit beside each other on a common screen.
pub(super) const WIDTH: usize = 120;

/// Blanks between a line and the comment at its end.
const BEFORE_COMMENT: usize = 2;

/// How far a line that must break where no break is planned is indented.
const CONTINUATION: usize = 2;

/// Comments of one section stand in one column, unless that would move one of them by more than this.
const MAX_SHIFT: usize = 48;

/// A group of a [`Doc`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GroupId(usize);

/// Comments at the ends of lines that belong together, and are aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Section(usize);

/// How much was written between two marks, on one line, and whether that is possible.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    width: usize,
    forces: usize,
}

impl Mark {
    /// The characters between this mark and a later one; none when a line must break between them.
    pub(super) fn width_until(self, later: Self) -> Option<usize> {
        (self.forces == later.forces).then(|| later.width - self.width)
    }
}

#[derive(Clone, Copy, Debug)]
enum Command<'a> {
    /// Text and its width in characters.
    Text(&'a str, usize),
    /// A blank, unless a line begins here.
    Space,
    /// A line's end in a broken group, otherwise a blank or nothing.
    Line(bool),
    /// A blank, or a line's end where what follows up to the next place does not fit.
    Fill,
    /// The next line's end leaves an empty line.
    Blank,
    /// Text for a broken group only, of one character.
    IfBroken(&'static str),
    /// Blanks that align an entry's value, if the broken group is a table.
    Pad(usize),
    /// A comment on a line of its own.
    Own(&'a str),
    /// A comment at a line's end.
    Trailing(&'a str, Option<Section>),
    Open(GroupId),
    Close,
    /// More blanks at the begin of lines, if the innermost group is broken.
    Indent(usize),
    Dedent,
}

/// What forces a group's lines to break.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Breaks {
    #[default]
    Nothing,
    /// Only what this group within it holds.
    Child(GroupId),
    Itself,
}

#[derive(Clone, Copy, Debug, Default)]
struct Group {
    breaks: Breaks,
    /// The group that this one ends with and may hug.
    hug: Option<GroupId>,
    /// The width of what could stand on the line below, unbroken, instead of being hugged.
    below: Option<usize>,
    /// Laid out as the group around it.
    inherits: bool,
    /// The widest entry with its value aligned; none when the group is no table.
    table: Option<usize>,
}

/// A document under construction.
#[derive(Debug, Default)]
pub(super) struct Doc<'a> {
    commands: Vec<Command<'a>>,
    groups: Vec<Group>,
    open: Vec<GroupId>,
    sections: usize,
    width: usize,
    forces: usize,
}

impl<'a> Doc<'a> {
    pub(super) fn text(&mut self, text: &'a str) {
        let width = text.chars().count();
        self.width += width;
        self.commands.push(Command::Text(text, width));
    }

    pub(super) fn space(&mut self) {
        self.width += 1;
        self.commands.push(Command::Space);
    }

    /// A place to break; unbroken it is a blank if `blank`.
    pub(super) fn line(&mut self, blank: bool) {
        self.width += usize::from(blank);
        self.commands.push(Command::Line(blank));
    }

    pub(super) fn fill(&mut self) {
        self.width += 1;
        self.commands.push(Command::Fill);
    }

    pub(super) fn blank(&mut self) {
        self.commands.push(Command::Blank);
    }

    /// The comma after the last element of a broken group.
    pub(super) fn comma_if_broken(&mut self) {
        self.commands.push(Command::IfBroken(","));
    }

    pub(super) fn pad(&mut self, blanks: usize) {
        self.commands.push(Command::Pad(blanks));
    }

    pub(super) fn own_comment(&mut self, comment: &'a str) {
        self.force();
        self.commands.push(Command::Own(comment));
    }

    pub(super) fn trailing_comment(&mut self, comment: &'a str, section: Option<Section>) {
        self.force();
        self.commands.push(Command::Trailing(comment, section));
    }

    pub(super) fn indent(&mut self, blanks: usize) {
        self.commands.push(Command::Indent(blanks));
    }

    pub(super) fn dedent(&mut self) {
        self.commands.push(Command::Dedent);
    }

    pub(super) fn open(&mut self) -> GroupId {
        let id = GroupId(self.groups.len());
        self.groups.push(Group::default());
        self.open.push(id);
        self.commands.push(Command::Open(id));
        id
    }

    /// A group that breaks if and only if the one around it does.
    pub(super) fn open_inheriting(&mut self) -> GroupId {
        let id = self.open();
        self.groups[id.0].inherits = true;
        id
    }

    /// The open groups must break.
    pub(super) fn force(&mut self) {
        self.forces += 1;
        if let Some(id) = self.open.last() {
            self.groups[id.0].breaks = Breaks::Itself;
        }
    }

    /// `inner`, a closed group with which the open group `outer` ends, may be broken alone.
    pub(super) fn hug(&mut self, outer: GroupId, inner: GroupId) {
        self.groups[outer.0].hug = Some(inner);
    }

    /// The same, but only where the group `inner`, which is `width` wide, must be broken on a line of its own too.
    pub(super) fn hug_if_wide(&mut self, outer: GroupId, inner: GroupId, width: usize) {
        self.hug(outer, inner);
        self.groups[outer.0].below = Some(width);
    }

    /// True when a group may hug another.
    pub(super) fn hugs(&self, group: GroupId) -> bool {
        self.groups[group.0].hug.is_some()
    }

    /// Makes a table of a group whose widest entry, aligned, is `width` wide.
    pub(super) fn table(&mut self, group: GroupId, width: usize) {
        self.groups[group.0].table = Some(width);
    }

    pub(super) fn close(&mut self) {
        let Some(id) = self.open.pop() else { return };
        self.commands.push(Command::Close);
        if self.groups[id.0].breaks != Breaks::Nothing
            && let Some(outer) = self.open.last()
        {
            let breaks = &mut self.groups[outer.0].breaks;
            *breaks = match *breaks {
                Breaks::Nothing => Breaks::Child(id),
                _ => Breaks::Itself,
            };
        }
    }

    pub(super) fn section(&mut self) -> Section {
        self.sections += 1;
        Section(self.sections - 1)
    }

    pub(super) fn mark(&self) -> Mark {
        Mark {
            width: self.width,
            forces: self.forces,
        }
    }

    /// The text, without a line's end after the last line.
    pub(super) fn layout(&self) -> String {
        let mut printer = Printer {
            doc: self,
            out: String::with_capacity(self.width * 2),
            column: 0,
            frames: Vec::new(),
            indents: vec![0],
            hugged: vec![false; self.groups.len()],
            state: State::LineStart(0),
            blank: false,
            comments: Vec::new(),
        };
        for (at, command) in self.commands.iter().enumerate() {
            printer.command(at, *command);
        }
        printer.finish()
    }
}

/// How an open group is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Flat,
    /// On one line but for the group it hugs.
    Hug,
    Broken,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    mode: Mode,
    table: bool,
}

/// What lies between the last text and the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing yet on this line, to be indented.
    LineStart(usize),
    Nothing,
    Space,
    /// A comment, so that the line must end; the next is indented so, unless its end is planned.
    AfterComment(usize),
}

/// A comment at a line's end: where in the output, in which column its line ends, in which section it is.
struct Placed {
    at: usize,
    column: usize,
    section: Option<Section>,
}

struct Printer<'d, 'a> {
    doc: &'d Doc<'a>,
    out: String,
    /// Characters on the line so far.
    column: usize,
    frames: Vec<Frame>,
    indents: Vec<usize>,
    /// Groups that another one hugs, and which therefore break.
    hugged: Vec<bool>,
    state: State,
    blank: bool,
    comments: Vec<Placed>,
}

impl<'a> Printer<'_, 'a> {
    fn mode(&self) -> Mode {
        self.frames.last().map_or(Mode::Broken, |frame| frame.mode)
    }

    fn indentation(&self) -> usize {
        self.indents.last().copied().unwrap_or(0)
    }

    fn command(&mut self, at: usize, command: Command<'a>) {
        match command {
            Command::Text(text, width) => self.text(text, width),
            Command::Space => self.space(),
            Command::Line(blank) => match self.mode() {
                Mode::Broken => self.newline(self.indentation()),
                _ if blank => self.space(),
                _ => {}
            },
            Command::Fill => {
                if self.mode() == Mode::Broken && !self.fits(at + 1, self.next_column() + 1, Look::Beyond) {
                    self.newline(self.indentation());
                } else {
                    self.space();
                }
            }
            Command::Blank => self.blank = true,
            Command::IfBroken(text) => {
                if self.mode() == Mode::Broken {
                    self.text(text, 1);
                }
            }
            Command::Pad(blanks) => {
                if self.frames.last().is_some_and(|frame| frame.table) {
                    self.out.extend(std::iter::repeat_n(' ', blanks));
                    self.column += blanks;
                }
            }
            Command::Own(comment) => self.own_comment(comment),
            Command::Trailing(comment, section) => self.trailing_comment(comment, section),
            Command::Open(id) => self.open(at, id),
            Command::Close => {
                self.frames.pop();
            }
            Command::Indent(blanks) => {
                let more = if self.mode() == Mode::Broken { blanks } else { 0 };
                self.indents.push(self.indentation() + more);
            }
            Command::Dedent => {
                self.indents.pop();
            }
        }
    }

    fn newline(&mut self, indentation: usize) {
        self.out.push('\n');
        if self.blank {
            self.out.push('\n');
        }
        self.blank = false;
        self.state = State::LineStart(indentation);
    }

    fn space(&mut self) {
        if self.state == State::Nothing {
            self.state = State::Space;
        }
    }

    /// Where the next text would begin.
    fn next_column(&self) -> usize {
        match self.state {
            State::LineStart(indentation) | State::AfterComment(indentation) => indentation,
            State::Nothing => self.column,
            State::Space => self.column + 1,
        }
    }

    fn text(&mut self, text: &str, width: usize) {
        if let State::AfterComment(indentation) = self.state {
            self.newline(indentation);
        }
        let column = self.next_column();
        match self.state {
            State::LineStart(indentation) => self.out.extend(std::iter::repeat_n(' ', indentation)),
            State::Space => self.out.push(' '),
            _ => {}
        }
        self.out.push_str(text);
        self.column = column + width;
        self.state = State::Nothing;
        self.blank = false;
    }

    fn own_comment(&mut self, comment: &str) {
        let indentation = match self.state {
            State::LineStart(indentation) => indentation,
            State::AfterComment(indentation) => {
                self.newline(indentation);
                indentation
            }
            State::Nothing | State::Space => {
                self.newline(self.indentation() + CONTINUATION);
                self.indentation() + CONTINUATION
            }
        };
        self.text(comment, 0);
        self.state = State::AfterComment(indentation);
    }

    fn trailing_comment(&mut self, comment: &str, section: Option<Section>) {
        self.comments.push(Placed {
            at: self.out.len(),
            column: self.column,
            section,
        });
        self.out.push_str(comment);
        self.state = State::AfterComment(self.indentation() + CONTINUATION);
    }

    fn open(&mut self, at: usize, id: GroupId) {
        let group = self.doc.groups[id.0];
        let around = self.mode();
        let inner = matches!(group.breaks, Breaks::Child(child) if group.hug == Some(child));
        let mode = if around == Mode::Flat || group.inherits {
            around
        } else if group.breaks != Breaks::Nothing && !inner {
            Mode::Broken
        } else if !inner && !self.hugged[id.0] && self.fits(at, self.next_column(), Look::Flat) {
            Mode::Flat
        } else if let Some(hug) = group.hug
            && (inner || group.below.is_none_or(|width| self.indentation() + 2 + width > WIDTH))
            && self.fits(at, self.next_column(), Look::Until(self.last_hugged(hug)))
        {
            self.hugged[hug.0] = true;
            Mode::Hug
        } else {
            Mode::Broken
        };
        let table = mode == Mode::Broken && group.table.is_some_and(|width| self.indentation() + 2 + width <= WIDTH);
        self.frames.push(Frame { mode, table });
    }

    /// The group that is broken when `hugged` is, and it hugs others in turn.
    fn last_hugged(&self, mut hugged: GroupId) -> GroupId {
        while let Some(next) = self.doc.groups[hugged.0].hug {
            hugged = next;
        }
        hugged
    }

    /// True when what begins at `at` fits into the line from `column` on, up to the next place where a line may break.
    fn fits(&self, at: usize, mut column: usize, look: Look) -> bool {
        // Groups opened since `at`, and how many of those around are still open.
        let (mut inside, mut around) = (0_usize, self.frames.len());
        let mut beyond = matches!(look, Look::Beyond);
        let mut target = None;
        for command in self.doc.commands.iter().skip(at) {
            match *command {
                Command::Text(_, width) => column += width,
                Command::Space => column += 1,
                Command::Pad(_) | Command::Blank | Command::Indent(_) | Command::Dedent => {}
                Command::Line(blank) if !self.breaks(beyond, inside, around, target) => column += usize::from(blank),
                Command::Fill if !self.breaks(beyond, inside, around, target) => column += 1,
                Command::Line(_) | Command::Fill | Command::Own(_) | Command::Trailing(..) => return column <= WIDTH,
                Command::IfBroken(_) => column += usize::from(inside == 0 && self.mode_around(around) == Mode::Broken),
                Command::Open(id) => {
                    inside += 1;
                    if matches!(look, Look::Until(hugged) if hugged == id) {
                        target = Some(inside);
                    }
                }
                Command::Close if inside == 0 => around = around.saturating_sub(1),
                Command::Close => {
                    inside -= 1;
                    beyond |= inside == 0;
                }
            }
            if column > WIDTH {
                return false;
            }
        }
        true
    }

    /// True when a place seen by [`Printer::fits`] may break. What follows a group is taken to break where it can, so that
    /// the answer does not depend on how it will be laid out.
    fn breaks(&self, beyond: bool, inside: usize, around: usize, target: Option<usize>) -> bool {
        match inside {
            0 => self.mode_around(around) == Mode::Broken,
            _ => beyond || target == Some(inside),
        }
    }

    fn mode_around(&self, around: usize) -> Mode {
        around
            .checked_sub(1)
            .and_then(|at| self.frames.get(at))
            .map_or(Mode::Broken, |frame| frame.mode)
    }

    /// Puts the blanks before the comments at lines' ends.
    fn finish(self) -> String {
        let mut bounds = vec![(usize::MAX, 0); self.doc.sections];
        for comment in &self.comments {
            if let Some(Section(section)) = comment.section {
                let (least, most) = bounds[section];
                bounds[section] = (comment.column.min(least), comment.column.max(most));
            }
        }
        let mut text = String::with_capacity(self.out.len() + self.comments.len() * BEFORE_COMMENT);
        let mut from = 0;
        for comment in &self.comments {
            let column = match comment.section.map(|Section(section)| bounds[section]) {
                Some((least, most)) if most - least <= MAX_SHIFT => most,
                _ => comment.column,
            };
            text.push_str(&self.out[from..comment.at]);
            text.extend(std::iter::repeat_n(' ', column - comment.column + BEFORE_COMMENT));
            from = comment.at;
        }
        text.push_str(&self.out[from..]);
        text
    }
}

/// How far [`Printer::fits`] looks.
#[derive(Clone, Copy, Debug)]
enum Look {
    /// Over a group without breaks, and what follows it.
    Flat,
    /// Over a group without breaks, up to the first break of the group that it hugs.
    Until(GroupId),
    /// Over what follows the current place.
    Beyond,
}
