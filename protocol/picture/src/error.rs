//! What can be wrong with a size or an update.

/// Why a size was refused or an update could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    #[error("picture size {width}x{height} is out of bounds")]
    Size { width: u32, height: u32 },
    #[error("unknown picture format {0}")]
    Version(u8),
    #[error("picture update is cut short")]
    Truncated,
    #[error("picture update has trailing bytes")]
    Trailing,
    #[error("malformed picture update: {0}")]
    Malformed(&'static str),
    #[error("picture update {found} where {expected} was due")]
    OutOfOrder { expected: u8, found: u8 },
    #[error("a whole picture is needed first")]
    NeedsWhole,
    #[error("picture compression failed")]
    Compression,
}
