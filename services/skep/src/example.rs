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

const GUESTBOOK: Example = Example {
    collection: "guestbook",
    definition: include_str!("../../../examples/guestbook/collection.json"),
    files: &[
        File {
            path: "/",
            content_type: "text/html; charset=utf-8",
            bytes: include_bytes!("../../../examples/guestbook/index.html"),
        },
        File {
            path: "/guestbook.css",
            content_type: "text/css; charset=utf-8",
            bytes: include_bytes!("../../../examples/guestbook/guestbook.css"),
        },
        File {
            path: "/guestbook.js",
            content_type: "text/javascript; charset=utf-8",
            bytes: include_bytes!("../../../examples/guestbook/guestbook.js"),
        },
        File {
            path: "/guestbook.svg",
            content_type: "image/svg+xml",
            bytes: include_bytes!("../../../examples/guestbook/guestbook.svg"),
        },
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
        let asked = UpdateCollectionRequest { collection, allow_missing: true };
        contract.update_collection(tonic::Request::new(asked)).await?;
        Ok(())
    }
}
