//! A parser of Logstash's configuration language, as far as a pipeline of ours goes.

use anyhow::{Context, bail, ensure};

/// A value of an option.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(String),
    List(Vec<Value>),
    Hash(Vec<(String, Value)>),
    Codec(String, Options),
}

pub(crate) type Options = Vec<(String, Value)>;

/// A plugin, under the conditions that it stands in.
#[derive(Clone, Debug)]
pub(crate) struct Plugin {
    pub(crate) section: String,
    pub(crate) conditions: Vec<String>,
    pub(crate) name: String,
    pub(crate) options: Options,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Text(String),
    Word(String),
    Sign(&'static str),
}

const SIGNS: [&str; 14] = ["=>", "==", "!=", "=~", "{", "}", "[", "]", "(", ")", ",", "!", "<", ">"];

fn tokens(text: &str) -> anyhow::Result<Vec<Token>> {
    let (mut tokens, mut rest) = (Vec::new(), text.trim_start());
    while let Some(first) = rest.chars().next() {
        let length = if first == '#' {
            rest.find('\n').unwrap_or(rest.len())
        } else if first == '"' || first == '\'' {
            let end = rest[1..].find(first).context("a text without an end")?;
            tokens.push(Token::Text(rest[1..=end].to_owned()));
            end + 2
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            tokens.push(Token::Sign(sign));
            sign.len()
        } else {
            let is_word = |c: char| c.is_ascii_alphanumeric() || "_.@-".contains(c);
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            ensure!(end > 0, "what is {first:?}?");
            tokens.push(Token::Word(rest[..end].to_owned()));
            end
        };
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

/// The plugins of a pipeline, in order.
pub(crate) fn parse(text: &str) -> anyhow::Result<Vec<Plugin>> {
    let (tokens, mut plugins) = (tokens(text)?, Vec::new());
    let mut reader = Reader { tokens: tokens.into_iter().peekable() };
    while reader.tokens.peek().is_some() {
        let section = reader.word()?;
        ensure!(["input", "filter", "output"].contains(&&*section), "{section} is no section");
        reader.sign("{")?;
        reader.block(&section, &[], &mut plugins)?;
    }
    Ok(plugins)
}

struct Reader {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
}

impl Reader {
    fn next(&mut self) -> anyhow::Result<Token> {
        self.tokens.next().context("the file ends in the middle")
    }

    fn word(&mut self) -> anyhow::Result<String> {
        match self.next()? {
            Token::Word(word) => Ok(word),
            other => bail!("a name, not {other:?}"),
        }
    }

    fn sign(&mut self, sign: &'static str) -> anyhow::Result<()> {
        let next = self.next()?;
        ensure!(next == Token::Sign(sign), "{sign}, not {next:?}");
        Ok(())
    }

    fn takes(&mut self, sign: &'static str) -> bool {
        self.tokens.next_if_eq(&Token::Sign(sign)).is_some()
    }

    /// Up to the bracket that closes it.
    fn block(&mut self, section: &str, conditions: &[String], plugins: &mut Vec<Plugin>) -> anyhow::Result<()> {
        while !self.takes("}") {
            let name = self.word()?;
            if name == "if" || name == "else" {
                let mut condition = vec![name];
                while !self.takes("{") {
                    condition.push(match self.next()? {
                        Token::Text(text) => format!("{text:?}"),
                        Token::Word(word) => word,
                        Token::Sign(sign) => sign.to_owned(),
                    });
                }
                self.block(section, &[conditions, &[condition.join(" ")]].concat(), plugins)?;
                continue;
            }
            self.sign("{")?;
            let options = self.options()?;
            plugins.push(Plugin { section: section.to_owned(), conditions: conditions.to_vec(), name, options });
        }
        Ok(())
    }

    fn options(&mut self) -> anyhow::Result<Options> {
        let mut options = Options::new();
        while !self.takes("}") {
            let name = match self.next()? {
                Token::Word(name) | Token::Text(name) => name,
                other @ Token::Sign(_) => bail!("an option, not {other:?}"),
            };
            self.sign("=>")?;
            ensure!(options.iter().all(|(known, _)| *known != name), "{name} stands there twice");
            let value = self.value()?;
            options.push((name, value));
        }
        Ok(options)
    }

    fn value(&mut self) -> anyhow::Result<Value> {
        Ok(match self.next()? {
            Token::Text(text) => Value::Text(text),
            Token::Word(name) if self.takes("{") => Value::Codec(name, self.options()?),
            Token::Word(word) => Value::Text(word),
            Token::Sign("{") => Value::Hash(self.options()?),
            Token::Sign("[") => {
                let mut list = Vec::new();
                while !self.takes("]") {
                    list.push(self.value()?);
                    self.takes(",");
                }
                Value::List(list)
            }
            Token::Sign(sign) => bail!("a value, not {sign}"),
        })
    }
}

#[test]
fn what_is_broken_is_not_parsed() {
    assert_eq!(parse("filter { mutate { copy => { \"a\" => \"b\" } } }").unwrap().len(), 1);
    for broken in [
        "filter {",
        "filter { mutate { copy = 1 } }",
        "inputs { }",
        "filter { mutate { a => 1 a => 2 } }",
        "filter { \"x }",
    ] {
        assert!(parse(broken).is_err(), "{broken}");
    }
}
