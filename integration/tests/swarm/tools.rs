//! Storage's gRPC, asked from outside by a tool of the operators.

use std::{io, net::SocketAddr, sync::Arc};

use anyhow::{Context, ensure};
use hyper_util::rt::TokioIo;
use integration::{Program, Stack, Swarm};
use rustls::{ClientConfig, pki_types::ServerName};
use skep_proto::v1::{ListCollectionsRequest, collection_service_client::CollectionServiceClient};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Endpoint, Uri};

use crate::{Outcome, events::SECOND, tell};

const PORT: u16 = 8081;

/// Who has the certificate of a tool is served, and who only believes the authority is not.
pub(crate) async fn are_served(swarm: &Swarm, stack: &Stack<'_>) -> Outcome {
    stack.deploy_with(&["grpc"], SECOND, &[]).await?;
    ensure!(stack.until_updated("storage", crate::READY_BOUND).await? == "completed", "storage is not updated");
    let tasks = stack.tasks().await?;
    let (_, machine) = tasks.iter().find(|(service, _)| service == "storage").context("no storage")?;
    let storage = swarm.machine(machine)?.port(PORT);
    let [certificate, key, authority] = stack.tool();
    let files = [("INTERNAL_TLS_CERT", certificate), ("INTERNAL_TLS_KEY", key), ("INTERNAL_TLS_CA", authority.clone())];
    let tool = Program::tool("skep")?.env("SKEP_ADDR", storage.to_string());
    let tool = files.iter().fold(tool, |tool, (name, file)| tool.env(name, file.display().to_string()));
    for (args, needle) in [(&["status"][..], " up "), (&["list", "guestbook", "--limit", "3"], "\"author\"")] {
        let output = args.iter().fold(tool.clone(), |tool, arg| tool.arg(*arg)).run().await?;
        let told = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "skep {}: {told}{}", args[0], String::from_utf8_lossy(&output.stderr));
        tell(&format!("skep {}:\n{told}", args.join(" ")))?;
        ensure!(told.contains(needle), "{told}");
    }
    let stranger = collections(storage, kit::trusting(&authority)?).await;
    ensure!(stranger.is_err(), "a stranger is served: {stranger:?}");
    Ok(())
}

async fn collections(storage: SocketAddr, tls: Arc<ClientConfig>) -> anyhow::Result<Vec<String>> {
    let connect = tower::service_fn(move |_: Uri| {
        let tls = TlsConnector::from(Arc::clone(&tls));
        async move {
            let stream = TcpStream::connect(storage).await?;
            Ok::<_, io::Error>(TokioIo::new(tls.connect(ServerName::from(storage.ip()), stream).await?))
        }
    });
    let channel = Endpoint::from_static("http://storage").connect_with_connector(connect).await?;
    let asked = ListCollectionsRequest { page_size: 100, ..ListCollectionsRequest::default() };
    let answer = CollectionServiceClient::new(channel).list_collections(asked).await?.into_inner();
    Ok(answer.collections.into_iter().map(|collection| collection.name).collect())
}
