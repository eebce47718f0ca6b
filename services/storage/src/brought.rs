/// What became of something that was to be brought in as it was elsewhere or before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Brought {
    /// It is there now.
    Made,
    /// It stands in the place of something earlier.
    Replaced,
    /// The same or something later was there, and is.
    Kept,
}
