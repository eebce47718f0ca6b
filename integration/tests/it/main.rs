//! What the running product does, from outside: every test starts the real binaries.

mod archive;
mod bad_input;
mod crud;
mod durability;
mod grpc;
mod guestbook;
mod process;
mod random;
mod tool;

/// What a test gives back; what went wrong on the way to its question.
type Outcome = anyhow::Result<()>;
