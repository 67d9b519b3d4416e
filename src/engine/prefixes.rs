//! Beginnings of prompts that were computed once and are kept for later prompts.
//!
//! Drafting and judging, and one run after the other in a process, ask for prompts that begin
//! alike. A beginning that is held whole is forked; one that is held in part is copied as far as it
//! agrees and computed on from there. Keys and values depend only on the tokens up to their own
//! position, so neither changes a bit of what follows.
//!
//! Owns which beginnings are held; the keys and values themselves belong to the cache.

use std::sync::Arc;

use candle_core::Result;

use super::TokenId;
use super::kv_cache::{KvCache, PrefixId, SeqId};

/// Shortest agreement worth copying, in tokens.
const LEAST: usize = 16;
/// Most beginnings held; few enough that looking them up costs nothing.
const MOST: usize = 64;

/// The beginnings held, the most recently used last.
#[derive(Debug, Default)]
pub(super) struct Prefixes {
    held: Vec<(Arc<[TokenId]>, PrefixId)>,
}

impl Prefixes {
    /// The id of the beginning that is exactly these tokens.
    pub(super) fn find(&mut self, tokens: &[TokenId]) -> Option<PrefixId> {
        let at = self.held.iter().position(|(held, _)| **held == *tokens)?;
        let entry = self.held.remove(at);
        let id = entry.1;
        self.held.push(entry);
        Some(id)
    }

    /// Opens a sequence with the longest part of these tokens that agrees with some beginning, and
    /// returns it with the length of that part, in tokens.
    pub(super) fn begin(&self, tokens: &[TokenId], cache: &mut KvCache) -> Result<(SeqId, usize)> {
        let agreement = |held: &[TokenId]| {
            held.iter().zip(tokens).take_while(|(held, token)| held == token).count()
        };
        let longest =
            self.held.iter().map(|(held, id)| (agreement(held), *id)).max_by_key(|(len, _)| *len);
        match longest {
            Some((len, id)) if len >= LEAST => Ok((cache.copy(id, len)?, len)),
            _ => Ok((cache.fork(None), 0)),
        }
    }

    /// Holds a beginning, and drops those unused for longest until no more than `most` tokens are
    /// held besides it.
    pub(super) fn hold(
        &mut self,
        tokens: Arc<[TokenId]>,
        id: PrefixId,
        most: usize,
        cache: &mut KvCache,
    ) {
        let mut others: usize = self.held.iter().map(|(held, _)| held.len()).sum();
        while !self.held.is_empty() && (others > most || self.held.len() >= MOST) {
            let (dropped, id) = self.held.remove(0);
            others -= dropped.len();
            cache.release_prefix(id);
        }
        self.held.push((tokens, id));
    }

    /// Number of tokens held over all beginnings.
    pub(super) fn tokens(&self) -> usize {
        self.held.iter().map(|(held, _)| held.len()).sum()
    }

    /// Forgets all beginnings, after the cache was cleared.
    pub(super) fn forget(&mut self) {
        self.held.clear();
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::engine::kernels::attention::Heads;
    use crate::engine::kv_cache::CellType;

    fn cache() -> KvCache {
        let heads = Heads { query: 1, kv: 1, dim: 2 };
        KvCache::new(1, heads, Device::Cpu, CellType::F32)
    }

    fn hold(prefixes: &mut Prefixes, cache: &mut KvCache, tokens: &[TokenId], most: usize) {
        let (id, known) = prefixes.begin(tokens, cache).expect("begun");
        cache.append(id, tokens.len() - known).expect("room");
        let prefix = cache.freeze(id);
        prefixes.hold(tokens.into(), prefix, most, cache);
    }

    #[test]
    fn what_agrees_is_copied_and_what_is_unused_is_given_up() {
        let (mut prefixes, mut cache) = (Prefixes::default(), cache());
        let first: Vec<TokenId> = (0..40).collect();
        let second: Vec<TokenId> = (0..30).chain(50..60).collect();
        hold(&mut prefixes, &mut cache, &first, 100);
        let (id, known) = prefixes.begin(&second, &mut cache).expect("begun");
        assert_eq!((known, cache.len(id)), (30, 30));
        cache.release(id);
        hold(&mut prefixes, &mut cache, &second, 100);
        assert!(prefixes.find(&first).is_some(), "used last, so kept longest");
        hold(&mut prefixes, &mut cache, &[7; 20], 50);
        assert!(prefixes.find(&second).is_none() && prefixes.find(&first).is_some());
        assert_eq!((prefixes.tokens(), cache.live()), (60, (0, 2)));
        let (id, known) = prefixes.begin(&[0, 1, 2], &mut cache).expect("begun");
        assert_eq!((known, cache.len(id)), (0, 0), "too little to copy");
    }
}
