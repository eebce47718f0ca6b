//! What of AIP-160 is served so far: `owner = "…"`, in any spacing, the text quoted as in JSON.

use skep_proto::{Code, Error};

use super::naming::check_account;
use crate::store::Result;

/// The owner that a filter demands.
///
/// # Errors
/// `unsupported` for every other filter, `invalid_argument` for an owner that no account can be.
pub(super) fn owner(filter: &str) -> Result<String> {
    let compared = || filter.trim_start().strip_prefix("owner")?.trim_start().strip_prefix('=');
    let owner = compared().and_then(|quoted| serde_json::from_str::<String>(quoted.trim()).ok());
    let owner = owner.filter(|owner| !owner.is_empty());
    let owner = owner.ok_or_else(|| Error::new(Code::Unsupported, "filter can only be owner = \"ID\""))?;
    check_account(&owner)?;
    Ok(owner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_comparison_is_served() {
        for filter in [
            r#"owner="ann""#,
            r#" owner  =	"ann"
"#,
            r#"owner = "\u0061nn""#,
        ] {
            assert_eq!(owner(filter), Ok("ann".into()), "{filter}");
        }
        assert_eq!(owner(r#"owner = "\"a\" AND b""#), Ok(r#""a" AND b"#.into()));
        for filter in [
            " ",
            "owner",
            "owner =",
            "owner = ann",
            "owner = 'ann'",
            r#"owner != "ann""#,
            r#"owner == "ann""#,
            r#"owner = """#,
            r#"owner = "ann" AND a = 1"#,
            r#"(owner = "ann")"#,
            r#"owners = "ann""#,
            r#"OWNER = "ann""#,
            r#"data.owner = "ann""#,
            r#"owner = "ann"#,
            r#"owner = "\ud800""#,
        ] {
            assert_eq!(owner(filter).map_err(|error| error.code), Err(Code::Unsupported), "{filter}");
        }
        let long = format!(r#"owner = "{}""#, "x".repeat(129));
        assert_eq!(owner(&long).map_err(|error| error.code), Err(Code::InvalidArgument));
    }
}
