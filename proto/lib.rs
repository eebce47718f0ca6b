//! The contract of Skep: the messages and services of `skep.v1`, the one trait through which both
//! doors speak ([`Contract`]), and the errors they share ([`Error`]).

pub mod batch;
mod code;
mod contract;
mod error;
mod hidden;
pub mod mutation;
mod token;

/// The generated messages, clients and servers of the package `skep.v1`.
#[allow(missing_docs, unreachable_pub, clippy::pedantic, reason = "generated from documented proto files")]
pub mod v1 {
    tonic::include_proto!("skep.v1");
}

pub use code::Code;
pub use contract::{Contract, Local, Remote};
pub use error::{Error, Violation};
pub use token::Token;

/// The compiled descriptors of the package, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = tonic::include_file_descriptor_set!("skep.v1");
