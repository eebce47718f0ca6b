//! The examples that `--example` serves, built into the binary.

use std::str::FromStr;

use gate::{File, Home};
use skep_proto::{
    Code, Contract,
    v1::{GetCollectionRequest, UpdateCollectionRequest},
};

/// An example: a collection, and a page that uses it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Example {
    collection: &'static str,
    definition: &'static str,
    files: &'static [File],
}

/// A file of the guestbook, by its path and media type.
macro_rules! file {
    ($path:literal, $name:literal, $content_type:literal) => {
        File {
            path: $path,
            content_type: $content_type,
            bytes: include_bytes!(concat!("../../../examples/guestbook/", $name)),
        }
    };
}

const GUESTBOOK: Example = Example {
    collection: "guestbook",
    definition: include_str!("../../../examples/guestbook/collection.json"),
    files: &[
        file!("/", "index.html", "text/html; charset=utf-8"),
        file!("/guestbook.css", "guestbook.css", "text/css; charset=utf-8"),
        file!("/guestbook.svg", "guestbook.svg", "image/svg+xml"),
        file!("/guestbook.js", "guestbook.js", "text/javascript; charset=utf-8"),
        file!("/account.js", "account.js", "text/javascript; charset=utf-8"),
        file!("/api.js", "api.js", "text/javascript; charset=utf-8"),
        file!("/page.js", "page.js", "text/javascript; charset=utf-8"),
    ],
};

impl FromStr for Example {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if name == "guestbook" { Ok(GUESTBOOK) } else { Err("the only example is guestbook") }
    }
}

impl Example {
    /// What is at `/`.
    pub(crate) fn home(self) -> Home {
        Home::Site(self.files)
    }

    /// Defines the example's collection, unless there is one of its name: it may have been changed since.
    pub(crate) async fn define(self, contract: &dyn Contract) -> anyhow::Result<()> {
        let name = format!("collections/{}", self.collection);
        match contract.get_collection(tonic::Request::new(GetCollectionRequest { name })).await {
            Ok(_) => return Ok(()),
            Err(error) if error.code == Code::CollectionNotFound => {}
            Err(error) => return Err(error.into()),
        }
        let collection = Some(gate::definition(&self.definition.into(), self.collection)?);
        let asked = UpdateCollectionRequest { collection, allow_missing: true, ..UpdateCollectionRequest::default() };
        contract.update_collection(tonic::Request::new(asked)).await?;
        Ok(())
    }
}
