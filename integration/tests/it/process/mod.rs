//! What every process does alike: its settings, its start and stop, what it tells of itself.

mod administrator;
mod doors;
mod https;
mod logs;
mod rotation;
mod settings;
mod stop;
mod tls;
