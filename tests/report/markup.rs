//! A small reader of markup: enough to tell whether a page nests, and what it would load.

/// A start tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
    /// The text between start and end, tags left out.
    pub(crate) text: String,
}

impl Element {
    /// The value of an attribute.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Reads a page whose elements are all closed (`<br/>`), whose attributes are all quoted and whose `&` and `<` are all
/// escaped; every element in the order of its start.
pub(crate) fn read(page: &str) -> Result<Vec<Element>, String> {
    let mut rest = page.strip_prefix("<!DOCTYPE html>").ok_or("no document type")?;
    let mut elements: Vec<Element> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    while let Some(start) = rest.find('<') {
        let (text, tag) = rest.split_at(start);
        check_text(text, &open, &elements)?;
        open.iter().for_each(|&element| elements[element].text.push_str(text));
        let end = tag.find('>').ok_or("a tag without end")?;
        let inner = &tag[1..end];
        rest = &tag[end + 1..];
        if let Some(name) = inner.strip_prefix('/') {
            let last = open.pop().ok_or_else(|| format!("</{name}> closes nothing"))?;
            if elements[last].name != name {
                return Err(format!("</{name}> closes <{}>", elements[last].name));
            }
            continue;
        }
        let (inner, closed) = inner.strip_suffix('/').map_or((inner, false), |inner| (inner, true));
        elements.push(element(inner)?);
        if !closed {
            open.push(elements.len() - 1);
        }
    }
    check_text(rest, &open, &elements)?;
    match open.last() {
        Some(&element) => Err(format!("<{}> is not closed", elements[element].name)),
        None => Ok(elements),
    }
}

fn check_text(text: &str, open: &[usize], elements: &[Element]) -> Result<(), String> {
    if open.last().is_some_and(|&element| elements[element].name == "style") {
        return Ok(());
    }
    if text.contains('>') {
        return Err(format!("a bare > in {text:?}"));
    }
    let known = ["amp;", "lt;", "gt;", "quot;", "#39;", "#38;", "#60;", "#62;", "#34;"];
    match text
        .split('&')
        .skip(1)
        .find(|after| !known.iter().any(|entity| after.starts_with(entity)))
    {
        Some(after) => Err(format!("a bare & before {after:?}")),
        None => Ok(()),
    }
}

fn element(inner: &str) -> Result<Element, String> {
    let (name, mut rest) = inner.split_once(char::is_whitespace).unwrap_or((inner, ""));
    let mut attributes: Vec<(String, String)> = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            break;
        }
        let (attribute, after) = rest
            .split_once("=\"")
            .ok_or_else(|| format!("an unquoted attribute in <{inner}>"))?;
        let (value, after) = after
            .split_once('"')
            .ok_or_else(|| format!("an open quote in <{inner}>"))?;
        if attributes.iter().any(|(known, _)| known == attribute) {
            return Err(format!("{attribute} stands twice in <{inner}>"));
        }
        attributes.push((attribute.to_owned(), value.to_owned()));
        rest = after;
    }
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(format!("<{inner}> has no name"));
    }
    Ok(Element {
        name: name.to_owned(),
        attributes,
        text: String::new(),
    })
}

#[test]
fn the_reader_sees_what_is_wrong() {
    let page = |body: &str| read(&format!("<!DOCTYPE html><p class=\"a\">{body}</p>"));
    assert_eq!(page("x <b>y</b><br/>").expect("it nests")[0].text, "x y");
    for wrong in [
        "<b>",
        "</i>",
        "a & b",
        "a > b",
        "<b class=x></b>",
        "<b a=\"1\" a=\"2\"></b>",
    ] {
        assert!(page(wrong).is_err(), "{wrong}");
    }
}
