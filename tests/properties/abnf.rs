//! Reads the notation of RFC 5234 and matches texts against it, slowly and without any cleverness: the judge of a
//! parser that was written by hand.

use std::collections::{BTreeMap, BTreeSet};

/// The rules of a grammar, by name in lower case.
pub(super) struct Grammar(BTreeMap<String, Node>);

enum Node {
    Any(Vec<Node>),
    All(Vec<Node>),
    Repeat(usize, usize, Box<Node>),
    Text { text: Vec<u8>, exact_case: bool },
    Range(u8, u8),
    Rule(String),
}

impl Grammar {
    /// Reads a list of rules. A line that begins with a space belongs to the rule before it.
    pub(super) fn parse(text: &str) -> Self {
        let mut rules: Vec<String> = Vec::new();
        for line in text.lines().map(without_comment).filter(|line| !line.trim().is_empty()) {
            match rules.last_mut() {
                Some(rule) if line.starts_with(' ') => rule.push_str(line),
                _ => rules.push(line.to_owned()),
            }
        }
        let read = |rule: &String| {
            let (name, body) = rule.split_once('=').expect("a name and a definition");
            let mut notation = Notation { text: body.as_bytes(), at: 0 };
            let node = notation.alternation();
            assert_eq!(notation.at, body.len(), "the whole of {name} is read");
            (name.trim().to_lowercase(), node)
        };
        Self(rules.iter().map(read).collect())
    }

    /// Whether the whole of `text` is a `rule`.
    pub(super) fn matches(&self, rule: &str, text: &str) -> bool {
        let starts = BTreeSet::from([0]);
        self.ends(&Node::Rule(rule.to_lowercase()), text.as_bytes(), &starts).contains(&text.len())
    }

    /// Everywhere that `node` can end if it begins at one of `starts`.
    fn ends(&self, node: &Node, text: &[u8], starts: &BTreeSet<usize>) -> BTreeSet<usize> {
        if starts.is_empty() {
            return BTreeSet::new();
        }
        match node {
            Node::Any(choices) => choices.iter().flat_map(|choice| self.ends(choice, text, starts)).collect(),
            Node::All(parts) => parts.iter().fold(starts.clone(), |starts, part| self.ends(part, text, &starts)),
            Node::Repeat(least, most, part) => self.repeated(*least, *most, part, text, starts),
            Node::Text { text: wanted, exact_case } => {
                let is_here = |start: &&usize| {
                    let found = text.get(**start..**start + wanted.len());
                    found.is_some_and(
                        |found| if *exact_case { found == wanted } else { found.eq_ignore_ascii_case(wanted) },
                    )
                };
                starts.iter().filter(is_here).map(|start| start + wanted.len()).collect()
            }
            Node::Range(low, high) => {
                let is_here = |start: &&usize| text.get(**start).is_some_and(|byte| (low..=high).contains(&byte));
                starts.iter().filter(is_here).map(|start| start + 1).collect()
            }
            Node::Rule(name) => {
                let node = self.0.get(name).unwrap_or_else(|| panic!("there is no rule {name}"));
                self.ends(node, text, starts)
            }
        }
    }

    fn repeated(
        &self,
        least: usize,
        most: usize,
        part: &Node,
        text: &[u8],
        starts: &BTreeSet<usize>,
    ) -> BTreeSet<usize> {
        let mut frontier = starts.clone();
        let mut ends = if least == 0 { starts.clone() } else { BTreeSet::new() };
        for count in 1..=most {
            frontier = self.ends(part, text, &frontier);
            if count > least {
                frontier = frontier.difference(&ends).copied().collect();
            }
            if frontier.is_empty() {
                break;
            }
            if count >= least {
                ends.extend(&frontier);
            }
        }
        ends
    }
}

/// A line without its comment; a semicolon in quotes begins none.
fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    let begin = line.find(|c| {
        quoted ^= c == '"';
        c == ';' && !quoted
    });
    &line[..begin.unwrap_or(line.len())]
}

/// Reads the right side of one rule.
struct Notation<'a> {
    text: &'a [u8],
    at: usize,
}

impl Notation<'_> {
    fn alternation(&mut self) -> Node {
        let mut choices = vec![self.concatenation()];
        while self.next_is(b'/') {
            self.at += 1;
            choices.push(self.concatenation());
        }
        Node::Any(choices)
    }

    fn concatenation(&mut self) -> Node {
        let mut parts = Vec::new();
        self.spaces();
        while self.at < self.text.len() && !matches!(self.text[self.at], b'/' | b')' | b']') {
            parts.push(self.repetition());
            self.spaces();
        }
        Node::All(parts)
    }

    fn repetition(&mut self) -> Node {
        let least = self.number(10);
        if self.text[self.at] == b'*' {
            self.at += 1;
            let most = self.number(10).unwrap_or(usize::MAX);
            return Node::Repeat(least.unwrap_or(0), most, Box::new(self.element()));
        }
        let element = self.element();
        match least {
            Some(times) => Node::Repeat(times, times, Box::new(element)),
            None => element,
        }
    }

    fn element(&mut self) -> Node {
        match self.text[self.at] {
            b'(' => self.bracketed(),
            b'[' => Node::Repeat(0, 1, Box::new(self.bracketed())),
            b'"' => self.quoted(false),
            b'%' if self.text[self.at + 1] == b's' => {
                self.at += 2;
                self.quoted(true)
            }
            b'%' => {
                self.at += 2;
                let low = self.number(16).expect("a number");
                let high = if self.text.get(self.at) == Some(&b'-') {
                    self.at += 1;
                    self.number(16).expect("a number")
                } else {
                    low
                };
                Node::Range(u8::try_from(low).unwrap(), u8::try_from(high).unwrap())
            }
            _ => Node::Rule(self.taken(|byte| byte.is_ascii_alphanumeric() || byte == b'-').to_lowercase()),
        }
    }

    fn bracketed(&mut self) -> Node {
        self.at += 1;
        let node = self.alternation();
        assert!(matches!(self.text[self.at], b')' | b']'), "a bracket is closed");
        self.at += 1;
        node
    }

    fn quoted(&mut self, exact_case: bool) -> Node {
        self.at += 1;
        let text = self.taken(|byte| byte != b'"').into_bytes();
        self.at += 1;
        Node::Text { text, exact_case }
    }

    fn number(&mut self, base: u32) -> Option<usize> {
        usize::from_str_radix(&self.taken(|byte| char::from(byte).is_digit(base)), base).ok()
    }

    fn taken(&mut self, fits: impl Fn(u8) -> bool) -> String {
        let taken: Vec<u8> = self.text[self.at..].iter().copied().take_while(|byte| fits(*byte)).collect();
        self.at += taken.len();
        String::from_utf8(taken).expect("text")
    }

    fn next_is(&mut self, byte: u8) -> bool {
        self.spaces();
        self.text.get(self.at) == Some(&byte)
    }

    fn spaces(&mut self) {
        self.taken(|byte| byte == b' ');
    }
}
