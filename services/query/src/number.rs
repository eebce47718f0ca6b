//! Numbers as bytes in order: sign, exponent, digits.

/// Exponents past this count as this, either way.
const MAX_EXPONENT: i64 = 1_000_000_000_000_000_000;
/// Exponents up to this, either way, take one byte.
const SHORT: i64 = 120;

const NEGATIVE: u8 = 1;
const ZERO: u8 = 2;
const POSITIVE: u8 = 3;

/// Appends the number that `text` writes in JSON's grammar. Equal numbers, however written, are equal bytes.
pub(crate) fn encode(text: &str, key: &mut Vec<u8>) {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |text| (true, text));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all: Vec<u8> = [whole, fraction].concat().bytes().filter(u8::is_ascii_digit).collect();
    let leading = all.iter().take_while(|digit| **digit == b'0').count();
    let trailing = all.iter().rev().take_while(|digit| **digit == b'0').count();
    let Some(digits) = all.get(leading..all.len() - trailing).filter(|digits| !digits.is_empty()) else {
        key.push(ZERO);
        return;
    };
    // The value is 0.DIGITS times ten to this.
    let written = exponent.parse().unwrap_or(if exponent.starts_with('-') { i64::MIN } else { i64::MAX });
    let exponent = written.saturating_add_unsigned(whole.len() as u64).saturating_sub_unsigned(leading as u64);
    key.push(if negative { NEGATIVE } else { POSITIVE });
    let start = key.len();
    encode_exponent(exponent.clamp(-MAX_EXPONENT, MAX_EXPONENT), key);
    key.extend(digits.chunks(2).map(|pair| {
        let digit = |at: usize| pair.get(at).map_or(0, |digit| digit - b'0');
        1 + digit(0) * 10 + digit(1)
    }));
    key.push(0);
    if negative {
        key[start..].iter_mut().for_each(|byte| *byte = !*byte);
    }
}

fn encode_exponent(exponent: i64, key: &mut Vec<u8>) {
    if let Some(short) = u8::try_from(exponent + 128).ok().filter(|_| exponent.abs() <= SHORT) {
        return key.push(short);
    }
    key.push(if exponent < 0 { 0 } else { u8::MAX });
    key.extend(exponent.to_be_bytes());
}

/// How many bytes of `number` are its first `count` digits with all before them; `None` if it has no more than these.
pub(crate) fn cut(number: &[u8], count: usize) -> Option<usize> {
    let exponent = match number.get(1)? {
        0 | &u8::MAX => 9,
        _ => 1,
    };
    let end = 1 + exponent + count / 2;
    (number.len() > end + 1).then_some(end)
}
