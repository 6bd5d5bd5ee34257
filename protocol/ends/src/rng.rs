//! Chance as an argument.

/// A source of bytes good enough for keys.
pub trait Randomness {
    fn fill(&mut self, bytes: &mut [u8]);
}

/// 32 fresh bytes.
pub fn seed(rng: &mut dyn Randomness) -> [u8; 32] {
    let mut bytes = [0; 32];
    rng.fill(&mut bytes);
    bytes
}

/// Hands a [`Randomness`] to `spake2`, which wants `rand_core` 0.6.
pub(crate) struct ForSpake<'a>(pub &'a mut dyn Randomness);

impl rand_core_06::CryptoRng for ForSpake<'_> {}

impl rand_core_06::RngCore for ForSpake<'_> {
    fn next_u32(&mut self) -> u32 {
        rand_core_06::impls::next_u32_via_fill(self)
    }
    fn next_u64(&mut self) -> u64 {
        rand_core_06::impls::next_u64_via_fill(self)
    }
    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core_06::Error> {
        self.0.fill(bytes);
        Ok(())
    }
}
