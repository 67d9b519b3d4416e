//! The threads that share the work inside one forward pass.
//!
//! A decode step of a small model is some hundred pieces of ten microseconds each, and waking a
//! sleeping thread costs as much as a piece. So members spin for a moment after each piece before
//! they park. A member that has not taken a share is never waited for: on a busy machine the caller
//! takes the shares for which a descheduled member did not come, where a barrier would wait.
//!
//! Which member computes which share never shows in a result: shares are independent, and every
//! member computes them in the same way.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Polls before a member that has nothing to do parks: some 50 µs, longer than the gaps inside a
/// pass, shorter than any other program on the machine would notice.
const SPINS: usize = 20_000;

/// Flag in [`Board::state`], set while shares can be taken.
const OPEN: usize = 1 << (usize::BITS - 1);
/// Flag in [`Board::state`], set once to end the members.
const ENDED: usize = 1 << (usize::BITS - 2);
/// Bits of [`Board::state`] that count the members at work. The rest of the word counts pieces, so
/// that one piece is never taken for another.
const AT_WORK: usize = (1 << 10) - 1;
const ONE_PIECE: usize = AT_WORK + 1;

/// A caller and the threads that help it.
#[derive(Debug)]
pub struct Team {
    board: Arc<Board>,
    members: Vec<JoinHandle<()>>,
}

/// The state that the caller and the members share.
#[derive(Debug)]
struct Board {
    /// [`OPEN`], [`ENDED`], the piece's number, and how many members are at it.
    state: AtomicUsize,
    /// Number of the next share to take.
    next: AtomicUsize,
    piece: Mutex<Option<Piece>>,
    /// Whether some caller's work is on the board.
    taken: AtomicBool,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

/// Work cut into shares, borrowed from the caller's stack.
#[derive(Clone, Copy)]
struct Piece {
    work: *const (dyn Fn(usize) + Sync),
    shares: usize,
}

impl std::fmt::Debug for Piece {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Piece").field("shares", &self.shares).finish_non_exhaustive()
    }
}

// SAFETY: the work is `Sync`, and `Team::run` keeps it alive until no member is at it.
unsafe impl Send for Piece {}

impl Team {
    /// A team of `threads`, the caller included.
    pub fn new(threads: usize) -> Self {
        let board = Arc::new(Board {
            state: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
            piece: Mutex::new(None),
            taken: AtomicBool::new(false),
            panic: Mutex::new(None),
        });
        let members = (1..threads.clamp(1, AT_WORK))
            .map_while(|index| {
                let board = Arc::clone(&board);
                let builder = std::thread::Builder::new().name(format!("engine-{index}"));
                // A machine that grants no more threads gets a smaller team.
                builder.spawn(move || board.serve()).ok()
            })
            .collect();
        Self { board, members }
    }

    /// Threads that take shares, the caller included.
    pub fn threads(&self) -> usize {
        self.members.len() + 1
    }

    /// Calls `work` once with each of `0..shares`, on any of the threads, and returns when all are
    /// done. The caller takes part. A panic in a share is passed on once all have ended. While the
    /// team has work, other work (even that of a share itself) is done by the thread that brings
    /// it.
    pub fn run(&self, shares: usize, work: &(dyn Fn(usize) + Sync)) {
        let board = &*self.board;
        let alone = shares <= 1 || self.members.is_empty();
        if alone || board.taken.swap(true, Ordering::Acquire) {
            (0..shares).for_each(work);
            return;
        }
        // SAFETY: only the lifetime changes; members touch the work between joining and leaving,
        // and this function does not return before the last has left. Nothing below unwinds before
        // that, and nobody else puts work on the board.
        let work: &'static (dyn Fn(usize) + Sync) = unsafe { std::mem::transmute(work) };
        *lock(&board.piece) = Some(Piece { work, shares });
        board.next.store(0, Ordering::Relaxed);
        let number = (board.state.load(Ordering::Relaxed) & !AT_WORK).wrapping_add(ONE_PIECE);
        board.state.store(number & !(OPEN | ENDED) | OPEN, Ordering::SeqCst);
        for member in &self.members {
            member.thread().unpark();
        }
        board.take_shares(work, shares);
        board.state.fetch_and(!OPEN, Ordering::AcqRel);
        let mut polls = 0usize;
        while board.state.load(Ordering::Acquire) & AT_WORK != 0 {
            pause(&mut polls);
        }
        let panic = lock(&board.panic).take();
        board.taken.store(false, Ordering::Release);
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }

    /// As [`Self::run`], with `out` cut into pieces of `size`; the last one may be shorter.
    pub fn split<T: Send>(
        &self,
        out: &mut [T],
        size: usize,
        work: impl Fn(usize, &mut [T]) + Sync,
    ) {
        let size = size.max(1);
        let shared = Pieces { start: out.as_mut_ptr(), len: out.len(), size };
        self.run(out.len().div_ceil(size), &|index| {
            // SAFETY: `run` calls each index once, so no piece is handed out twice.
            work(index, unsafe { shared.piece(index) });
        });
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.board.state.fetch_or(ENDED, Ordering::SeqCst);
        for member in self.members.drain(..) {
            member.thread().unpark();
            let _ = member.join(); // its panics were passed on when they happened
        }
    }
}

impl Board {
    /// Takes shares of each piece, and spins or parks between pieces, until the team ends.
    fn serve(&self) {
        let mut done = 0;
        let mut polls = 0;
        loop {
            let state = self.state.load(Ordering::SeqCst);
            if state & ENDED != 0 {
                return;
            }
            if state & OPEN == 0 || state & !AT_WORK == done {
                if polls < SPINS {
                    polls += 1;
                    std::hint::spin_loop();
                } else {
                    // An unpark between that check and the parking is kept, not lost.
                    std::thread::park();
                    polls = 0;
                }
                continue;
            }
            let joined = self.state.compare_exchange_weak(
                state,
                state + 1,
                Ordering::AcqRel,
                Ordering::Relaxed,
            );
            if joined.is_err() {
                continue;
            }
            done = state & !AT_WORK;
            polls = 0;
            if let Some(Piece { work, shares }) = *lock(&self.piece) {
                // SAFETY: this member joined while the piece was open, so the caller waits for it.
                self.take_shares(unsafe { &*work }, shares);
            }
            self.state.fetch_sub(1, Ordering::AcqRel);
        }
    }

    fn take_shares(&self, work: &(dyn Fn(usize) + Sync), shares: usize) {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            loop {
                let share = self.next.fetch_add(1, Ordering::Relaxed);
                if share >= shares {
                    return;
                }
                work(share);
            }
        }));
        if let Err(panic) = outcome {
            self.next.store(shares, Ordering::Relaxed); // what is left is not worth doing
            lock(&self.panic).get_or_insert(panic);
        }
    }
}

/// Waits a moment; longer waits let other threads run.
fn pause(polls: &mut usize) {
    *polls += 1;
    if polls.is_multiple_of(1024) {
        std::thread::yield_now();
    } else {
        std::hint::spin_loop();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // No code that holds these locks can panic half-way through a change.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A slice whose different parts are written by different threads.
pub(super) struct Pieces<T> {
    start: *mut T,
    len: usize,
    size: usize,
}

// SAFETY: a thread gets at elements only through the functions below, whose callers promise that
// no two get at the same one.
unsafe impl<T: Send> Sync for Pieces<T> {}

impl<T> Pieces<T> {
    /// A slice as rows of `size` elements.
    pub(super) fn rows(out: &mut [T], size: usize) -> Self {
        Self { start: out.as_mut_ptr(), len: out.len(), size }
    }

    /// Piece `index` of the slice.
    ///
    /// # Safety
    ///
    /// Nobody else holds the piece, and the slice outlives this.
    #[expect(clippy::mut_from_ref, reason = "the caller promises that pieces are held once")]
    unsafe fn piece(&self, index: usize) -> &mut [T] {
        let first = (index * self.size).min(self.len);
        let count = self.size.min(self.len - first);
        // SAFETY: in bounds by the two lines above; exclusive by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(first), count) }
    }

    /// Elements `first..first + count` of row `index`.
    ///
    /// # Safety
    ///
    /// Nobody else holds any of these elements, and the slice outlives this.
    #[expect(clippy::mut_from_ref, reason = "the caller promises that parts are held once")]
    pub(super) unsafe fn part(&self, index: usize, first: usize, count: usize) -> &mut [T] {
        assert!(first + count <= self.size && (index + 1) * self.size <= self.len);
        // SAFETY: in bounds by the check; exclusive by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(index * self.size + first), count) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_share_is_done_once_however_many_pieces_follow_each_other() {
        let team = Team::new(4);
        for shares in (0..2000).map(|round| round % 37) {
            let mut out = vec![0u32; shares * 3];
            team.split(&mut out, 3, |index, piece| {
                for value in piece {
                    *value += index as u32 + 1;
                }
            });
            let expected: Vec<u32> = (0..shares as u32).flat_map(|index| [index + 1; 3]).collect();
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_team_goes_on() {
        let team = Team::new(3);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            team.run(100, &|share| assert!(share != 42, "share 42 fails"));
        }));
        assert!(outcome.is_err());
        let done = AtomicUsize::new(0);
        team.run(100, &|_| {
            done.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(done.into_inner(), 100);
    }

    #[test]
    fn work_that_comes_while_the_team_is_busy_is_done_by_who_brings_it() {
        let team = Team::new(3);
        let counts: [[AtomicUsize; 40]; 3] =
            std::array::from_fn(|_| std::array::from_fn(|_| AtomicUsize::new(0)));
        let count = |row: usize, share: usize| {
            counts[row][share].fetch_add(1, Ordering::Relaxed);
        };
        std::thread::scope(|scope| {
            for row in 0..2 {
                let (team, count) = (&team, &count);
                scope.spawn(move || {
                    for _ in 0..200 {
                        team.run(40, &|share| count(row, share));
                    }
                });
            }
        });
        team.run(4, &|_| team.run(40, &|share| count(2, share)));
        let times = [200, 200, 4];
        for (row, expected) in counts.iter().zip(times) {
            assert!(row.iter().all(|count| count.load(Ordering::Relaxed) == expected));
        }
    }

    #[test]
    fn a_parked_team_wakes_up() {
        let team = Team::new(2);
        for _ in 0..3 {
            let done = AtomicUsize::new(0);
            team.run(8, &|_| {
                done.fetch_add(1, Ordering::Relaxed);
            });
            assert_eq!(done.into_inner(), 8);
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}
