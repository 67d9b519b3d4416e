//! Measures how much memory a piece of work takes, with an allocator that counts per thread.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, with a count of the bytes that each thread asks for.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

thread_local! {
    /// Bytes that this thread has allocated and not freed. Freeing another thread's bytes makes it
    /// negative, so that only differences mean something.
    static LIVE: Cell<i64> = const { Cell::new(0) };
    /// The largest value of `LIVE` since `PEAK` was last set.
    static PEAK: Cell<i64> = const { Cell::new(0) };
}

fn grow(bytes: usize) {
    // A thread that is ending has no counters any more, and needs none.
    let _ = LIVE.try_with(|live| {
        live.set(live.get() + bytes as i64);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(live.get())));
    });
}

fn shrink(bytes: usize) {
    let _ = LIVE.try_with(|live| live.set(live.get() - bytes as i64));
}

// SAFETY: every call goes to the system's allocator as it came; counting allocates nothing, since
// the counters are constants of plain numbers.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller's promise is the system's condition.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        shrink(layout.size());
        // SAFETY: as above; `block` came from the system's allocator.
        unsafe { System.dealloc(block, layout) };
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // While a block moves, both copies are there.
        grow(size);
        shrink(layout.size());
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }
}

/// Runs `work`. Returns its result, and the most bytes that it had in use at once in addition to
/// those in use before.
pub(super) fn measured<T>(work: impl FnOnce() -> T) -> (T, i64) {
    let before = LIVE.get();
    PEAK.set(before);
    let result = work();
    (result, PEAK.get() - before)
}

#[test]
fn the_peak_of_a_piece_of_work_is_counted() {
    let (length, peak) = measured(|| {
        let gone = vec![1u8; 3_000_000];
        let sum = gone.iter().map(|byte| usize::from(*byte)).sum::<usize>();
        drop(gone);
        vec![2u8; 1_000_000].len() + sum
    });
    assert_eq!(length, 4_000_000);
    assert!((3_000_000..3_100_000).contains(&peak), "{peak}");
}
