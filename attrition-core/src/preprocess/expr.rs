//! Expressions over columns: `MonthlyIncome / (TotalWorkingYears + 1)`.
//!
//! | written | means |
//! |---|---|
//! | `12`, `0.5`, `1e3` · `"Yes"`, `'Yes'` · `true`, `false` | a number, a text, a truth value |
//! | `Age`, `` `Monthly income` `` | a column; in backquotes any name, also one that is a keyword |
//! | `+ - * /`, `-x`, `( )` | arithmetic; a truth value counts as 0 or 1 |
//! | `== != < <= > >=` | a truth value; a category is compared with a text by `==` and `!=` |
//! | `and`, `or`, `not` | a truth value; missing where the answer depends on what is missing |
//! | `abs sqrt log log1p exp round floor ceil (x)` | as named; `log` is the natural one, `round` takes halves away from 0 |
//! | `min(a, b, …)`, `max(a, b, …)` | the lowest, the highest; 2 to 32 of them |
//! | `if(condition, a, b)` | `a` where the condition holds, `b` where it does not |
//! | `is_missing(x)`, `coalesce(a, b, …)` | whether there is no value; the first value there is |
//! | `ratio(a, b)`, `ratio(a, b, c)` | `a / b`; where `b` is 0, missing or `c` |
//! | `days(a, b)`, `years(a, b)` | from instant `a` to instant `b`, in days, in years of 365.2425 days |
//! | `date("2026-01-31")` | an instant: a day or a time, UTC where it names no offset |
//! | `year quarter month day weekday day_of_year (t)` | a part of an instant; weekdays from Monday = 1 |
//! | `band(x, 30, 40, 50)` | a category, only as the whole expression: `<30`, `30-40`, `40-50` (lower end in, upper end out), `>=50`, `(missing)` |
//!
//! From what binds most to what binds least: `-x`; `* /`; `+ -`; a comparison; `not`; `and`; `or`. Of equal ones the left
//! comes first.
//!
//! A missing value makes what is computed from it missing, but for `is_missing`, `coalesce`, `band`, `and`, `or`, and the
//! part of an `if` or a `ratio` that is not taken. What cannot be computed (a division by zero, the root of a negative
//! number, an overflow) is an error on training rows, and missing in predicting; `is_missing` and `coalesce` take it for
//! missing in both.

use std::collections::BTreeSet;
use std::fmt;

use chrono::{DateTime, Datelike};
use serde::{Deserialize, Serialize};

use super::Block;
use crate::error::{Place, nearest};
use crate::num::float;
use crate::schema::{Field, FieldKind, Role, Schema};
use crate::table::time::{MICROS_PER_DAY, parse as parse_time};
use crate::{Error, Result};

/// Longest text, most pieces, deepest nesting, and most values waiting for their operation: far beyond what a person
/// writes, and little enough that no stack overflows.
const MAX_CHARS: usize = 4096;
const MAX_TOKENS: usize = 1000;
const MAX_DEPTH: usize = 64;
const STACK: usize = 64;
/// Most characters of an expression that an error shows.
const SHOWN: usize = 120;
/// The mean Gregorian year.
const DAYS_PER_YEAR: f64 = 365.2425;
/// The band of gaps.
const MISSING_BAND: &str = "(missing)";

/// A parsed expression. In JSON it is its text.
///
/// # Example
/// ```
/// use attrition_core::preprocess::Expr;
/// let expression = Expr::parse("MonthlyIncome / (TotalWorkingYears + 1)")?;
/// assert_eq!(expression.columns(), ["MonthlyIncome", "TotalWorkingYears"]);
/// let error = Expr::parse("MonthlyIncome / (Years + ").unwrap_err();
/// assert!(error.to_string().contains("at character 26"), "{error}");
/// # Ok::<(), attrition_core::Error>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Expr {
    text: String,
    root: Node,
}

impl PartialEq for Expr {
    fn eq(&self, other: &Expr) -> bool {
        self.text == other.text
    }
}

impl TryFrom<String> for Expr {
    type Error = String;
    fn try_from(text: String) -> std::result::Result<Expr, String> {
        Expr::parse(&text).map_err(|e| match e {
            Error::InvalidParam { got, expected, hint, .. } => format!("{got} ({expected} is expected: {hint})"),
            other => other.to_string(),
        })
    }
}

impl From<Expr> for String {
    fn from(e: Expr) -> String {
        e.text
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A piece of an expression and the character it begins at, counted from 0.
#[derive(Debug, Clone)]
struct Node {
    at: usize,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Number(f64),
    Text(String),
    Bool(bool),
    Column(String),
    Negate(Box<Node>),
    Not(Box<Node>),
    Binary(Binary, Box<Node>, Box<Node>),
    Call(&'static Function, Vec<Node>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    And,
    Or,
}

impl Binary {
    fn sign(self) -> &'static str {
        match self {
            Binary::Add => "+",
            Binary::Subtract => "-",
            Binary::Multiply => "*",
            Binary::Divide => "/",
            Binary::Equal => "==",
            Binary::NotEqual => "!=",
            Binary::Less => "<",
            Binary::LessEqual => "<=",
            Binary::Greater => ">",
            Binary::GreaterEqual => ">=",
            Binary::And => "and",
            Binary::Or => "or",
        }
    }
}

#[derive(Debug)]
struct Function {
    name: &'static str,
    /// Fewest and most arguments.
    arguments: (usize, usize),
    call: Call,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Abs,
    Sqrt,
    Log,
    Log1p,
    Exp,
    Round,
    Floor,
    Ceil,
    Min,
    Max,
    If,
    IsMissing,
    Coalesce,
    Ratio,
    Days,
    Years,
    Date,
    Part(Part),
    Band,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Year,
    Quarter,
    Month,
    Day,
    Weekday,
    DayOfYear,
}

const MANY: usize = 32;

#[rustfmt::skip]
static FUNCTIONS: [Function; 24] = [
    Function { name: "abs", arguments: (1, 1), call: Call::Abs },
    Function { name: "sqrt", arguments: (1, 1), call: Call::Sqrt },
    Function { name: "log", arguments: (1, 1), call: Call::Log },
    Function { name: "log1p", arguments: (1, 1), call: Call::Log1p },
    Function { name: "exp", arguments: (1, 1), call: Call::Exp },
    Function { name: "round", arguments: (1, 1), call: Call::Round },
    Function { name: "floor", arguments: (1, 1), call: Call::Floor },
    Function { name: "ceil", arguments: (1, 1), call: Call::Ceil },
    Function { name: "min", arguments: (2, MANY), call: Call::Min },
    Function { name: "max", arguments: (2, MANY), call: Call::Max },
    Function { name: "if", arguments: (3, 3), call: Call::If },
    Function { name: "is_missing", arguments: (1, 1), call: Call::IsMissing },
    Function { name: "coalesce", arguments: (2, MANY), call: Call::Coalesce },
    Function { name: "ratio", arguments: (2, 3), call: Call::Ratio },
    Function { name: "days", arguments: (2, 2), call: Call::Days },
    Function { name: "years", arguments: (2, 2), call: Call::Years },
    Function { name: "date", arguments: (1, 1), call: Call::Date },
    Function { name: "year", arguments: (1, 1), call: Call::Part(Part::Year) },
    Function { name: "quarter", arguments: (1, 1), call: Call::Part(Part::Quarter) },
    Function { name: "month", arguments: (1, 1), call: Call::Part(Part::Month) },
    Function { name: "day", arguments: (1, 1), call: Call::Part(Part::Day) },
    Function { name: "weekday", arguments: (1, 1), call: Call::Part(Part::Weekday) },
    Function { name: "day_of_year", arguments: (1, 1), call: Call::Part(Part::DayOfYear) },
    Function { name: "band", arguments: (2, MANY), call: Call::Band },
];

// ── text to tree ────────────────────────────────────────────────────────────────────────────────────────────────

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Number(f64),
    Text(String),
    /// A bare word: a column, a function or a keyword.
    Word(String),
    /// A name in backquotes.
    Name(String),
    Sign(&'static str),
    End,
}

const SIGNS: [&str; 13] = ["==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "(", ")", ","];

struct Parser<'t> {
    text: &'t str,
    tokens: Vec<(usize, Token)>,
    next: usize,
    depth: usize,
}

/// An error that points at a character of the text.
fn pointed(name: &str, text: &str, at: usize, got: &str, expected: &str, hint: &str) -> Error {
    Error::param(name, format!("{got} {}", place(text, at)), expected, hint)
}

/// The character, counted from 1, and the text, or of a long one what is around the character.
fn place(text: &str, at: usize) -> String {
    let n = text.chars().count();
    let from = at.saturating_sub(SHOWN / 2).min(n.saturating_sub(SHOWN));
    let around: String = text.chars().skip(from).take(SHOWN).collect();
    let (before, after) = (if from > 0 { "…" } else { "" }, if from + SHOWN < n { "…" } else { "" });
    format!("at character {} of `{before}{around}{after}`", at + 1)
}

/// A column's name as an expression has it.
fn written(name: &str) -> String {
    let is_word = name.chars().all(|c| c.is_alphanumeric() || c == '_')
        && !name.starts_with(|c: char| c.is_numeric())
        && !matches!(name, "and" | "or" | "not" | "true" | "false" | "");
    if is_word { name.to_owned() } else { format!("`{name}`") }
}

impl<'t> Parser<'t> {
    fn fail<T>(&self, at: usize, got: &str, expected: &str, hint: &str) -> Result<T> {
        Err(pointed("derive", self.text, at, got, expected, hint))
    }

    fn tokens(text: &'t str) -> Result<Parser<'t>> {
        let chars: Vec<char> = text.chars().take(MAX_CHARS + 1).collect();
        let mut parser = Parser { text, tokens: Vec::new(), next: 0, depth: 0 };
        if chars.len() > MAX_CHARS {
            return parser.fail(MAX_CHARS, "a text that goes on", "at most 4096 characters", "derive it in steps");
        }
        let mut i = 0;
        while let Some(&c) = chars.get(i) {
            let start = i;
            let run = |from: usize, fits: &dyn Fn(char) -> bool| {
                chars[from..].iter().position(|&c| !fits(c)).map_or(chars.len(), |n| from + n)
            };
            let token = if c.is_whitespace() {
                i += 1;
                continue;
            } else if c.is_ascii_digit() || (c == '.' && chars.get(i + 1).is_some_and(char::is_ascii_digit)) {
                i = run(i, &|c| c.is_ascii_digit() || c == '.');
                if matches!(chars.get(i), Some('e' | 'E')) {
                    let sign = usize::from(matches!(chars.get(i + 1), Some('+' | '-')));
                    if chars.get(i + 1 + sign).is_some_and(char::is_ascii_digit) {
                        i = run(i + 1 + sign, &|c| c.is_ascii_digit());
                    }
                }
                let written: String = chars[start..i].iter().collect();
                match written.parse::<f64>() {
                    Ok(x) if x.is_finite() => Token::Number(x),
                    _ => return parser.fail(start, &format!("`{written}`"), "a number", "write it as 1234.5 or 1e3"),
                }
            } else if c.is_alphabetic() || c == '_' {
                i = run(i, &|c| c.is_alphanumeric() || c == '_');
                Token::Word(chars[start..i].iter().collect())
            } else if matches!(c, '"' | '\'' | '`') {
                let end = run(i + 1, &|x| x != c);
                if end == chars.len() {
                    return parser.fail(start, &format!("{c} that is not closed"), "the same quote again", "close it");
                }
                i = end + 1;
                let inner = chars[start + 1..end].iter().collect();
                if c == '`' { Token::Name(inner) } else { Token::Text(inner) }
            } else {
                let sign = SIGNS.iter().find(|s| s.chars().enumerate().all(|(k, x)| chars.get(i + k) == Some(&x)));
                match sign {
                    Some(sign) => {
                        i += sign.len();
                        Token::Sign(sign)
                    }
                    None => {
                        let hint = match c {
                            '=' => "compare by ==",
                            '&' => "write `and`",
                            '|' => "write `or`",
                            '!' => "write `not`, or != to compare",
                            '^' => "write x * x, or exp and log",
                            '“' | '”' | '„' | '‘' | '’' => "put texts between straight quotes",
                            _ => "see the list of signs and functions in the guide",
                        };
                        return parser.fail(start, &format!("`{c}`"), "a number, a column, a function or a sign", hint);
                    }
                }
            };
            parser.tokens.push((start, token));
            if parser.tokens.len() > MAX_TOKENS {
                return parser.fail(start, "more than 1000 pieces", "fewer", "derive it in steps");
            }
        }
        parser.tokens.push((chars.len(), Token::End));
        Ok(parser)
    }

    fn peek(&self) -> (usize, &Token) {
        match self.tokens.get(self.next).or(self.tokens.last()) {
            Some((at, token)) => (*at, token),
            None => (0, &Token::End),
        }
    }

    fn take_sign(&mut self, signs: &[&str]) -> Option<(usize, &'static str)> {
        match self.peek() {
            (at, Token::Sign(s)) if signs.contains(s) => {
                let s = *s;
                self.next += 1;
                Some((at, s))
            }
            _ => None,
        }
    }

    fn take_word(&mut self, word: &str) -> Option<usize> {
        match self.peek() {
            (at, Token::Word(w)) if w == word => {
                self.next += 1;
                Some(at)
            }
            _ => None,
        }
    }

    fn binary(at: usize, op: Binary, a: Node, b: Node) -> Node {
        Node { at, what: What::Binary(op, Box::new(a), Box::new(b)) }
    }

    fn expression(&mut self) -> Result<Node> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let (at, _) = self.peek();
            return self.fail(at, "more than 64 levels of nesting", "fewer", "derive it in steps");
        }
        let mut left = self.conjunction()?;
        while let Some(at) = self.take_word("or") {
            left = Self::binary(at, Binary::Or, left, self.conjunction()?);
        }
        self.depth -= 1;
        Ok(left)
    }

    fn conjunction(&mut self) -> Result<Node> {
        let mut left = self.negation()?;
        while let Some(at) = self.take_word("and") {
            left = Self::binary(at, Binary::And, left, self.negation()?);
        }
        Ok(left)
    }

    fn negation(&mut self) -> Result<Node> {
        let (at, _) = self.peek();
        let mut n = 0;
        while self.take_word("not").is_some() {
            n += 1;
        }
        let mut node = self.comparison()?;
        for _ in 0..few(n) {
            node = Node { at, what: What::Not(Box::new(node)) };
        }
        Ok(node)
    }

    fn comparison(&mut self) -> Result<Node> {
        const SIGNS: [&str; 6] = ["==", "!=", "<=", ">=", "<", ">"];
        let left = self.sum()?;
        let Some((at, sign)) = self.take_sign(&SIGNS) else { return Ok(left) };
        let op = match sign {
            "==" => Binary::Equal,
            "!=" => Binary::NotEqual,
            "<=" => Binary::LessEqual,
            ">=" => Binary::GreaterEqual,
            "<" => Binary::Less,
            _ => Binary::Greater,
        };
        let right = self.sum()?;
        if let Some((at, _)) = self.take_sign(&SIGNS) {
            return self.fail(at, "a second comparison", "one comparison", "join two by `and`");
        }
        Ok(Self::binary(at, op, left, right))
    }

    fn sum(&mut self) -> Result<Node> {
        let mut left = self.product()?;
        while let Some((at, sign)) = self.take_sign(&["+", "-"]) {
            let op = if sign == "+" { Binary::Add } else { Binary::Subtract };
            left = Self::binary(at, op, left, self.product()?);
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<Node> {
        let mut left = self.unary()?;
        while let Some((at, sign)) = self.take_sign(&["*", "/"]) {
            let op = if sign == "*" { Binary::Multiply } else { Binary::Divide };
            left = Self::binary(at, op, left, self.unary()?);
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Node> {
        let (at, _) = self.peek();
        let mut n = 0;
        while self.take_sign(&["-"]).is_some() {
            n += 1;
        }
        let mut node = self.primary()?;
        for _ in 0..few(n) {
            node = match node.what {
                What::Number(x) => Node { at, what: What::Number(-x) },
                what => Node { at, what: What::Negate(Box::new(Node { at: node.at, what })) },
            };
        }
        Ok(node)
    }

    fn primary(&mut self) -> Result<Node> {
        let (at, token) = self.peek();
        let token = token.clone();
        self.next += 1;
        let what = match token {
            Token::Number(x) => What::Number(x),
            Token::Text(t) => What::Text(t),
            Token::Name(n) => What::Column(n),
            Token::Sign("(") => {
                let inner = self.expression()?;
                self.close(")")?;
                return Ok(inner);
            }
            Token::Word(w) if w == "true" || w == "false" => What::Bool(w == "true"),
            Token::Word(w) if matches!(w.as_str(), "and" | "or" | "not") => {
                return self.fail(at, &format!("`{w}`"), "a value", "put a value before and after it");
            }
            Token::Word(w) => match self.take_sign(&["("]) {
                None => What::Column(w),
                Some(_) => self.call(at, &w)?,
            },
            Token::Sign(sign) => {
                return self.fail(at, &format!("`{sign}`"), "a value", "remove it, or put a value before it");
            }
            Token::End => return self.fail(at, "the end", "a value", "finish the expression"),
        };
        Ok(Node { at, what })
    }

    fn close(&mut self, sign: &'static str) -> Result<()> {
        if self.take_sign(&[sign]).is_some() {
            return Ok(());
        }
        let (at, token) = self.peek();
        let got = shown(token);
        self.fail(at, &got, &format!("`{sign}`, or a sign of arithmetic"), "close the bracket")
    }

    fn call(&mut self, at: usize, name: &str) -> Result<What> {
        let names: Vec<&str> = FUNCTIONS.iter().map(|f| f.name).collect();
        let Some(function) = FUNCTIONS.iter().find(|f| f.name == name) else {
            return self.fail(at, &format!("the function `{name}`"), &names.join(", "), &nearest(name, &names));
        };
        let mut arguments = Vec::new();
        if self.take_sign(&[")"]).is_none() {
            loop {
                arguments.push(self.expression()?);
                if self.take_sign(&[","]).is_none() {
                    break;
                }
            }
            self.close(")")?;
        }
        let (fewest, most) = function.arguments;
        if arguments.len() < fewest || arguments.len() > most {
            let expected = if fewest == most { format!("{fewest}") } else { format!("{fewest} to {most}") };
            let got = format!("{} arguments of `{name}`", arguments.len());
            return self.fail(at, &got, &format!("{expected} of them"), "separate arguments by commas");
        }
        Ok(What::Call(function, arguments))
    }
}

/// As many signs of one operand as say the same as `n`: pairs cancel, but for the type of the result. Trees stay flat.
fn few(n: usize) -> usize {
    if n > 2 { 2 - n % 2 } else { n }
}

fn shown(token: &Token) -> String {
    match token {
        Token::Number(x) => format!("the number {x}"),
        Token::Text(_) => "a text".into(),
        Token::Word(w) | Token::Name(w) => format!("`{w}`"),
        Token::Sign(s) => format!("`{s}`"),
        Token::End => "the end".into(),
    }
}

impl Expr {
    /// Parse a text.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] that points at the character.
    pub fn parse(text: &str) -> Result<Expr> {
        let mut parser = Parser::tokens(text)?;
        let root = parser.expression()?;
        match parser.peek() {
            (_, Token::End) => Ok(Expr { text: text.to_owned(), root }),
            (at, token) => {
                let hint = match token {
                    Token::Word(_) => "put a sign before it; a name with blanks stands between backquotes",
                    _ => "put a sign before it",
                };
                parser.fail(at, &shown(token), "a sign of arithmetic, or the end", hint)
            }
        }
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The columns it reads, in order of first appearance.
    pub fn columns(&self) -> Vec<&str> {
        let mut out = Vec::new();
        collect(&self.root, &mut out);
        out
    }

    /// Ready to compute from the slots of a schema's features; `name` is the derived feature's, for errors.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] that points at the character: a column that is not there or no feature, a text or a date
    /// where a number is needed, a `band` inside an expression, an instant as the result.
    pub(super) fn bind(&self, name: &str, schema: &Schema) -> Result<BoundExpr> {
        let place = format!("preprocess.derive.{name}");
        let mut compiler =
            Compiler { place: &place, text: &self.text, schema, ops: Vec::new(), slots: BTreeSet::new(), depth: 0 };
        let kind = compiler.whole(&self.root)?;
        let slots = compiler.slots.into_iter().collect();
        Ok(BoundExpr { ops: compiler.ops, kind, slots })
    }
}

fn collect<'n>(node: &'n Node, out: &mut Vec<&'n str>) {
    match &node.what {
        What::Column(name) => {
            if !out.contains(&name.as_str()) {
                out.push(name);
            }
        }
        What::Negate(a) | What::Not(a) => collect(a, out),
        What::Binary(_, a, b) => {
            collect(a, out);
            collect(b, out);
        }
        What::Call(_, arguments) => arguments.iter().for_each(|a| collect(a, out)),
        What::Number(_) | What::Text(_) | What::Bool(_) => {}
    }
}

// ── tree to program ─────────────────────────────────────────────────────────────────────────────────────────────

/// What a derived column is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum DerivedKind {
    /// Numbers.
    Number,
    /// Truth values.
    Bool,
    /// Bands, the last one that of gaps.
    Category {
        /// Their names, in code order.
        labels: Vec<String>,
    },
}

/// The type of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Number,
    Bool,
    Time,
}

impl Type {
    fn name(self) -> &'static str {
        match self {
            Type::Number => "a number",
            Type::Bool => "a truth value",
            Type::Time => "an instant",
        }
    }
}

/// A piece by its type, and by its name if it is a column.
fn described(node: &Node, t: Type) -> String {
    match &node.what {
        What::Column(name) => format!("`{name}`, {}", t.name()),
        _ => t.name().to_owned(),
    }
}

/// One operation on the stack of values; what it was written at.
#[derive(Debug, Clone, PartialEq)]
enum Op {
    Push(f64),
    Slot(usize),
    /// Whether a category's slot has this code.
    IsLevel {
        slot: usize,
        code: f64,
        equal: bool,
    },
    Negate,
    Not,
    Binary(Binary),
    Call(Call, usize),
    Band(Vec<f64>),
}

struct Compiler<'c> {
    place: &'c str,
    text: &'c str,
    schema: &'c Schema,
    ops: Vec<(usize, Op)>,
    slots: BTreeSet<usize>,
    depth: usize,
}

impl Compiler<'_> {
    fn fail<T>(&self, at: usize, got: &str, expected: &str, hint: &str) -> Result<T> {
        Err(pointed(self.place, self.text, at, got, expected, hint))
    }

    fn push(&mut self, at: usize, op: Op, taken: usize) -> Result<()> {
        self.depth = (self.depth + 1).saturating_sub(taken);
        if self.depth > STACK {
            return self.fail(at, "more than 64 values side by side", "fewer", "derive it in steps");
        }
        self.ops.push((at, op));
        Ok(())
    }

    fn whole(&mut self, root: &Node) -> Result<DerivedKind> {
        if let What::Call(Function { call: Call::Band, .. }, arguments) = &root.what
            && let Some((x, cuts)) = arguments.split_first()
        {
            self.number(x)?;
            let mut at = Vec::with_capacity(cuts.len());
            for cut in cuts {
                let got = match (&cut.what, at.last()) {
                    (What::Number(c), Some(last)) if c <= last => format!("the cut {c} after {last}"),
                    (What::Number(c), _) => {
                        at.push(*c);
                        continue;
                    }
                    _ => "a cut that is no number".to_owned(),
                };
                let hint = "write numbers from the lowest to the highest, as band(Age, 30, 40, 50)";
                return self.fail(cut.at, &got, "a number above the one before", hint);
            }
            let mut labels = vec![format!("<{}", at.first().copied().unwrap_or(0.0))];
            labels.extend(at.windows(2).map(|c| format!("{}-{}", c[0], c[1])));
            labels.push(format!(">={}", at.last().copied().unwrap_or(0.0)));
            labels.push(MISSING_BAND.to_owned());
            self.push(root.at, Op::Band(at), 1)?;
            return Ok(DerivedKind::Category { labels });
        }
        match self.value(root)? {
            Type::Number => Ok(DerivedKind::Number),
            Type::Bool => Ok(DerivedKind::Bool),
            Type::Time => self.fail(
                root.at,
                &format!("{} as the result", described(root, Type::Time)),
                "a number, a truth value or a band",
                "take a part of it, as year(…), or the time to another, as years(…, date(\"2026-01-01\"))",
            ),
        }
    }

    fn field(&self, at: usize, name: &str) -> Result<(usize, &Field)> {
        if let Some(found) = self.schema.features().enumerate().find(|(_, f)| f.name == name) {
            return Ok(found);
        }
        match self.schema.get(name) {
            Some(f) => {
                let hint = match f.role {
                    Role::Target => "what is predicted cannot be an input",
                    Role::Sensitive => "a protected attribute is never an input; derive from other columns",
                    _ => "give the column the role `feature`, or a copy of it another name",
                };
                self.fail(at, &format!("`{name}`, which has the role `{}`", f.role.name()), "an input", hint)
            }
            None => {
                let mut names: Vec<&str> = self.schema.fields().iter().map(|f| f.name.as_str()).collect();
                let hint = nearest(name, &names);
                if names.len() > 8 {
                    names.truncate(8);
                    names.push("…");
                }
                let expected = format!("a column of the table: {}", names.join(", "));
                self.fail(at, &format!("`{name}`, which is no column"), &expected, &hint)
            }
        }
    }

    /// A column of the category kind: its slot and levels.
    fn category(&self, node: &Node) -> Result<Option<(usize, &Field)>> {
        match &node.what {
            What::Column(name) => {
                let found = self.field(node.at, name)?;
                Ok((found.1.kind == FieldKind::Category).then_some(found))
            }
            _ => Ok(None),
        }
    }

    fn number(&mut self, node: &Node) -> Result<()> {
        match self.value(node)? {
            Type::Number | Type::Bool => Ok(()),
            Type::Time => self.fail(
                node.at,
                &described(node, Type::Time),
                "a number",
                "take a part of it, as year(…), or the time between two, as days(…, …)",
            ),
        }
    }

    fn typed(&mut self, node: &Node, expected: Type) -> Result<()> {
        match self.value(node)? {
            t if t == expected => Ok(()),
            t => {
                let hint = match expected {
                    Type::Bool => "compare it, as x > 0",
                    Type::Time => "write an instant as date(\"2026-01-31\"), or give the column the kind `time`",
                    Type::Number => "compute one from it",
                };
                self.fail(node.at, &described(node, t), expected.name(), hint)
            }
        }
    }

    fn value(&mut self, node: &Node) -> Result<Type> {
        let at = node.at;
        match &node.what {
            What::Number(x) => self.push(at, Op::Push(*x), 0).map(|()| Type::Number),
            What::Bool(b) => self.push(at, Op::Push(f64::from(u8::from(*b))), 0).map(|()| Type::Bool),
            What::Text(_) => self.fail(at, "a text", "a number", "compare a category with it: Column == \"text\""),
            What::Column(name) => {
                let (slot, field) = self.field(at, name)?;
                let t = match field.kind {
                    FieldKind::Number => Type::Number,
                    FieldKind::Bool => Type::Bool,
                    FieldKind::Time => Type::Time,
                    FieldKind::Category => {
                        let hint =
                            format!("compare it with a text, as {} == \"…\", or convert the column", written(name));
                        return self.fail(at, &format!("`{name}`, a category"), "a number", &hint);
                    }
                };
                self.slots.insert(slot);
                self.push(at, Op::Slot(slot), 0).map(|()| t)
            }
            What::Negate(a) => {
                self.number(a)?;
                self.push(at, Op::Negate, 1).map(|()| Type::Number)
            }
            What::Not(a) => {
                self.typed(a, Type::Bool)?;
                self.push(at, Op::Not, 1).map(|()| Type::Bool)
            }
            What::Binary(op, a, b) => self.binary(at, *op, a, b),
            What::Call(function, arguments) => self.call(at, function, arguments),
        }
    }

    fn binary(&mut self, at: usize, op: Binary, a: &Node, b: &Node) -> Result<Type> {
        use Binary as B;
        if matches!(op, B::And | B::Or) {
            self.typed(a, Type::Bool)?;
            self.typed(b, Type::Bool)?;
            return self.push(at, Op::Binary(op), 2).map(|()| Type::Bool);
        }
        if matches!(op, B::Add | B::Subtract | B::Multiply | B::Divide) {
            let (x, y) = (self.value(a)?, self.value(b)?);
            if op == B::Subtract && (x, y) == (Type::Time, Type::Time) {
                return self.push(at, Op::Binary(op), 2).map(|()| Type::Number);
            }
            for (t, node) in [(x, a), (y, b)] {
                if t == Type::Time {
                    let hint = "of two instants only the difference is a number: days(a, b)";
                    return self.fail(node.at, &described(node, t), &format!("a number at `{}`", op.sign()), hint);
                }
            }
            return self.push(at, Op::Binary(op), 2).map(|()| Type::Number);
        }
        for (column, other) in [(a, b), (b, a)] {
            let Some((slot, field)) = self.category(column)? else { continue };
            let (What::Text(text), B::Equal | B::NotEqual) = (&other.what, op) else {
                let level = match &other.what {
                    What::Number(x) => x.to_string(),
                    What::Bool(b) => b.to_string(),
                    _ => "a level".to_owned(),
                };
                let hint = format!("write {} == \"{level}\", in quotes", written(&field.name));
                return self.fail(
                    at,
                    &format!("`{}` with the category `{}`", op.sign(), field.name),
                    "== or != with a text",
                    &hint,
                );
            };
            let code = field.vocabulary.iter().position(|l| l == text).map_or(f64::INFINITY, |c| c as f64);
            self.slots.insert(slot);
            return self.push(at, Op::IsLevel { slot, code, equal: op == B::Equal }, 0).map(|()| Type::Bool);
        }
        for (text, other) in [(b, a), (a, b)] {
            let What::Text(words) = &text.what else { continue };
            let t = self.value(other)?;
            let hint = match t {
                Type::Time => format!("write an instant as date(\"{words}\")"),
                Type::Bool => "a truth value is compared with true or false".to_owned(),
                Type::Number => "write a number without quotes, or give the column the kind `category`".to_owned(),
            };
            let got = format!("the text \"{words}\" beside {}", described(other, t));
            return self.fail(text.at, &got, "a text beside a category only", &hint);
        }
        let (x, y) = (self.value(a)?, self.value(b)?);
        if (x == Type::Time) != (y == Type::Time) {
            let got = format!("{} beside {}", described(a, x), described(b, y));
            return self.fail(at, &got, "two values of one type", "write an instant as date(\"2026-01-31\")");
        }
        self.push(at, Op::Binary(op), 2).map(|()| Type::Bool)
    }

    fn call(&mut self, at: usize, function: &Function, arguments: &[Node]) -> Result<Type> {
        let n = arguments.len();
        let result = match function.call {
            Call::Band => {
                return self.fail(
                    at,
                    "`band` inside an expression",
                    "`band` as the whole of it",
                    "derive it by itself",
                );
            }
            Call::Date => {
                let (at_day, day) = match arguments {
                    [Node { at, what: What::Text(t) }] => (*at, parse_time(t)),
                    _ => (arguments.first().map_or(at, |a| a.at), None),
                };
                let Some(micros) = day else {
                    return self.fail(at_day, "what is no date", "a text like \"2026-01-31\"", "write year-month-day");
                };
                return self.push(at, Op::Push(micros as f64 / MICROS_PER_DAY), 0).map(|()| Type::Time);
            }
            Call::IsMissing => {
                if let Some(node) = arguments.first() {
                    match self.category(node)?.map(|(slot, _)| slot) {
                        Some(slot) => {
                            self.slots.insert(slot);
                            self.push(node.at, Op::Slot(slot), 0)?;
                        }
                        None => {
                            self.value(node)?;
                        }
                    }
                }
                Type::Bool
            }
            Call::Part(_) => {
                arguments.iter().try_for_each(|a| self.typed(a, Type::Time))?;
                Type::Number
            }
            Call::Days | Call::Years => {
                arguments.iter().try_for_each(|a| self.typed(a, Type::Time))?;
                Type::Number
            }
            Call::If => {
                let [condition, a, b] = arguments else {
                    return self.fail(at, "`if`", "3 arguments", "give all three");
                };
                self.typed(condition, Type::Bool)?;
                self.same(at, &[a, b])?
            }
            Call::Coalesce | Call::Min | Call::Max => self.same(at, &arguments.iter().collect::<Vec<_>>())?,
            Call::Abs
            | Call::Sqrt
            | Call::Log
            | Call::Log1p
            | Call::Exp
            | Call::Round
            | Call::Floor
            | Call::Ceil
            | Call::Ratio => {
                arguments.iter().try_for_each(|a| self.number(a))?;
                Type::Number
            }
        };
        self.push(at, Op::Call(function.call, n), n).map(|()| result)
    }

    /// Arguments of one type; numbers and truth values together are numbers.
    fn same(&mut self, at: usize, nodes: &[&Node]) -> Result<Type> {
        let mut whole: Option<Type> = None;
        for node in nodes {
            let t = self.value(node)?;
            whole = Some(match whole {
                None => t,
                Some(w) if w == t => t,
                Some(w) if w != Type::Time && t != Type::Time => Type::Number,
                Some(_) => {
                    return self.fail(
                        node.at,
                        &described(node, t),
                        "values of one type",
                        "write an instant as date(\"2026-01-31\")",
                    );
                }
            });
        }
        whole.map_or_else(|| self.fail(at, "nothing", "a value", "give an argument"), Ok)
    }
}

// ── program to values ───────────────────────────────────────────────────────────────────────────────────────────

/// An expression bound to slots.
#[derive(Debug, Clone)]
pub(super) struct BoundExpr {
    ops: Vec<(usize, Op)>,
    kind: DerivedKind,
    slots: Vec<usize>,
}

/// A row that could not be computed although its values are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// Row of the block.
    pub(super) row: usize,
    /// The character, from 0.
    at: usize,
    /// What failed.
    pub(super) what: &'static str,
}

impl Failure {
    /// As an error of the table's row.
    pub(super) fn into_error(self, name: &str, expression: &Expr, row: Option<usize>) -> Error {
        let hint = match self.what {
            DIVISION => "guard it: ratio(a, b, 0), or b + 1",
            LOGARITHM => "use log1p(x), or log(max(x, 1))",
            ROOT => "use sqrt(max(x, 0))",
            CALENDAR => "correct the instant, or leave it out by if(…)",
            _ => "keep the numbers smaller, e.g. by log1p(x)",
        };
        Error::data(
            Place { row, ..Place::column(name) },
            format!("{} {}", self.what, place(&expression.text, self.at)),
            "an expression that has a value in every training row",
            hint,
        )
    }
}

const DIVISION: &str = "a division by zero";
const LOGARITHM: &str = "a logarithm of what is not positive";
const ROOT: &str = "a root of a negative number";
const OVERFLOW: &str = "a number too large";
const CALENDAR: &str = "an instant beyond the calendar";

/// What an operation on values that are there gave: why it is none, if it is none.
fn finite(x: f64) -> std::result::Result<f64, &'static str> {
    if x.is_finite() { Ok(x) } else { Err(OVERFLOW) }
}

fn part(part: Part, days: f64) -> std::result::Result<f64, &'static str> {
    // A cast to an integer ends at its range, which is beyond the calendar's.
    let t = DateTime::from_timestamp_micros((days * MICROS_PER_DAY).floor() as i64).ok_or(CALENDAR)?;
    Ok(f64::from(match part {
        Part::Year => return Ok(f64::from(t.year())),
        Part::Quarter => t.month0() / 3 + 1,
        Part::Month => t.month(),
        Part::Day => t.day(),
        Part::Weekday => t.weekday().number_from_monday(),
        Part::DayOfYear => t.ordinal(),
    }))
}

fn binary(op: Binary, a: f64, b: f64) -> std::result::Result<f64, &'static str> {
    let truth = |t: bool| Ok(f64::from(u8::from(t)));
    // Known answers with one side missing.
    match op {
        Binary::And if a == 0.0 || b == 0.0 => return Ok(0.0),
        Binary::Or if a == 1.0 || b == 1.0 => return Ok(1.0),
        _ if a.is_nan() || b.is_nan() => return Ok(f64::NAN),
        _ => {}
    }
    match op {
        Binary::Add => finite(a + b),
        Binary::Subtract => finite(a - b),
        Binary::Multiply => finite(a * b),
        Binary::Divide if b == 0.0 => Err(DIVISION),
        Binary::Divide => finite(a / b),
        Binary::Equal => truth(a == b),
        Binary::NotEqual => truth(a != b),
        Binary::Less => truth(a < b),
        Binary::LessEqual => truth(a <= b),
        Binary::Greater => truth(a > b),
        Binary::GreaterEqual => truth(a >= b),
        Binary::And => truth(a != 0.0 && b != 0.0),
        Binary::Or => truth(a != 0.0 || b != 0.0),
    }
}

fn call(call: Call, x: &[f64]) -> std::result::Result<f64, &'static str> {
    let arg = |i: usize| x.get(i).copied().unwrap_or(f64::NAN);
    match call {
        Call::IsMissing => return Ok(f64::from(u8::from(arg(0).is_nan()))),
        Call::Coalesce => return Ok(x.iter().copied().find(|v| !v.is_nan()).unwrap_or(f64::NAN)),
        Call::If => {
            return Ok(if arg(0).is_nan() { f64::NAN } else { arg(if arg(0) != 0.0 { 1 } else { 2 }) });
        }
        Call::Ratio if arg(1) == 0.0 && !arg(0).is_nan() => return Ok(arg(2)),
        Call::Ratio if arg(0).is_nan() || arg(1).is_nan() => return Ok(f64::NAN),
        Call::Ratio => return finite(arg(0) / arg(1)),
        _ if x.iter().any(|v| v.is_nan()) => return Ok(f64::NAN),
        _ => {}
    }
    match call {
        Call::Abs => Ok(arg(0).abs()),
        Call::Sqrt if arg(0) < 0.0 => Err(ROOT),
        Call::Sqrt => Ok(arg(0).sqrt()),
        Call::Log if arg(0) <= 0.0 => Err(LOGARITHM),
        Call::Log => Ok(float::ln(arg(0))),
        Call::Log1p if arg(0) <= -1.0 => Err(LOGARITHM),
        Call::Log1p => Ok(float::ln_1p(arg(0))),
        Call::Exp => finite(float::exp(arg(0))),
        Call::Round => Ok(arg(0).round()),
        Call::Floor => Ok(arg(0).floor()),
        Call::Ceil => Ok(arg(0).ceil()),
        Call::Min => Ok(x.iter().copied().fold(f64::INFINITY, f64::min)),
        Call::Max => Ok(x.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
        Call::Days => finite(arg(1) - arg(0)),
        Call::Years => finite((arg(1) - arg(0)) / DAYS_PER_YEAR),
        Call::Part(p) => part(p, arg(0)),
        // Handled above, or at compile time.
        Call::If | Call::IsMissing | Call::Coalesce | Call::Ratio | Call::Date | Call::Band => Ok(f64::NAN),
    }
}

impl BoundExpr {
    /// What the column is.
    pub(super) fn kind(&self) -> &DerivedKind {
        &self.kind
    }

    /// The slots it reads, ascending.
    pub(super) fn slots(&self) -> &[usize] {
        &self.slots
    }

    /// The value of every row of a block whose columns are slots: a number, a truth value, or a band's code; NaN is
    /// missing, or not computable. Allocates nothing.
    pub(super) fn eval(&self, slots: &Block, out: &mut [f64]) {
        let mut values = [0.0; STACK];
        for (row, out) in out.iter_mut().enumerate() {
            *out = self.row(slots, row, &mut values, None);
        }
    }

    /// The first row that could not be computed although all its values are there.
    pub(super) fn first_failure(&self, slots: &Block) -> Option<Failure> {
        let (mut values, mut faults) = ([0.0; STACK], [None; STACK]);
        (0..slots.n_rows()).find_map(|row| {
            self.row(slots, row, &mut values, Some(&mut faults));
            let (at, what) = faults[0]?;
            Some(Failure { row, at, what })
        })
    }

    /// A row's value. `faults[0]` becomes the operation that failed, if the value is missing, or in the band of gaps,
    /// because of it.
    #[inline(always)]
    fn row(
        &self,
        slots: &Block,
        row: usize,
        values: &mut [f64; STACK],
        mut faults: Option<&mut [Option<Fault>; STACK]>,
    ) -> f64 {
        let slot = |s: usize| slots.column(s).get(row).copied().unwrap_or(f64::NAN);
        let mut top = 0;
        for (at, op) in &self.ops {
            // Depths were counted when the program was made.
            let (taken, result) = match op {
                Op::Push(x) => (0, Ok(*x)),
                Op::Slot(s) => (0, Ok(slot(*s))),
                Op::IsLevel { slot: s, code, equal } => {
                    let x = slot(*s);
                    (0, Ok(if x.is_nan() { x } else { f64::from(u8::from((x == *code) == *equal)) }))
                }
                Op::Negate => (1, Ok(-values[top - 1])),
                Op::Not => (1, Ok(1.0 - values[top - 1])),
                Op::Binary(op) => (2, binary(*op, values[top - 2], values[top - 1])),
                Op::Call(f, n) => (*n, call(*f, &values[top - n..top])),
                Op::Band(cuts) => {
                    let x = values[top - 1];
                    let band = if x.is_nan() { cuts.len() + 1 } else { cuts.partition_point(|c| *c <= x) };
                    (1, Ok(band as f64))
                }
            };
            let from = top - taken;
            if let Some(faults) = &mut faults {
                faults[from] = match result {
                    Err(what) => Some((*at, what)),
                    Ok(x) if x.is_nan() || matches!(op, Op::Band(_)) => {
                        inherited(op, &values[from..top], &faults[from..top])
                    }
                    Ok(_) => None,
                };
            }
            values[from] = result.unwrap_or(f64::NAN);
            top = from + 1;
        }
        values[0]
    }
}

/// A failed operation: its character, from 0, and what failed.
type Fault = (usize, &'static str);

/// The failure that makes an operation's result missing: none if a gap in the data makes it missing anyway.
fn inherited(op: &Op, values: &[f64], faults: &[Option<Fault>]) -> Option<Fault> {
    if let (Op::Call(Call::If, _), [condition, ..]) = (op, values)
        && !condition.is_nan()
    {
        return *faults.get(if *condition != 0.0 { 1 } else { 2 })?;
    }
    let mut missing = values.iter().zip(faults).filter(|(x, _)| x.is_nan()).map(|(_, fault)| *fault);
    let first = missing.next()?;
    if missing.all(|fault| fault.is_some()) { first } else { None }
}

#[cfg(test)]
mod tests;
