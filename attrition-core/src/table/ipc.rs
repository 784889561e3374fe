//! Arrow IPC: the file format (Feather v2) and the stream format.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::convert::fb_to_schema;
use arrow_ipc::reader::{FileDecoder, StreamDecoder, read_footer_length};
use arrow_ipc::writer::StreamWriter;
use arrow_ipc::{Block, root_as_footer, root_as_message};
use arrow_schema::{ArrowError, SchemaRef};

use super::Table;
use crate::error::Place;
use crate::file;
use crate::{Error, Result};

const FILE_MAGIC: &[u8] = b"ARROW1";

fn damaged(source: Option<&str>, e: impl std::fmt::Display) -> Error {
    let place = source.map_or_else(Place::none, |s| Place::none().in_source(s));
    Error::data(
        place,
        e,
        "a whole Arrow IPC file or stream",
        "write or copy it again; compressions read are lz4 and zstd",
    )
}

/// Bytes that one byte of a compressed buffer can stand for, at most: more than either compression has.
const MAX_RATIO: i64 = 1 << 17;

/// Whether the decoder can be trusted with the messages that begin here. It makes room for whatever length a compressed
/// buffer or a batch names, and room that is not there would end the process.
fn check_room(data: &[u8]) -> std::result::Result<(), ArrowError> {
    let fits = |n: i64| usize::try_from(n).is_ok_and(|n| Vec::<u8>::new().try_reserve_exact(n).is_ok());
    let too_large = || ArrowError::IpcError("a length that no memory holds".into());
    let word = |at: usize| Some(u32::from_le_bytes(*data.get(at..)?.first_chunk()?));
    let mut at = 0;
    // What is cut off is for the decoder to say.
    while let Some(first) = word(at) {
        let (start, len) = if first == u32::MAX { (at + 8, word(at + 4).unwrap_or(0)) } else { (at + 4, first) };
        let Some(message) = data.get(start..start.saturating_add(len as usize)).filter(|m| !m.is_empty()) else {
            break;
        };
        let Ok(message) = root_as_message(message) else { break };
        let body = data.get(start + len as usize..).unwrap_or_default();
        let batch = message.header_as_record_batch();
        if let Some(batch) = batch.or_else(|| message.header_as_dictionary_batch().and_then(|d| d.data())) {
            if !batch.length().checked_mul(8).is_some_and(fits) {
                return Err(too_large());
            }
            let compressed = batch.compression().and(batch.buffers());
            // An empty buffer has no length before it.
            for buffer in compressed.iter().flatten().filter(|b| b.length() >= 8) {
                let prefix =
                    usize::try_from(buffer.offset()).ok().and_then(|o| body.get(o..)).and_then(|b| b.first_chunk());
                let unpacked = prefix.map_or(0, |p| i64::from_le_bytes(*p));
                if unpacked > buffer.length().saturating_mul(MAX_RATIO) || (unpacked > 0 && !fits(unpacked)) {
                    return Err(too_large());
                }
            }
        }
        let Some(next) = usize::try_from(message.bodyLength()).ok().and_then(|n| n.checked_add(start + len as usize))
        else {
            break;
        };
        at = next;
    }
    Ok(())
}

/// All batches of a file. Every length it names is compared with the bytes there are before it is believed.
fn read_file(data: &Buffer) -> std::result::Result<(SchemaRef, Vec<RecordBatch>), ArrowError> {
    let short = || ArrowError::IpcError("a length beyond the end of the bytes".into());
    let trailer = data.len().checked_sub(10).ok_or_else(short)?;
    let mut tail = [0; 10];
    tail.copy_from_slice(&data[trailer..]);
    let footer = trailer.checked_sub(read_footer_length(tail)?).ok_or_else(short)?;
    let footer = root_as_footer(&data[footer..trailer]).map_err(|e| ArrowError::IpcError(e.to_string()))?;
    let schema = footer.schema().ok_or_else(|| ArrowError::IpcError("a footer without a schema".into()))?;
    let schema: SchemaRef = Arc::new(fb_to_schema(schema));
    let mut decoder = FileDecoder::new(Arc::clone(&schema), footer.version());
    let bytes_of = |block: &Block| {
        let (at, meta, body) = (block.offset(), i64::from(block.metaDataLength()), block.bodyLength());
        let end = at.checked_add(meta).and_then(|e| e.checked_add(body)).filter(|_| at >= 0 && meta >= 0 && body >= 0);
        let end = end.and_then(|e| usize::try_from(e).ok()).filter(|e| *e <= data.len()).ok_or_else(short)?;
        let bytes = data.slice_with_length(at as usize, end - at as usize);
        check_room(&bytes)?;
        Ok::<Buffer, ArrowError>(bytes)
    };
    for block in footer.dictionaries().iter().flatten() {
        decoder.read_dictionary(block, &bytes_of(block)?)?;
    }
    let mut batches = Vec::new();
    for block in footer.recordBatches().iter().flatten() {
        batches.extend(decoder.read_record_batch(block, &bytes_of(block)?)?);
    }
    Ok((schema, batches))
}

/// All batches of a stream.
fn read_stream(mut data: Buffer) -> std::result::Result<(SchemaRef, Vec<RecordBatch>), ArrowError> {
    check_room(&data)?;
    let mut decoder = StreamDecoder::new();
    let mut batches = Vec::new();
    while let Some(batch) = decoder.decode(&mut data)? {
        batches.push(batch);
    }
    decoder.finish()?;
    match (batches.first().map(RecordBatch::schema), decoder.schema()) {
        (Some(schema), _) | (None, Some(schema)) => Ok((schema, batches)),
        (None, None) => Err(ArrowError::IpcError("no schema".into())),
    }
}

fn read(bytes: Vec<u8>, source: Option<&str>) -> Result<Table> {
    let is_file = bytes.starts_with(FILE_MAGIC);
    let data = Buffer::from_vec(bytes);
    let read = || {
        let (schema, batches) =
            if is_file { read_file(&data) } else { read_stream(data) }.map_err(|e| damaged(source, e))?;
        Table::from_record_batches(&schema, &batches)
    };
    // What the decoder makes of foreign bytes may be a panic; here it is an error.
    let table = catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(damaged(source, "bytes that cannot be decoded")))?;
    if table.n_rows() == 0 || table.n_columns() == 0 {
        return Err(damaged(source, format!("{} rows with {} columns", table.n_rows(), table.n_columns())));
    }
    Ok(table)
}

impl Table {
    /// Read an Arrow IPC file (Feather v2), or an IPC stream in a file. Types become those of
    /// [`Table::from_record_batches`].
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::InvalidData`] for what is no Arrow IPC data, is cut off or damaged, has no row, or a column that
    /// has no place in a table.
    pub fn read_ipc(path: impl AsRef<Path>) -> Result<Table> {
        let path = path.as_ref();
        read(file::read_limited(path, u64::MAX)?, Some(&path.display().to_string()))
    }

    /// Read Arrow IPC bytes, file or stream format; see [`Table::read_ipc`].
    ///
    /// # Errors
    /// As [`Table::read_ipc`].
    pub fn from_ipc_bytes(bytes: &[u8]) -> Result<Table> {
        read(bytes.to_vec(), None)
    }

    /// The table as an Arrow IPC stream: what pyarrow, polars, apache-arrow for JavaScript and others read.
    ///
    /// # Errors
    /// As [`Table::to_record_batch`].
    pub fn to_ipc_bytes(&self) -> Result<Vec<u8>> {
        let batch = self.to_record_batch()?;
        let refused = |e: ArrowError| Error::Internal(format!("Arrow refused a table's own columns: {e}"));
        let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).map_err(refused)?;
        writer.write(&batch).map_err(refused)?;
        writer.into_inner().map_err(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Column;
    use arrow_ipc::writer::FileWriter;

    fn table() -> Table {
        Table::new(vec![
            Column::float("x", vec![1.5, f64::NAN, 3.0]),
            Column::strings("s", [Some("a"), None, Some("b")]),
            Column::bool("b", vec![true, false, true]),
        ])
        .unwrap()
    }

    /// A buffer that claims to unpack to 2⁶² bytes is refused before room is made for it.
    #[test]
    fn a_length_that_no_memory_holds_is_an_error() {
        let batch = Table::new(vec![Column::int("x", vec![7; 10_000])]).unwrap().to_record_batch().unwrap();
        let options = arrow_ipc::writer::IpcWriteOptions::default();
        let options = options.try_with_compression(Some(arrow_ipc::CompressionType::LZ4_FRAME)).unwrap();
        let mut writer = StreamWriter::try_new_with_options(Vec::new(), &batch.schema(), options).unwrap();
        writer.write(&batch).unwrap();
        let bytes = writer.into_inner().unwrap();
        assert_eq!(Table::from_ipc_bytes(&bytes).unwrap().n_rows(), 10_000);
        let unpacked = 80_000i64.to_le_bytes();
        let at = bytes.windows(8).position(|w| w == unpacked).unwrap();
        for lie in [1i64 << 62, 1 << 40, 79_999, 80_001, -2, i64::MIN] {
            let mut bytes = bytes.clone();
            bytes[at..at + 8].copy_from_slice(&lie.to_le_bytes());
            let e = Table::from_ipc_bytes(&bytes).unwrap_err();
            assert_eq!(e.kind(), crate::ErrorKind::InvalidData);
        }
    }

    #[test]
    fn streams_and_files_are_read_back() {
        let t = table();
        let stream = t.to_ipc_bytes().unwrap();
        let batch = t.to_record_batch().unwrap();
        let mut writer = FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.write(&batch).unwrap();
        let file = writer.into_inner().unwrap();
        let dir = tempfile::tempdir().unwrap();
        for (bytes, n) in [(stream, 3), (file, 6)] {
            let path = dir.path().join("a.arrow");
            std::fs::write(&path, &bytes).unwrap();
            for back in [Table::from_ipc_bytes(&bytes).unwrap(), Table::read_ipc(&path).unwrap()] {
                assert_eq!(back.n_rows(), n);
                for c in t.columns() {
                    let read = back.column(c.name()).unwrap();
                    assert_eq!(read.type_name(), c.type_name());
                    (0..n).for_each(|r| assert_eq!(read.get(r), c.get(r % 3)));
                }
            }
            for cut in 0..bytes.len() {
                let _ = Table::from_ipc_bytes(&bytes[..cut]);
            }
            let mut r = crate::Seed(5).stream("ipc", 0);
            for _ in 0..500 {
                let mut broken = bytes.clone();
                let at = r.below(broken.len());
                broken[at] ^= 1 << r.below(8);
                let _ = Table::from_ipc_bytes(&broken);
            }
        }
        let e = Table::from_ipc_bytes(b"no arrow at all").unwrap_err().to_string();
        assert!(e.contains("a whole Arrow IPC file"), "{e}");
    }
}
