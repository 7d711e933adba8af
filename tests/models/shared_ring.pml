/* SPDX-License-Identifier: Apache-2.0
 *
 * How SharedRing gives a slot back, as src/ring/shared_ring.cc says it: readers
 * that come for the current ring, and writers, one at a time, that replace it.
 * A ring is a number; 0 is none. To copy it takes two steps, between which
 * nobody may empty the slot or put another ring there.
 *
 *   spin -a [-DBUG_name] shared_ring.pml
 *
 * One order of all steps is looked at at a time: what a processor may swap is
 * not modelled, but tried under ThreadSanitizer.
 */
#ifndef READERS
#define READERS 2
#endif
#ifndef LOADS
#define LOADS 2     /* Of each reader. */
#endif
#ifndef UPDATES
#define UPDATES 4
#endif
#define SLOTS 3     /* One more than stopped readers can keep, so a writer gets on. */

byte slot = 0, arrivals = 0;     /* One word: head. */
byte ring[SLOTS];
bit free[SLOTS];
short unsettled[SLOTS] = 0;

/* Who brings the count to zero empties the slot, then gives it back. */
inline Settle(s, change) {
  d_step { unsettled[s] = unsettled[s] + (change); emptied = (unsettled[s] == 0) }
  if
  :: emptied ->
#ifdef BUG_free_before_reset
     free[s] = 1; ring[s] = 0
#else
     ring[s] = 0; free[s] = 1
#endif
  :: else
  fi
}

proctype Reader() {
  byte s, copied, n = 0;
  bit emptied;
  do
  :: n < LOADS ->
     n++;
#ifdef BUG_slot_read_before_arrival
     s = slot;
     arrivals++;
#else
     d_step { s = slot; arrivals++ }
#endif
#ifdef BUG_settled_before_copied
     Settle(s, -1);
#endif
     copied = ring[s];
     assert(copied != 0);
     assert(ring[s] == copied);  /* The second step: one reference more. */
#ifndef BUG_settled_before_copied
     Settle(s, -1)
#endif
  :: else -> break
  od
}

proctype Writer() {
  byte current = 0, next, came, n = 0;
  bit emptied;
  do
  :: n < UPDATES ->
     n++;
     if
     :: free[0] -> next = 0
     :: free[1] -> next = 1
     :: free[2] -> next = 2
     fi;
     free[next] = 0;
     ring[next] = n + 1;
#ifdef BUG_arrivals_read_before_exchange
     came = arrivals;
     d_step { slot = next; arrivals = 0 }
#else
     d_step { came = arrivals; slot = next; arrivals = 0 }
#endif
#ifdef BUG_arrivals_not_added
     Settle(current, 0);
#else
     Settle(current, came);
#endif
     current = next
  :: else -> break
  od
}

/* In the end one slot has a ring and all others are free and empty. */
active proctype Monitor() {
  byte s;
  timeout ->
  for (s : 0 .. SLOTS - 1) {
    assert(free[s] == (s != slot));
    assert((ring[s] != 0) == (s == slot))
  }
}

init {
  byte r;
  atomic {
    ring[0] = 1; free[1] = 1; free[2] = 1;
    for (r : 1 .. READERS) { run Reader() }
    run Writer()
  }
}
