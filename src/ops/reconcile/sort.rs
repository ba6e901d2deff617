//! Puts records in the order of their keys within bounded memory: what does not fit is spilled to temporary files in
//! sorted runs, which are merged when they are read.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};
use std::marker::PhantomData;

use super::ReconcileError;
use super::codec::Packed;
use crate::domain::reconcile::Keyed;

/// Bytes of records in memory before they become a run. Two sorts run side by side.
const RUN: usize = 24 * 1024 * 1024;

/// Runs that are merged at once; more are merged into one first. Each costs a file and a buffer.
const MAX_RUNS: usize = 64;

/// Bytes read of a run at once.
const BUFFER: usize = 64 * 1024;

/// Where a record stands in the arena.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// The key's first bytes as a number, which decides most comparisons.
    head: u64,
    start: u32,
    key: u32,
    end: u32,
}

/// Takes records in any order.
#[derive(Debug)]
pub struct Sorter<T> {
    arena: Vec<u8>,
    places: Vec<Place>,
    runs: Vec<File>,
    room: usize,
    kind: PhantomData<T>,
}

impl<T: Packed> Default for Sorter<T> {
    fn default() -> Self {
        Self::with_room(RUN)
    }
}

impl<T: Packed> Sorter<T> {
    /// One that keeps so many bytes in memory.
    #[must_use]
    pub fn with_room(room: usize) -> Self {
        Self { arena: Vec::new(), places: Vec::new(), runs: Vec::new(), room, kind: PhantomData }
    }

    /// Takes a record under a key.
    ///
    /// # Errors
    /// [`ReconcileError`] when a temporary file cannot be written.
    pub fn push(&mut self, key: &[u8], record: &T) -> Result<(), ReconcileError> {
        let start = self.arena.len();
        self.arena.extend_from_slice(key);
        record.pack(&mut self.arena);
        let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        self.places.push(Place {
            head: head(key),
            start: number(start),
            key: number(start + key.len()),
            end: number(self.arena.len()),
        });
        if self.arena.len() + self.places.len() * size_of::<Place>() >= self.room {
            self.spill()?;
        }
        Ok(())
    }

    fn part(&self, from: u32, to: u32) -> &[u8] {
        self.arena.get(from as usize..to as usize).unwrap_or_default()
    }

    /// Records of one key stay in the order in which they came.
    fn sort(&mut self) {
        let mut places = std::mem::take(&mut self.places);
        places.sort_unstable_by(|a, b| {
            let keys = || self.part(a.start, a.key).cmp(self.part(b.start, b.key));
            a.head.cmp(&b.head).then_with(keys).then(a.start.cmp(&b.start))
        });
        self.places = places;
    }

    fn spill(&mut self) -> Result<(), ReconcileError> {
        self.sort();
        let mut out = BufWriter::with_capacity(BUFFER, tempfile::tempfile().map_err(spilling)?);
        for place in &self.places {
            let (key, record) = (self.part(place.start, place.key), self.part(place.key, place.end));
            write(&mut out, key, record).map_err(spilling)?;
        }
        self.runs.push(rewound(out).map_err(spilling)?);
        self.arena.clear();
        self.places.clear();
        if self.runs.len() >= MAX_RUNS {
            let mut merge = Merge::<T>::of(std::mem::take(&mut self.runs))?;
            let mut out = BufWriter::with_capacity(BUFFER, tempfile::tempfile().map_err(spilling)?);
            while let Some((key, record)) = merge.raw()? {
                write(&mut out, &key, &record).map_err(spilling)?;
            }
            self.runs.push(rewound(out).map_err(spilling)?);
        }
        Ok(())
    }

    /// Hands them out in the order of their keys.
    ///
    /// # Errors
    /// [`ReconcileError`] when a temporary file cannot be written or read.
    pub fn sorted(mut self) -> Result<Sorted<T>, ReconcileError> {
        if self.runs.is_empty() {
            self.sort();
            return Ok(Sorted::Memory { sorter: self, next: 0 });
        }
        self.spill()?;
        let Self { arena, places, runs, .. } = self;
        // The merge needs the room.
        drop((arena, places));
        Ok(Sorted::Files(Merge::of(runs)?))
    }
}

fn head(key: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    for (to, from) in bytes.iter_mut().zip(key) {
        *to = *from;
    }
    u64::from_be_bytes(bytes)
}

fn spilling(error: std::io::Error) -> ReconcileError {
    ReconcileError::Broken(format!(
        "cannot sort in {}: {error}; name a folder with more room in TMPDIR",
        std::env::temp_dir().display()
    ))
}

fn write(out: &mut impl Write, key: &[u8], record: &[u8]) -> std::io::Result<()> {
    let lengths = [key.len(), record.len()].map(|length| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    out.write_all(&lengths.concat())?;
    out.write_all(key)?;
    out.write_all(record)
}

fn rewound(out: BufWriter<File>) -> std::io::Result<File> {
    let mut file = out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    file.rewind()?;
    Ok(file)
}

/// Records in the order of their keys.
#[derive(Debug)]
pub enum Sorted<T> {
    /// All of them fitted.
    Memory {
        /// Where they are.
        sorter: Sorter<T>,
        /// The next one.
        next: usize,
    },
    /// They are in files.
    Files(Merge<T>),
}

impl<T: Packed> Iterator for Sorted<T> {
    type Item = Result<Keyed<T>, ReconcileError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Memory { sorter, next } => {
                let place = *sorter.places.get(*next)?;
                *next += 1;
                let key = sorter.part(place.start, place.key).to_vec();
                Some(unpacked(key, sorter.part(place.key, place.end)))
            }
            Self::Files(merge) => {
                let (key, record) = match merge.raw() {
                    Ok(next) => next?,
                    Err(error) => return Some(Err(error)),
                };
                Some(unpacked(key, &record))
            }
        }
    }
}

fn unpacked<T: Packed>(key: Vec<u8>, record: &[u8]) -> Result<Keyed<T>, ReconcileError> {
    let record = T::unpack(&mut &*record)
        .ok_or_else(|| ReconcileError::Broken("a temporary file was changed while it was sorted".to_owned()))?;
    Ok(Keyed { key, record })
}

/// A key and the record that stands under it, packed.
type Raw = (Vec<u8>, Vec<u8>);

/// Sorted runs as one.
#[derive(Debug)]
pub struct Merge<T> {
    runs: Vec<BufReader<File>>,
    next: BinaryHeap<Next>,
    kind: PhantomData<T>,
}

/// The first record of a run; the least key, and the earliest run of one key, is the greatest of these.
#[derive(Debug, PartialEq, Eq)]
struct Next {
    key: Vec<u8>,
    run: usize,
    record: Vec<u8>,
}

impl Ord for Next {
    fn cmp(&self, other: &Self) -> Ordering {
        other.key.cmp(&self.key).then(other.run.cmp(&self.run))
    }
}

impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Merge<T> {
    fn of(runs: Vec<File>) -> Result<Self, ReconcileError> {
        let runs: Vec<_> = runs.into_iter().map(|run| BufReader::with_capacity(BUFFER, run)).collect();
        let mut merge = Self { next: BinaryHeap::with_capacity(runs.len()), runs, kind: PhantomData };
        for run in 0..merge.runs.len() {
            merge.load(run)?;
        }
        Ok(merge)
    }

    fn load(&mut self, run: usize) -> Result<(), ReconcileError> {
        let Some(file) = self.runs.get_mut(run) else { return Ok(()) };
        let mut lengths = [0; 8];
        // A run ends between two records.
        match file.read(&mut lengths[..1]).map_err(spilling)? {
            0 => return Ok(()),
            _ => file.read_exact(&mut lengths[1..]).map_err(spilling)?,
        }
        let [a, b, c, d, e, f, g, h] = lengths;
        let mut key = vec![0; u32::from_le_bytes([a, b, c, d]) as usize];
        let mut record = vec![0; u32::from_le_bytes([e, f, g, h]) as usize];
        file.read_exact(&mut key).map_err(spilling)?;
        file.read_exact(&mut record).map_err(spilling)?;
        self.next.push(Next { key, run, record });
        Ok(())
    }

    fn raw(&mut self) -> Result<Option<Raw>, ReconcileError> {
        let Some(Next { key, run, record }) = self.next.pop() else { return Ok(None) };
        self.load(run)?;
        Ok(Some((key, record)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever fits into memory, the order is that of the keys, and of one key that of arrival.
        #[test]
        fn sorted_is_as_if_in_memory(
            keys in prop::collection::vec("[a-c]{0,12}", 0..400),
            room in 64_usize..20_000,
        ) {
            let mut sorter = Sorter::<String>::with_room(room);
            let mut expected = Vec::new();
            for (at, key) in keys.iter().enumerate() {
                let record = format!("{at}");
                sorter.push(key.as_bytes(), &record).map_err(|error| TestCaseError::fail(error.to_string()))?;
                expected.push((key.clone().into_bytes(), record));
            }
            expected.sort_by(|a, b| a.0.cmp(&b.0));
            let sorted = sorter.sorted().and_then(Iterator::collect::<Result<Vec<_>, _>>);
            let sorted = sorted.map_err(|error| TestCaseError::fail(error.to_string()))?;
            let sorted: Vec<_> = sorted.into_iter().map(|one| (one.key, one.record)).collect();
            prop_assert_eq!(sorted, expected);
        }
    }
}
