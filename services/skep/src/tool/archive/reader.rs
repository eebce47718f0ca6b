//! Reading the file.

use std::{
    cell::Cell,
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek},
    path::Path,
    rc::Rc,
};

use anyhow::{Context, bail, ensure};
use sha2::{Digest, Sha256};
use zstd::stream::read::Decoder;

use super::line::{Begun, End, Line, Totals};

/// The longest line, in bytes: a record of 1 MiB as text, every byte of it escaped, and the rest of it.
const LINE: u64 = 8 << 20;
/// How every frame of zstd begins (RFC 8878, 3.1.1).
pub(super) const MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();

/// An archive to be read, more than once if need be.
pub(crate) struct Archive(File);

impl Archive {
    /// The file of that name; of `-`, standard input, which is kept in a file without a name.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        if path != Path::new("-") {
            return Ok(Self(File::open(path).with_context(|| format!("cannot read {}", path.display()))?));
        }
        let spool = || {
            let mut file = tempfile::tempfile()?;
            io::copy(&mut io::stdin().lock(), &mut file)?;
            io::Result::Ok(file)
        };
        let spooled = spool().context("standard input is kept in a temporary file: see that there is room for it")?;
        Ok(Self(spooled))
    }

    /// What its first line says.
    pub(crate) fn begun(&self) -> anyhow::Result<Begun> {
        match Lines::new(self.0.try_clone()?)?.next()? {
            Some(Line::Begun(begun)) => Ok(begun),
            _ => bail!("it does not begin as an archive of Skep does"),
        }
    }

    /// How large it is, in bytes.
    pub(crate) fn bytes(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    /// Reads it from its beginning, and tells `seen` of each line but the last, with how many bytes of the file were read.
    ///
    /// # Errors
    /// What is not as it was written, after what comes before it was told.
    pub(crate) fn read(&self, mut seen: impl FnMut(Line, u64) -> anyhow::Result<()>) -> anyhow::Result<Totals> {
        let mut lines = Lines::new(self.0.try_clone()?)?;
        let (mut digest, mut totals) = (Sha256::new(), Totals::default());
        while let Some(line) = lines.next().with_context(|| format!("line {}", lines.number))? {
            match (&line, lines.number) {
                (Line::Begun(_), 1) => {}
                (Line::Begun(_), _) | (_, 1) => bail!("it does not begin as an archive of Skep does"),
                (Line::End(End { totals: told, sha256 }), _) => {
                    let is_sound = *told == totals && *sha256 == hex(digest);
                    ensure!(is_sound, "it is damaged: its last line tells of other lines than there are");
                    ensure!(lines.next()?.is_none(), "it goes on after its last line");
                    return Ok(totals);
                }
                _ => {}
            }
            totals.count(&line);
            digest.update(&lines.text);
            seen(line, lines.position.get())?;
        }
        bail!("it was cut off after {} records: its last line is missing", totals.records)
    }
}

struct Lines {
    source: Box<dyn BufRead>,
    /// Bytes of the file that were read.
    position: Rc<Cell<u64>>,
    /// The line that was read last.
    text: Vec<u8>,
    /// From 1.
    number: u64,
}

impl Lines {
    fn new(mut file: File) -> anyhow::Result<Self> {
        file.rewind()?;
        let position = Rc::new(Cell::new(0));
        let mut source = BufReader::new(Counted { file, position: Rc::clone(&position) });
        let source: Box<dyn BufRead> = if source.fill_buf()?.starts_with(&MAGIC) {
            Box::new(BufReader::new(Decoder::with_buffer(source)?))
        } else {
            Box::new(source)
        };
        Ok(Self { source, position, text: Vec::new(), number: 0 })
    }

    fn next(&mut self) -> anyhow::Result<Option<Line>> {
        self.text.clear();
        self.number += 1;
        self.source.by_ref().take(LINE).read_until(b'\n', &mut self.text)?;
        if self.text.is_empty() {
            return Ok(None);
        }
        ensure!(self.text.ends_with(b"\n"), "it was cut off here, or is no line");
        Line::read(&self.text).map(Some)
    }
}

struct Counted {
    file: File,
    position: Rc<Cell<u64>>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.position.set(self.position.get() + read as u64);
        Ok(read)
    }
}

/// In hexadecimal.
pub(super) fn hex(digest: Sha256) -> String {
    digest.finalize().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
