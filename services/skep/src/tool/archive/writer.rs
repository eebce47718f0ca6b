//! Writing the file: beside its name until it is whole.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use sha2::{Digest, Sha256};
use zstd::stream::read::Decoder;

use super::{
    line::{End, Line, Totals},
    reader::{MAGIC, hex},
};

/// Bytes of lines that are compressed together, and can be read without what follows.
const BLOCK: usize = 4 << 20;
const LEVEL: i32 = 3;
/// Nobody else reads it: it holds hashes of passwords.
const PRIVATE: u32 = 0o600;

/// Where lines go.
pub(crate) struct Writer {
    out: Out,
    compressed: bool,
    /// Lines that are still to be written.
    block: Vec<u8>,
    digest: Sha256,
    totals: Totals,
}

enum Out {
    /// Where it is until it is whole, and then.
    File {
        file: File,
        partial: PathBuf,
        path: PathBuf,
    },
    Standard(io::Stdout),
}

impl Writer {
    /// To standard output.
    pub(crate) fn standard() -> Self {
        Self::to(Out::Standard(io::stdout()), false)
    }

    /// To a file of this name, compressed if that ends in `.zst`. What an earlier attempt has left is gone on with: `seen` is
    /// told each line of it.
    ///
    /// # Errors
    /// When there is a file of that name, or it cannot be written, or another export writes it.
    pub(crate) fn file(path: &Path, mut seen: impl FnMut(Line) -> anyhow::Result<()>) -> anyhow::Result<Self> {
        is_free(path)?;
        let partial = partial(path);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(PRIVATE);
        let mut file = options.open(&partial).with_context(|| format!("cannot write {}", partial.display()))?;
        file.try_lock().with_context(|| format!("{} is being written by another export", path.display()))?;
        is_free(path)?;
        let compressed = path.extension().is_some_and(|extension| extension == "zst");
        let (mut totals, mut digest, mut whole) = (Totals::default(), Sha256::new(), 0);
        let mut left = BufReader::new(file.try_clone()?);
        // What follows the last whole block was being written when it was cut off.
        'blocks: while let Ok(Some(block)) = block(&mut left, compressed) {
            for line in block.split_inclusive(|byte| *byte == b'\n') {
                let line = Line::read(line).with_context(|| format!("{} is in the way", partial.display()))?;
                if matches!(line, Line::End(_)) {
                    // All but the name was given.
                    break 'blocks;
                }
                totals.count(&line);
                seen(line)?;
            }
            digest.update(&block);
            whole = left.stream_position()?;
        }
        let begins = whole > 0 || is_begun(&file, compressed)?;
        ensure!(begins, "{} is none of ours, and in the way: remove it", partial.display());
        file.set_permissions(Permissions::from_mode(PRIVATE))?;
        file.set_len(whole)?;
        file.seek(SeekFrom::Start(whole))?;
        let out = Out::File { file, partial, path: path.to_owned() };
        Ok(Self { digest, totals, ..Self::to(out, compressed) })
    }

    fn to(out: Out, compressed: bool) -> Self {
        Self { out, compressed, block: Vec::new(), digest: Sha256::new(), totals: Totals::default() }
    }

    /// What was written.
    pub(crate) fn totals(&self) -> Totals {
        self.totals
    }

    /// Writes a line.
    pub(crate) fn line(&mut self, line: &Line) -> anyhow::Result<()> {
        self.totals.count(line);
        self.block.extend(line.write()?);
        if self.block.len() < BLOCK { Ok(()) } else { self.flush() }
    }

    /// Writes what was kept to be written together.
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        let block = std::mem::take(&mut self.block);
        self.digest.update(&block);
        let written = if self.compressed { zstd::encode_all(&block[..], LEVEL)? } else { block };
        match &mut self.out {
            Out::File { file, partial, .. } => file.write_all(&written).with_context(|| full(partial)),
            Out::Standard(out) => {
                out.write_all(&written).and_then(|()| out.flush()).context("standard output takes no more")
            }
        }
    }

    /// Writes the last line, and gives the file its name.
    pub(crate) fn finish(mut self) -> anyhow::Result<Totals> {
        self.flush()?;
        let totals = self.totals;
        self.line(&Line::End(End { totals, sha256: hex(self.digest.clone()) }))?;
        self.flush()?;
        if let Out::File { file, partial, path } = self.out {
            file.sync_all().with_context(|| full(&partial))?;
            fs::rename(&partial, &path).with_context(|| format!("cannot name {}", path.display()))?;
            if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                File::open(folder)?.sync_all()?;
            }
        }
        Ok(totals)
    }
}

fn is_free(path: &Path) -> anyhow::Result<()> {
    ensure!(!path.exists(), "{} is there already: name another file", path.display());
    Ok(())
}

fn full(partial: &Path) -> String {
    format!("cannot write {}: see that there is room, and begin again; it goes on where it was", partial.display())
}

/// Whether a file without a whole block is one of ours: it is empty, or ends within its first.
fn is_begun(mut file: &File, compressed: bool) -> io::Result<bool> {
    let start: &[u8] = if compressed { &MAGIC } else { b"{\"begun\":" };
    let mut head = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(start.len() as u64).read_to_end(&mut head)?;
    Ok(start.starts_with(&head))
}

/// The next lines that were written together.
///
/// # Errors
/// When they are not whole.
fn block(left: &mut BufReader<File>, compressed: bool) -> anyhow::Result<Option<Vec<u8>>> {
    if left.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let mut block = Vec::new();
    if compressed {
        let frame = Decoder::with_buffer(left)?.single_frame();
        frame.take(4 * BLOCK as u64).read_to_end(&mut block)?;
    } else {
        left.take(4 * BLOCK as u64).read_until(b'\n', &mut block)?;
    }
    ensure!(block.ends_with(b"\n"), "it was cut off");
    Ok(Some(block))
}

/// Where a file is until it is whole.
fn partial(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}
