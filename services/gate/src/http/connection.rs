//! One connection's sense of time.
//!
//! A connection is idle (nothing of a request has come), in a head (its first byte has), or busy (a request is being
//! answered; bodies and handlers watch their own time). hyper's one timer runs through the first two alike, so the
//! stream itself tells them apart. On HTTP/2, where frames come at any time, a connection is idle or busy. An answer of
//! which the client takes nothing ends the connection in every state.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

use super::Limits;

/// How HTTP/2 begins (RFC 9113, 3.4), as far as it comes in one piece.
const HTTP2: &[u8] = b"PRI";
/// A connection that is closed reads on for so many bytes at most: a whole body that nobody wanted.
const LINGER: usize = 2 << 20;

/// The requests of a connection, as its stream sees them.
pub(super) struct Activity {
    born: Instant,
    started: AtomicU64,
    finished: AtomicU64,
    /// When the last one finished, in milliseconds since `born`.
    finished_at: AtomicU64,
    http2: AtomicBool,
    /// Whether the client does not take what is written.
    stalled: AtomicBool,
}

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            born: Instant::now(),
            started: AtomicU64::new(0),
            finished: AtomicU64::new(0),
            finished_at: AtomicU64::new(0),
            http2: AtomicBool::new(false),
            stalled: AtomicBool::new(false),
        })
    }

    /// A request begins, and lasts as long as what is returned.
    pub(super) fn begin(self: &Arc<Self>, version: http::Version) -> Busy {
        if version == http::Version::HTTP_2 {
            self.http2.store(true, Relaxed);
        }
        self.started.fetch_add(1, Relaxed);
        Busy(self.clone())
    }

    /// Whether nothing was asked for so long, and nothing that was answered still waits to be taken.
    pub(super) fn is_quiet(&self, time: Duration) -> bool {
        !self.is_busy() && !self.stalled.load(Relaxed) && self.finished_at().elapsed() >= time
    }

    /// Whether its client has asked within so long, asks nothing now, and could not be told that a further request was not
    /// served, as HTTP/2 can.
    pub(super) fn may_ask(&self, time: Duration) -> bool {
        !self.is_http2() && !self.is_busy() && !self.is_quiet(time)
    }

    fn is_http2(&self) -> bool {
        self.http2.load(Relaxed)
    }

    fn is_busy(&self) -> bool {
        self.started.load(Relaxed) != self.finished.load(Relaxed)
    }

    fn finished_at(&self) -> Instant {
        self.born + Duration::from_millis(self.finished_at.load(Relaxed))
    }
}

/// A request being answered.
pub(super) struct Busy(Arc<Activity>);

impl Drop for Busy {
    fn drop(&mut self) {
        let millis = u64::try_from(self.0.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.finished_at.store(millis, Relaxed);
        self.0.finished.fetch_add(1, Relaxed);
    }
}

/// A stream that fails when its client takes too long, and that closes so that the last answer arrives.
pub(super) struct Watched<S> {
    stream: S,
    activity: Arc<Activity>,
    limits: Limits,
    /// Until then the first byte has to come.
    begin: Instant,
    /// How many requests had started when `head` was set.
    seen: u64,
    /// When the first byte of a head came.
    head: Option<Instant>,
    /// When the client stopped taking what is written.
    stalled: Option<Instant>,
    last_read: Option<Instant>,
    /// Set once the write side is shut down: how much was read since.
    discarded: Option<usize>,
    /// Fires at or before the time that matters, and is then set anew: so it need not move with every request.
    timer: Pin<Box<Sleep>>,
}

impl<S> Watched<S> {
    /// A stream on which something has to come within `first`.
    pub(super) fn new(stream: S, activity: Arc<Activity>, limits: Limits, first: Duration) -> Self {
        let begin = activity.born + first;
        let timer = Box::pin(sleep_until(begin));
        Self {
            stream,
            activity,
            limits,
            begin,
            seen: 0,
            head: None,
            stalled: None,
            last_read: None,
            discarded: None,
            timer,
        }
    }

    /// Notes what was read.
    fn read(&mut self, bytes: &[u8]) {
        let now = Instant::now();
        if self.last_read.is_none() && bytes.starts_with(HTTP2) {
            self.activity.http2.store(true, Relaxed);
        }
        self.last_read = Some(now);
        self.forget_past_head();
        if !self.activity.is_busy() && !bytes.is_empty() {
            self.head.get_or_insert(now);
        }
    }

    fn forget_past_head(&mut self) {
        let started = self.activity.started.load(Relaxed);
        if started != self.seen {
            (self.seen, self.head) = (started, None);
        }
    }

    /// When the client is out of time; `None` while it is we who take it.
    fn due(&mut self) -> Option<Instant> {
        self.forget_past_head();
        match (self.stalled, self.head) {
            (Some(since), _) => Some(since + self.limits.write),
            _ if self.activity.is_busy() => None,
            (None, Some(since)) if !self.activity.is_http2() => Some(since + self.limits.head),
            _ if self.last_read.is_none() => Some(self.begin),
            _ => Some(self.activity.finished_at() + self.limits.idle),
        }
    }

    /// Fails when the client is out of time, else waits for that.
    fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            let now = Instant::now();
            let due = self.due().unwrap_or(now + self.limits.idle);
            if due <= now {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            let set = self.timer.deadline();
            if due < set || set <= now {
                self.timer.as_mut().reset(due);
            }
            ready!(self.timer.as_mut().poll(cx));
        }
    }

    /// Notes how a write went; one that cannot go on is given its time.
    fn written<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.activity.stalled.store(written.is_pending(), Relaxed);
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        self.stalled.get_or_insert_with(Instant::now);
        self.poll_due(cx).map(Err)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {
                self.read(&buf.filled()[before..]);
                Poll::Ready(Ok(()))
            }
            Poll::Pending => self.poll_due(cx).map(Err),
            failed @ Poll::Ready(_) => failed,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.written(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.written(cx, flushed)
    }

    /// Closes the write side and then reads on for a while: closing a socket that has unread bytes resets the
    /// connection, and a reset can overtake the answer (RFC 9112, 9.6). A connection without traffic has none.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.discarded.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            let last = this.last_read.unwrap_or(this.activity.born).max(this.activity.finished_at());
            this.timer.as_mut().reset(last + this.limits.linger);
        }
        let discarded = this.discarded.get_or_insert(0);
        let mut scrap = [0; 8192];
        while *discarded < LINGER && this.timer.as_mut().poll(cx).is_pending() {
            let mut scrap = ReadBuf::new(&mut scrap);
            match ready!(Pin::new(&mut this.stream).poll_read(cx, &mut scrap)) {
                Ok(()) if !scrap.filled().is_empty() => *discarded += scrap.filled().len(),
                _ => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}
