//! Reading a blob from the file without trusting it.

use super::checksum::Checksum;

/// What is wrong with a row, and at which byte of its blob where one is to blame.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Damage {
    pub(super) offset: Option<usize>,
    pub(super) what: String,
}

impl Damage {
    /// Damage that no byte is to blame for.
    pub(super) fn of(what: String) -> Self {
        Self { offset: None, what }
    }

    /// What to say after the row, if a byte of it is to blame.
    pub(super) fn place(&self) -> String {
        self.offset.map(|offset| format!(", byte {offset}")).unwrap_or_default()
    }
}

/// The bytes of a blob that are still to be read.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// All of `bytes`, which nothing guards yet.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, offset: 0 }
    }

    /// The bytes before the checksum that `blob` ends with, once it holds for `context` and them.
    pub(super) fn checked(context: &[u8], blob: &'a [u8]) -> Result<Self, Damage> {
        let Some((rest, kept)) = blob.split_last_chunk() else {
            let what = format!("`{}` bytes are too few for a checksum", blob.len());
            return Err(Damage { offset: None, what });
        };
        let (kept, found) =
            (u32::from_le_bytes(*kept), Checksum::new().add(context).add(rest).value());
        if kept == found {
            return Ok(Self { rest, offset: 0 });
        }
        let what = format!("the checksum is `{found:#010x}`, expected `{kept:#010x}`");
        Err(Damage { offset: None, what })
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Damage> {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            let left = self.rest.len();
            return Err(self.damage(format!("`{left}` bytes are left, expected `{count}`")));
        };
        (self.rest, self.offset) = (rest, self.offset + count);
        Ok(taken)
    }

    /// `count` numbers of `N` bytes each.
    pub(super) fn column<const N: usize>(&mut self, count: usize) -> Result<&'a [[u8; N]], Damage> {
        let bytes = count.checked_mul(N).ok_or_else(|| {
            self.damage(format!("`{count}` numbers of `{N}` bytes are more than there can be"))
        })?;
        Ok(self.take(bytes)?.as_chunks().0)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Damage> {
        Ok(self.take(1)?.iter().fold(0, |_, byte| *byte))
    }

    /// The next `N` bytes.
    pub(super) fn one<const N: usize>(&mut self) -> Result<&'a [u8; N], Damage> {
        let bytes = self.take(N)?;
        bytes.first_chunk().ok_or_else(|| self.damage(format!("`{N}` bytes are missing")))
    }

    pub(super) fn u32(&mut self) -> Result<u32, Damage> {
        self.one().map(|bytes| u32::from_le_bytes(*bytes))
    }

    /// Text after its length.
    pub(super) fn text(&mut self) -> Result<&'a str, Damage> {
        let length = self.u32()?;
        let bytes = self.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        str::from_utf8(bytes).map_err(|error| self.damage(format!("text is not UTF-8: {error}")))
    }

    /// That a checksum of all that was read of `blob` so far follows.
    pub(super) fn checksum(&mut self, blob: &[u8]) -> Result<(), Damage> {
        let found = Checksum::new().add(blob.get(..self.offset).unwrap_or_default()).value();
        let kept = self.u32()?;
        if kept == found {
            return Ok(());
        }
        Err(self.damage(format!("the checksum is `{found:#010x}`, expected `{kept:#010x}`")))
    }

    /// What is left.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// That nothing is left.
    pub(super) fn end(&self) -> Result<(), Damage> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(self.damage(format!("`{left}` bytes are left over"))),
        }
    }

    pub(super) fn damage(&self, what: String) -> Damage {
        Damage { offset: Some(self.offset), what }
    }
}
