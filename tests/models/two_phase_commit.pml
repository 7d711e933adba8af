/* SPDX-License-Identifier: Apache-2.0
 *
 * Presumed abort over a fenced log, as src/txn/DESIGN.md says it: NODES
 * processes that share one coordinator's name and log, two participants, and two
 * transactions: T0, with a branch at both, and T1, which has the larger name and
 * a branch at the first, so that the horizon can pass T0.
 *
 * Messages are bits that stay set: who does not read one has lost it, who reads
 * it twice has a double, and all overtake each other. A process dies at any
 * moment, with its page cache or without it. Nobody waits: what a timer does may
 * happen at any time.
 *
 *   spin -a [-DNODES=1] [-DBUG_name] two_phase_commit.pml
 *
 * A d_step takes the first way that is open and sees no other: whatever may go
 * either way is two of them.
 *
 * BUG_name plants a mistake; each must be found (CMakeLists.txt lists them).
 */
#ifndef NODES
#define NODES 2
#endif
#ifndef PARTS
#define PARTS 2
#endif
#ifndef CRASHES
#define CRASHES 2
#endif
#ifndef EPOCHS
#define EPOCHS 2
#endif
#define TXNS 2

#define IX(t, p) ((t) * PARTS + (p))
#define CX(k, t) ((k) * TXNS + (t))
#define VX(k, t, p) (((k) * TXNS + (t)) * PARTS + (p))

mtype = { NIL, YES, READONLY, UNKNOWN, COMMIT, ABORT };
mtype = { SENT, DONE, FENCED, LOST };                  /* an append */
mtype = { NONE, PREPARING, DECIDING, COMMITTING };     /* at a coordinator */
mtype = { NOMEMORY, LOGGING, INDOUBT, APPLYING, RESOLVED, ABORTED };
mtype = { PREPARED_, RESOLVED_, UNDONE_ };             /* records */

/* --- The network ---------------------------------------------------------- */
bit prepare[TXNS];
bit yes[TXNS * PARTS];      /* A vote, or an inquiry: the answer is the same. */
bit read_only[TXNS * PARTS];
bit no[TXNS * PARTS];
bit commit_notice[TXNS * PARTS];
bit abort_notice[TXNS * PARTS];
bit ack[TXNS * PARTS];
byte horizon[PARTS];        /* The largest sent: 0; 1 above T0; 2 above both. */

/* --- The coordinator's log and its callers -------------------------------- */
byte fence = 0;                /* The epoch claimed last. */
byte owner[TXNS] = 0;          /* The epoch of a transaction's name. */
mtype append[TXNS] = NIL;      /* Of its CommitDecided. */
bit decided[TXNS];             /* CommitDecided without Ended. */
bit sent_yes[TXNS * PARTS];    /* The yes-voters that an append on its way names, */
bit yes_voter[TXNS * PARTS];   /* and those that CommitDecided names. */
mtype told[TXNS] = UNKNOWN;    /* What the caller heard. */
byte crashes = 0;

/* --- What really happened ------------------------------------------------- */
bit held[TXNS * PARTS];        /* The resource holds it prepared. */
bit applied[TXNS * PARTS];
bit undone[TXNS * PARTS];      /* And not prepared again since. */
bit consented[TXNS * PARTS];   /* Some vote was yes or read-only. */
bit passed[TXNS * PARTS];      /* It had nothing to do, and voted read-only. */
bit exempt[TXNS * PARTS];      /* The vote that counted was read-only: a branch that a
                                  double prepared after it has no part in the outcome. */

/* --- Coordinator processes ------------------------------------------------- */
byte epoch[NODES] = 0;         /* 0: down. */
bit stopped[NODES];
mtype state[NODES * TXNS] = NONE;
mtype vote[NODES * TXNS * PARTS] = NIL;
bit acked[NODES * TXNS * PARTS];

#define HAS_BRANCH(t, p) (t == 0 || p == 0)
#define ALL_P(f, k, t) (f(k, t, 0) && (t == 1 || f(k, t, 1)))

#define VOTED(k, t, p) (vote[VX(k, t, p)] != NIL)
#define LEFT(k, t, p) (vote[VX(k, t, p)] == READONLY)
#define SETTLED(k, t, p) (vote[VX(k, t, p)] != YES || acked[VX(k, t, p)])

inline Clear(k, t) {
  state[CX(k, t)] = NONE;
  vote[VX(k, t, 0)] = NIL; vote[VX(k, t, 1)] = NIL;
  acked[VX(k, t, 0)] = 0; acked[VX(k, t, 1)] = 0
}
inline TellCommit(t) { if :: told[t] == UNKNOWN -> told[t] = COMMIT :: else fi }
inline TellAbort(t) { if :: told[t] == UNKNOWN -> told[t] = ABORT :: else fi }

/* CO-4..6: once, to whoever may have voted yes. */
inline Abort(k, t) {
  Clear(k, t); TellAbort(t);
  abort_notice[IX(t, 0)] = 1; abort_notice[IX(t, 1)] = 1
}
/* CO-26: what is Preparing can never commit; Deciding hears of its append. */
inline Stop(k) {
  stopped[k] = 1;
  if :: state[CX(k, 0)] == PREPARING -> Abort(k, 0) :: else fi;
  if :: state[CX(k, 1)] == PREPARING -> Abort(k, 1) :: else fi
}
inline Notify(k, t) {
  if :: vote[VX(k, t, 0)] == YES -> commit_notice[IX(t, 0)] = 1 :: else fi;
  if :: vote[VX(k, t, 1)] == YES -> commit_notice[IX(t, 1)] = 1 :: else fi
}
inline Recover(k, t) {
  if
  :: decided[t] ->
     state[CX(k, t)] = COMMITTING;
     vote[VX(k, t, 0)] = (yes_voter[IX(t, 0)] -> YES : READONLY);
     vote[VX(k, t, 1)] = (yes_voter[IX(t, 1)] -> YES : READONLY);
     Notify(k, t)
  :: else
  fi
}
inline Die(k) { epoch[k] = 0; stopped[k] = 0; Clear(k, 0); Clear(k, 1) }

#define UP(k) (epoch[k] != 0 && !stopped[k])
#define ALL_DOWN (epoch[0] == 0 && epoch[NODES - 1] == 0)

#ifdef BUG_append_not_fenced
#define ADMITTED(t) (1)
#else
#define ADMITTED(t) (owner[t] == fence)
#endif
/* CO-17, CO-18: the presumption, and about whom. */
#ifdef BUG_deposed_answers_newer
#define PRESUMES(k, t) (UP(k) && owner[t] != 0 && state[CX(k, t)] == NONE)
#else
#define PRESUMES(k, t) \
  (UP(k) && owner[t] != 0 && owner[t] <= epoch[k] && state[CX(k, t)] == NONE)
#endif

/* Names in order: T1 after T0 in its epoch, or in a later one. */
#define MAY_BEGIN_T0(k) (owner[0] == 0 && (owner[1] == 0 || epoch[k] < owner[1]))
#ifdef ONLY_T0
#define MAY_BEGIN_T1(k) (0)
#else
#define MAY_BEGIN_T1(k) (owner[1] == 0 && (owner[0] == 0 || epoch[k] >= owner[0]))
#endif

/* The horizon of p: what is active at p pins it, and what may yet begin. */
#define PINS(k, t, p) \
  (state[CX(k, t)] == PREPARING || state[CX(k, t)] == DECIDING || \
   (state[CX(k, t)] == COMMITTING && !SETTLED(k, t, p)))
#define PASSED_T0(k, p) (!PINS(k, 0, p) && \
   (owner[0] != 0 -> owner[0] <= epoch[k] : owner[1] != 0 && owner[1] <= epoch[k]))
#define PASSED_T1(k, p) (!PINS(k, 1, p) && owner[1] != 0 && owner[1] <= epoch[k])

#ifdef BUG_inquiry_answered_while_preparing
#define ANSWERS_EARLY(t, p) \
  :: d_step { state[CX(k, t)] == PREPARING && yes[IX(t, p)] -> abort_notice[IX(t, p)] = 1 }
#else
#define ANSWERS_EARLY(t, p)
#endif

#ifdef BUG_second_vote_counted
#define MAY_NOTE(t, p, v) (vote[VX(k, t, p)] != v)
#else
#define MAY_NOTE(t, p, v) (vote[VX(k, t, p)] == NIL)
#endif

#define BRANCH(t, p) \
  :: d_step { state[CX(k, t)] == PREPARING && yes[IX(t, p)] && MAY_NOTE(t, p, YES) && !stopped[k] -> \
       vote[VX(k, t, p)] = YES } \
  :: d_step { state[CX(k, t)] == PREPARING && read_only[IX(t, p)] && MAY_NOTE(t, p, READONLY) && !stopped[k] -> \
       exempt[IX(t, p)] = (vote[VX(k, t, p)] == NIL && passed[IX(t, p)]); \
       vote[VX(k, t, p)] = READONLY } \
  :: d_step { state[CX(k, t)] == PREPARING && no[IX(t, p)] && vote[VX(k, t, p)] == NIL -> Abort(k, t) } \
  :: d_step { state[CX(k, t)] == COMMITTING && ack[IX(t, p)] && !SETTLED(k, t, p) && !stopped[k] -> \
       acked[VX(k, t, p)] = 1 } \
  :: d_step { state[CX(k, t)] == COMMITTING && yes[IX(t, p)] && LEFT(k, t, p) && !stopped[k] && \
              !abort_notice[IX(t, p)] -> abort_notice[IX(t, p)] = 1 } \
  :: d_step { PRESUMES(k, t) && yes[IX(t, p)] && !abort_notice[IX(t, p)] -> abort_notice[IX(t, p)] = 1 } \
  ANSWERS_EARLY(t, p)

#ifdef BUG_forgotten_before_all_acks
#define MAY_END(t) (1)
#else
#define MAY_END(t) (ALL_P(SETTLED, k, t))
#endif
#ifdef BUG_forgotten_before_told
#define WAS_TOLD(t) (1)
#else
#define WAS_TOLD(t) (told[t] == COMMIT)
#endif
#ifdef BUG_failed_decision_write_is_abort
#define ON_LOST_REPLY(t) Abort(k, t); Stop(k)
#else
#define ON_LOST_REPLY(t) Clear(k, t); Stop(k)
#endif
#ifdef BUG_lazy_commit_record
#define IS_DURABLE(t) (append[t] == SENT || append[t] == DONE)
#else
#define IS_DURABLE(t) (append[t] == DONE)
#endif
#ifdef BUG_told_before_durable
#define ON_DECIDING(t) TellCommit(t)
#else
#define ON_DECIDING(t) skip
#endif

/* T1 is there to come after T0: it aborts only where it must. With -DWILLING
 * participants vote neither no nor read-only of their own will. Both are there
 * to keep the states few. */
#define MAY_ABORT(t) (t == 0)
#ifdef WILLING
#define MAY_CHOOSE(t) (0)
#else
#define MAY_CHOOSE(t) (t == 0)
#endif

#define MINE(t) (owner[t] == epoch[k])

#define TXN(t) \
  BRANCH(t, 0) \
  :: d_step { state[CX(k, t)] == PREPARING && MAY_ABORT(t) -> Abort(k, t) } \
  :: d_step { state[CX(k, t)] == PREPARING && ALL_P(VOTED, k, t) && !stopped[k] -> \
       if \
       :: ALL_P(LEFT, k, t) -> Clear(k, t); TellCommit(t) \
       :: else -> state[CX(k, t)] = DECIDING; append[t] = SENT; ON_DECIDING(t); \
                  sent_yes[IX(t, 0)] = (vote[VX(k, t, 0)] == YES); \
                  sent_yes[IX(t, 1)] = (vote[VX(k, t, 1)] == YES) \
       fi } \
  :: d_step { state[CX(k, t)] == DECIDING && MINE(t) && IS_DURABLE(t) -> \
       state[CX(k, t)] = COMMITTING; TellCommit(t); Notify(k, t) } \
  :: d_step { state[CX(k, t)] == DECIDING && MINE(t) && append[t] == FENCED -> \
       Abort(k, t); Stop(k) } \
  :: d_step { state[CX(k, t)] == DECIDING && MINE(t) && append[t] == LOST -> ON_LOST_REPLY(t) } \
  :: d_step { state[CX(k, t)] == COMMITTING && told[t] == UNKNOWN -> told[t] = COMMIT } \
  :: d_step { state[CX(k, t)] == COMMITTING && MAY_END(t) && WAS_TOLD(t) && !stopped[k] -> \
       Clear(k, t) }  /* Ended is lazy, and lost; or it is not, unless it is fenced. */ \
  :: d_step { state[CX(k, t)] == COMMITTING && MAY_END(t) && WAS_TOLD(t) && !stopped[k] && epoch[k] == fence -> \
       Clear(k, t); decided[t] = 0 } \
  :: d_step { PRESUMES(k, t) && told[t] == UNKNOWN -> told[t] = ABORT }  /* OutcomeOf: not found */

#ifdef BUG_answers_before_replay
#define RECOVER(k) skip
#define REPLAY :: d_step { UP(k) && decided[0] && state[CX(k, 0)] == NONE -> Recover(k, 0) } \
               :: d_step { UP(k) && decided[1] && state[CX(k, 1)] == NONE -> Recover(k, 1) }
#else
#define RECOVER(k) Recover(k, 0); Recover(k, 1)
#define REPLAY
#endif

proctype Coordinator(byte k) {
end:
  do
  :: d_step { UP(k) && MAY_BEGIN_T0(k) -> owner[0] = epoch[k]; prepare[0] = 1; state[CX(k, 0)] = PREPARING }
  :: d_step { UP(k) && MAY_BEGIN_T1(k) -> owner[1] = epoch[k]; prepare[1] = 1; state[CX(k, 1)] = PREPARING }
  TXN(0)
  BRANCH(0, 1)
  TXN(1)
  REPLAY
  :: d_step { UP(k) && PASSED_T0(k, 0) && horizon[0] < 1 -> horizon[0] = 1 }
  :: d_step { UP(k) && PASSED_T0(k, 1) && horizon[1] < 1 -> horizon[1] = 1 }
  :: d_step { UP(k) && PASSED_T0(k, 0) && PASSED_T1(k, 0) && horizon[0] < 2 -> horizon[0] = 2 }
  :: d_step { UP(k) && PASSED_T0(k, 1) && PASSED_T1(k, 1) && horizon[1] < 2 -> horizon[1] = 2 }
  /* A lease, rightly or wrongly; or, when all are down, in the end somebody. */
  :: d_step { epoch[k] == 0 && (fence < EPOCHS || ALL_DOWN) -> fence++; epoch[k] = fence; RECOVER(k) }
  :: d_step { stopped[k] && state[CX(k, 0)] != DECIDING && state[CX(k, 1)] != DECIDING -> Die(k) }
  :: d_step { UP(k) && epoch[k] < fence && state[CX(k, 0)] != DECIDING && state[CX(k, 1)] != DECIDING -> Die(k) }
  :: d_step { epoch[k] != 0 && crashes < CRASHES -> crashes++; Die(k) }
  od
}

/* The store admits an append while its epoch is the last that was claimed, also
 * if its sender died meanwhile. An answer may be lost on its way, and so may an
 * append. */
#ifdef BUG_append_retried
#define RETRIED(t) :: d_step { append[t] == SENT && ADMITTED(t) && !decided[t] -> ADMIT(t) }
#else
#define RETRIED(t)
#endif
#define ADMIT(t) decided[t] = 1; \
  yes_voter[IX(t, 0)] = sent_yes[IX(t, 0)]; yes_voter[IX(t, 1)] = sent_yes[IX(t, 1)]
active proctype Store() {
end:
  do
  :: d_step { append[0] == SENT && ADMITTED(0) -> ADMIT(0); append[0] = DONE }
  :: d_step { append[1] == SENT && ADMITTED(1) -> ADMIT(1); append[1] = DONE }
  :: d_step { append[0] == SENT && !ADMITTED(0) -> append[0] = FENCED }
  :: d_step { append[1] == SENT && !ADMITTED(1) -> append[1] = FENCED }
  :: d_step { append[0] == SENT && ADMITTED(0) && crashes < CRASHES -> crashes++; ADMIT(0); append[0] = LOST }
  :: d_step { append[1] == SENT && ADMITTED(1) && crashes < CRASHES -> crashes++; ADMIT(1); append[1] = LOST }
  :: d_step { append[0] == SENT && crashes < CRASHES -> crashes++; append[0] = LOST }
  :: d_step { append[1] == SENT && crashes < CRASHES -> crashes++; append[1] = LOST }
  RETRIED(0) RETRIED(1)
  od
}

/* --- Participants ---------------------------------------------------------- */
mtype branch[TXNS * PARTS] = NOMEMORY;
mtype log[TXNS * PARTS] = NIL;     /* Its last record of a transaction, as read, */
mtype disk[TXNS * PARTS] = NIL;    /* and after a loss of power. */
byte durable[PARTS] = 0;           /* The horizon, on disk. */

#ifdef BUG_vote_before_force
#define ON_PREPARED(t, p) yes[IX(t, p)] = 1
#else
#define ON_PREPARED(t, p) skip
#endif
#ifdef BUG_ack_before_durable
#define ON_RESOLVED(t, p) ack[IX(t, p)] = 1
#else
#define ON_RESOLVED(t, p) skip
#endif
#ifdef BUG_horizon_used_before_durable
#define LETS_GO(t, p) (horizon[p] > t)
#else
#define LETS_GO(t, p) (durable[p] > t)
#endif
#ifdef BUG_let_go_before_applied
#define IS_APPLIED(t, p) (1)
#else
#define IS_APPLIED(t, p) (applied[IX(t, p)])
#endif
#ifdef BUG_late_prepare_accepted
#define MAY_PREPARE(t, p) (1)
#else
#define MAY_PREPARE(t, p) (durable[p] <= t)
#endif
#ifdef BUG_no_memory_votes_read_only
#define BELOW(t, p) read_only[IX(t, p)] = 1
#else
#define BELOW(t, p) no[IX(t, p)] = 1
#endif

/* All that was written becomes durable: one forced append. */
inline Sync(p) {
  disk[IX(0, p)] = log[IX(0, p)]; disk[IX(1, p)] = log[IX(1, p)];
  Synced(0, p); Synced(1, p)
}
inline Synced(t, p) {
  if
  :: branch[IX(t, p)] == LOGGING ->
     branch[IX(t, p)] = INDOUBT; yes[IX(t, p)] = 1
  :: branch[IX(t, p)] == APPLYING ->
     branch[IX(t, p)] = RESOLVED; ack[IX(t, p)] = 1
  :: else
  fi
}

/* PA-27. A trim may be ignored. */
#ifdef BUG_trim_leaves_hole
#define TRIM(t, p) log[IX(t, p)] = (log[IX(t, p)] == RESOLVED_ -> PREPARED_ : NIL); \
                   disk[IX(t, p)] = log[IX(t, p)]
#else
#define TRIM(t, p) log[IX(t, p)] = NIL; disk[IX(t, p)] = NIL
#endif

#ifdef TRIMS_DONE   /* To keep the states few. */
#define IGNORED_TRIM(t, p)
#else
#define IGNORED_TRIM(t, p) :: d_step { GOES(t, p) -> branch[IX(t, p)] = NOMEMORY }
#endif
#define GOES(t, p) (LETS_GO(t, p) && (branch[IX(t, p)] == ABORTED || \
                    (branch[IX(t, p)] == RESOLVED && IS_APPLIED(t, p))))

#ifdef BUG_claim_trusts_unsynced
#define ON_CLAIM(t, p) skip
#else
#define ON_CLAIM(t, p) disk[IX(t, p)] = log[IX(t, p)]   /* What a claim visits is durable. */
#endif
inline Replay(t, p) {
  ON_CLAIM(t, p);
  if
  :: log[IX(t, p)] == PREPARED_ -> branch[IX(t, p)] = INDOUBT; yes[IX(t, p)] = 1
  :: log[IX(t, p)] == RESOLVED_ -> branch[IX(t, p)] = RESOLVED; ack[IX(t, p)] = 1
  :: log[IX(t, p)] == UNDONE_ -> branch[IX(t, p)] = ABORTED
  :: else -> branch[IX(t, p)] = NOMEMORY
  fi
}

#define AT(t) \
  /* PA-1, PA-3, PA-5, PA-18. What the resource prepares is durable there. */ \
  :: d_step { prepare[t] && HAS_BRANCH(t, p) && branch[IX(t, p)] == NOMEMORY && MAY_PREPARE(t, p) && !held[IX(t, p)] -> \
       assert(!applied[IX(t, p)]);  /* P4: nothing is prepared again once it is resolved. */ \
       held[IX(t, p)] = 1; undone[IX(t, p)] = 0; consented[IX(t, p)] = 1; \
       log[IX(t, p)] = PREPARED_; branch[IX(t, p)] = LOGGING; ON_PREPARED(t, p) } \
  :: d_step { prepare[t] && HAS_BRANCH(t, p) && branch[IX(t, p)] == NOMEMORY && durable[p] <= t && !held[IX(t, p)] && !read_only[IX(t, p)] && MAY_CHOOSE(t) -> \
       consented[IX(t, p)] = 1; passed[IX(t, p)] = 1; read_only[IX(t, p)] = 1 } \
  :: d_step { prepare[t] && HAS_BRANCH(t, p) && branch[IX(t, p)] == NOMEMORY && durable[p] <= t && !held[IX(t, p)] && !no[IX(t, p)] && MAY_CHOOSE(t) -> \
       no[IX(t, p)] = 1 } \
  :: d_step { prepare[t] && HAS_BRANCH(t, p) && branch[IX(t, p)] == NOMEMORY && durable[p] > t && !no[IX(t, p)] -> BELOW(t, p) } \
  /* PA-23: the resource holds what nobody knows. */ \
  :: d_step { branch[IX(t, p)] == NOMEMORY && held[IX(t, p)] -> held[IX(t, p)] = 0; undone[IX(t, p)] = 1 } \
  /* PA-9, PA-14 */ \
  :: d_step { branch[IX(t, p)] == INDOUBT && commit_notice[IX(t, p)] -> \
       branch[IX(t, p)] = APPLYING; log[IX(t, p)] = RESOLVED_; ON_RESOLVED(t, p) } \
  :: d_step { (branch[IX(t, p)] == APPLYING || branch[IX(t, p)] == RESOLVED) && !applied[IX(t, p)] -> \
       applied[IX(t, p)] = 1; held[IX(t, p)] = 0 } \
  /* PA-10 */ \
  :: d_step { branch[IX(t, p)] == INDOUBT && abort_notice[IX(t, p)] -> \
       held[IX(t, p)] = 0; undone[IX(t, p)] = 1; branch[IX(t, p)] = ABORTED; log[IX(t, p)] = UNDONE_ } \
  IGNORED_TRIM(t, p) \
  :: d_step { GOES(t, p) -> branch[IX(t, p)] = NOMEMORY; TRIM(t, p) } \
  /* PA-20, PA-21 */ \
  :: d_step { branch[IX(t, p)] == NOMEMORY && commit_notice[IX(t, p)] && !ack[IX(t, p)] -> \
       assert(durable[p] > t); ack[IX(t, p)] = 1 }

#define UNSYNCED(t, p) (log[IX(t, p)] != disk[IX(t, p)])
#define AWAITS_SYNC(t, p) (UNSYNCED(t, p) || branch[IX(t, p)] == LOGGING)
#define CUT(t, p) log[IX(t, p)] = disk[IX(t, p)]
#define LOSES_POWER(guard, cut) \
  :: d_step { crashes < CRASHES && guard -> crashes++; cut; Replay(0, p); Replay(1, p) }

proctype Participant(byte p) {
end:
  do
  AT(0)
  AT(1)
  :: d_step { horizon[p] > durable[p] -> durable[p] = horizon[p]; Sync(p) }  /* PA-26 */
  :: d_step { AWAITS_SYNC(0, p) || AWAITS_SYNC(1, p) -> Sync(p) }
  /* The process dies, and the page cache stays; or the power goes, and of each
   * transaction's records what was not synced stays or goes. */
  :: d_step { crashes < CRASHES -> crashes++; Replay(0, p); Replay(1, p) }
  LOSES_POWER(UNSYNCED(0, p) && UNSYNCED(1, p), CUT(0, p); CUT(1, p))
  LOSES_POWER(UNSYNCED(0, p), CUT(0, p))
  LOSES_POWER(UNSYNCED(1, p), CUT(1, p))
  od
}

/* --- What must hold -------------------------------------------------------- */
#define ANY_APPLIED(t) (applied[IX(t, 0)] || applied[IX(t, 1)])
#define UNDONE(t, p) (undone[IX(t, p)] && !exempt[IX(t, p)])
#define ANY_UNDONE(t) (UNDONE(t, 0) || UNDONE(t, 1))
#define ALL_CONSENTED(t) (consented[IX(t, 0)] && (t == 1 || consented[IX(t, 1)]))
#define AT_REST(t, p) (branch[IX(t, p)] != LOGGING && branch[IX(t, p)] != INDOUBT && \
                       branch[IX(t, p)] != APPLYING && !held[IX(t, p)])

#define PROMISES(t) \
  :: d_step { ANY_APPLIED(t) && ANY_UNDONE(t) -> assert(false) }          /* AC1 */ \
  :: d_step { ANY_APPLIED(t) && !ALL_CONSENTED(t) -> assert(false) }      /* AC3 */ \
  :: d_step { told[t] == ABORT && ANY_APPLIED(t) -> assert(false) }       /* CL */ \
  :: d_step { told[t] == COMMIT && ANY_UNDONE(t) -> assert(false) }

active proctype Monitor() {
end:
  do
  PROMISES(0)
  PROMISES(1)
  /* AC5: nothing can happen any more, and nobody is in doubt. */
  :: timeout ->
     assert(AT_REST(0, 0) && AT_REST(0, 1) && AT_REST(1, 0) && AT_REST(1, 1));
     break
  od
}

init {
  atomic {
    run Participant(0); run Participant(1); run Coordinator(0);
#if NODES == 2
    run Coordinator(1)
#endif
  }
}
