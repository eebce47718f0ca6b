//! Compiles `proto/` without a `protoc`, and keeps the descriptor set for reflection.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;

fn main() -> Result<(), Box<dyn Error>> {
    let files = ["account_service", "collection_service", "operator_service", "record_service", "session_service"]
        .map(|file| format!("proto/skep/v1/{file}.proto"));
    for file in &files {
        println!("cargo::rerun-if-changed={file}");
    }
    // They bear secrets: proto/hidden.rs shows them without.
    let hidden = [
        "CreateAccountRequest",
        "UpdateAccountRequest",
        "ChangePasswordRequest",
        "CreateSessionRequest",
        "CreateSessionResponse",
        "ArchivedAccount",
    ]
    .map(|message| format!(".skep.v1.{message}"));
    let descriptors = protox::compile(&files, ["proto"])?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("no OUT_DIR")?);
    fs::write(out.join("skep.v1.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().bytes(".").skip_debug(hidden).compile_fds(descriptors)?;
    Ok(())
}
