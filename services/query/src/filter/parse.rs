//! The grammar, by recursive descent as deep as [`MAX_DEPTH`].

use super::{Comparison, Expr, Op, literal};
use crate::{Fault, MAX_COMPARISONS, MAX_DEPTH, MAX_FILTER_BYTES, path::is_plain, reader::Reader};

pub(super) fn filter(text: &str) -> Result<Expr, Fault> {
    let mut parser = Parser { reader: Reader::new(text), comparisons: 0 };
    if text.len() > MAX_FILTER_BYTES {
        return Err(parser.reader.fault(MAX_FILTER_BYTES, format!("a filter has at most {MAX_FILTER_BYTES} bytes")));
    }
    if text.trim().is_empty() {
        return Err(parser.reader.fault(0, "a filter is not empty: leave it out to list everything"));
    }
    let expr = parser.expression(0)?;
    if parser.reader.rest().is_empty() { Ok(expr) } else { Err(parser.lost("")) }
}

struct Parser<'a> {
    reader: Reader<'a>,
    comparisons: usize,
}

impl Parser<'_> {
    /// Terms that are joined alike, and the space behind them.
    fn expression(&mut self, depth: usize) -> Result<Expr, Fault> {
        let mut terms = vec![self.term(depth)?];
        let mut joint = None;
        loop {
            self.reader.space();
            let at = self.reader.at();
            let Some(next) = ["AND", "OR"].into_iter().find(|word| self.keyword(word)) else { break };
            if *joint.get_or_insert(next) != next {
                let what = "AND and OR side by side want parentheses, as in a = 1 AND (b = 2 OR c = 3)";
                return Err(self.reader.fault(at, what));
            }
            terms.push(self.term(depth)?);
        }
        Ok(match joint {
            Some("AND") => Expr::And(flat(terms, |term| match term {
                Expr::And(parts) => Ok(parts),
                other => Err(other),
            })),
            Some(_) => Expr::Or(flat(terms, |term| match term {
                Expr::Or(parts) => Ok(parts),
                other => Err(other),
            })),
            None => terms.remove(0),
        })
    }

    fn term(&mut self, depth: usize) -> Result<Expr, Fault> {
        self.reader.space();
        let at = self.reader.at();
        let not = self.keyword("NOT");
        if !not && !self.reader.eat("(") {
            return self.comparison();
        }
        if depth == MAX_DEPTH {
            return Err(self.reader.fault(at, format!("parentheses and NOT nest at most {MAX_DEPTH} deep")));
        }
        if not {
            return Ok(Expr::Not(Box::new(self.term(depth + 1)?)));
        }
        let inner = self.expression(depth + 1)?;
        if self.reader.eat(")") { Ok(inner) } else { Err(self.lost(" or )")) }
    }

    fn comparison(&mut self) -> Result<Expr, Fault> {
        let at = self.reader.at();
        if self.comparisons == MAX_COMPARISONS {
            return Err(self.reader.fault(at, format!("a filter has at most {MAX_COMPARISONS} comparisons")));
        }
        self.comparisons += 1;
        if let Some(word) = ["AND", "OR"].into_iter().find(|word| self.keyword(word)) {
            let what = format!("{word} stands between two comparisons; the field of that name is data.{word}");
            return Err(self.reader.fault(at, what));
        }
        let path = self.reader.path()?;
        self.reader.space();
        let Some(op) = Op::ALL.into_iter().find(|op| self.reader.eat(op.symbol())) else {
            let what = "an operator is wanted here: =, !=, <, <=, >, >= or :; a name of other characters wants quotes";
            return Err(self.reader.fault(self.reader.at(), what));
        };
        self.reader.space();
        let literal_at = self.reader.at();
        let literal = literal::read(&mut self.reader, op)?;
        let literal = literal.suited_to(&path).map_err(|what| self.reader.fault(literal_at, what))?;
        let (key, at) = (literal.key(), self.reader.place(at));
        Ok(Expr::Comparison(Comparison { path, op, literal, at, key }))
    }

    /// Reads `word` if it is here by itself, not the beginning of a path.
    fn keyword(&mut self, word: &str) -> bool {
        let here = self.reader.run(|c| is_plain(c) || c == '.');
        here == word && self.reader.eat(word)
    }

    /// The fault of what stands where a term has ended; `or` is what else could.
    fn lost(&self, or: &str) -> Fault {
        let what = match self.reader.run(is_plain) {
            "" if self.reader.rest().starts_with(')') => "this parenthesis closes none".to_owned(),
            "" if self.reader.rest().is_empty() => "a closing parenthesis is missing".to_owned(),
            "and" | "or" | "And" | "Or" => "AND and OR are written in capitals".to_owned(),
            _ => format!("AND or OR{or} is wanted here"),
        };
        self.reader.fault(self.reader.at(), what)
    }
}

/// The terms, and instead of each that is joined alike its parts.
fn flat(terms: Vec<Expr>, parts: impl Fn(Expr) -> Result<Vec<Expr>, Expr>) -> Vec<Expr> {
    terms.into_iter().flat_map(|term| parts(term).unwrap_or_else(|other| vec![other])).collect()
}
