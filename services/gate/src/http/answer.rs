//! An answer on its way out.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::{connection::Busy, room::Share};

/// hyper takes whatever it is given into a buffer of its own: in pieces of so many bytes an answer lasts as long as
/// its client takes to read it.
const PIECE: usize = 64 << 10;

/// A response's body, which keeps its connection busy and its room taken.
pub(super) struct Answer {
    body: axum::body::Body,
    /// What is yet to be handed out of a frame of `body`.
    rest: Bytes,
    share: Option<Arc<Share>>,
    _busy: Busy,
}

/// A piece, which shares the memory of the whole and therefore its room.
struct Piece {
    bytes: Bytes,
    _share: Arc<Share>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Answer {
    pub(super) fn new(body: axum::body::Body, share: Option<Arc<Share>>, busy: Busy) -> Self {
        Self { body, rest: Bytes::new(), share, _busy: busy }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(end),
            }
        }
        let length = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(length);
        let piece = match &self.share {
            Some(share) => Bytes::from_owner(Piece { bytes: piece, _share: share.clone() }),
            None => piece,
        };
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let whole = self.body.size_hint().exact().map(|body| body + self.rest.len() as u64);
        whole.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
