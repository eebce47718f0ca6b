//! How a storage is.

use std::{io, net::SocketAddr, num::NonZeroU16};

use futures_util::future::BoxFuture;
use gate::backend::remote::{Resolve, Storages, connect_by};
use kit::Internal;
use skep_proto::{
    Code, Contract, Error,
    v1::{GetStatusRequest, GetStatusResponse},
};
use tokio::time::timeout;
use tonic::Request;

use super::{Found, WITHIN, report::Storage};

/// Has a name stand for one address, whose certificate is then asked for that name.
struct Only(SocketAddr);

impl Resolve for Only {
    fn resolve<'a>(&'a self, _: &'a str, _: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async { Ok(vec![self.0]) })
    }
}

pub(super) async fn ask(found: Found, internal: &Internal) -> Storage {
    let (address, answer) = (found.shown(), status(&found, internal).await);
    Storage::new(address, found.host, answer)
}

/// # Errors
/// Whether it answers at all, and why it says nothing.
async fn status(found: &Found, internal: &Internal) -> Result<GetStatusResponse, (bool, String)> {
    let address = found.address.clone().map_err(|why| (false, why))?;
    let silent = || (false, "does not answer".to_owned());
    let storages = NonZeroU16::new(found.port).and_then(|port| Storages::parse(&found.host, port));
    let storages = storages.unwrap_or_else(|| address.into());
    let contract = connect_by(Only(address), storages, internal).map_err(|error| (false, format!("{error:#}")))?;
    let answer = timeout(WITHIN, contract.get_status(Request::new(GetStatusRequest {}))).await.map_err(|_| silent())?;
    answer.map_err(|Error { code, detail, .. }| match code {
        Code::Unavailable | Code::DeadlineExceeded => silent(),
        Code::Unauthenticated => (true, "does not let us in: give INTERNAL_TOKEN_FILE".to_owned()),
        _ => (true, detail),
    })
}
