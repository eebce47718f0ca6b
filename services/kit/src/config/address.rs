use std::{
    net::{AddrParseError, SocketAddr},
    str::FromStr,
};

/// Where a door is: `127.0.0.1:8082`, `[::1]:8082`, or `:8082` for every address of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address(pub SocketAddr);

impl FromStr for Address {
    type Err = AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with(':') { format!("0.0.0.0{text}").parse() } else { text.parse() }.map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_every_address() {
        assert_eq!(":9082".parse(), Ok(Address(([0, 0, 0, 0], 9082).into())));
        assert_eq!("127.0.0.1:0".parse(), Ok(Address(([127, 0, 0, 1], 0).into())));
        for wrong in ["", ":", "9082", "localhost:9082", ":99999"] {
            assert!(wrong.parse::<Address>().is_err(), "{wrong}");
        }
    }
}
