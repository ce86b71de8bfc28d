package kv

import (
	"context"
	"fmt"
	"testing"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/node/wire"
	"chordconductor/otel/chordevent"
)

// TestOperationsAreCounted: each operation that the owner carries out is counted once as what it is, and its span has its
// outcome, the number of replicas of a write and the size of the value.
func TestOperationsAreCounted(t *testing.T) {
	_, a, _, _ := pair(t)
	var puts, gets, deletes int64
	for n := range 6 {
		key := fmt.Appendf(nil, "k%d", n)
		value := make([]byte, n+1)
		spans := &moveSpans{}
		a.tel.tracer = spans
		check := func(err error, what, outcome string, replicas, size any) {
			t.Helper()
			if err != nil && outcome != chordevent.OutcomeNotFound {
				t.Fatalf("%s of %s: %v", what, key, err)
			}
			span := spans.all[0]
			spans.all = nil
			if got := span.attr(chordevent.OutcomeKey); got != outcome || span.status != "" || span.ended != 1 {
				t.Errorf("%s of %s: outcome %s, status %q, ended %d times", what, key, got, span.status, span.ended)
			}
			if c, s := span.attr(chordevent.CopiesKey), span.attr(chordevent.ValueBytesKey); c != fmt.Sprint(replicas) || s != fmt.Sprint(size) {
				t.Errorf("%s of %s: %s replicas, %s bytes, want %v, %v", what, key, c, s, replicas, size)
			}
		}
		none := (&moveSpan{}).attr(chordevent.CopiesKey)
		_, err := a.Put(t.Context(), key, value, 0)
		check(err, "put", chordevent.OutcomeOK, 2, n+1)
		puts++
		for range n % 3 {
			_, err = a.Get(t.Context(), key)
			check(err, "get", chordevent.OutcomeOK, none, n+1)
			gets++
		}
		if n%2 == 0 {
			continue
		}
		_, err = a.Delete(t.Context(), key)
		check(err, "delete", chordevent.OutcomeOK, 2, none)
		_, err = a.Get(t.Context(), key)
		check(err, "get", chordevent.OutcomeNotFound, none, 0)
		deletes, gets = deletes+1, gets+1
	}
	if l := a.Load(); int64(l.Puts) != puts || int64(l.Gets) != gets || int64(l.Deletes) != deletes {
		t.Errorf("%d puts, %d gets and %d deletes are reported, want %d, %d and %d", l.Puts, l.Gets, l.Deletes, puts, gets, deletes)
	}
	spans := &moveSpans{}
	a.tel.tracer = spans
	a.setRegister(nil) // and no member owns the range: the operation fails
	if _, err := a.Put(t.Context(), []byte("k"), nil, 0); err == nil {
		t.Fatal("a put without an owner")
	}
	if span := spans.all[0]; span.status == "" || span.attr(chordevent.OutcomeKey) != chordevent.OutcomeFailed {
		t.Errorf("it failed, and its span has the status %q and the outcome %s", span.status, span.attr(chordevent.OutcomeKey))
	}
}

// TestDropOfARange: a range is dropped whole, however many records it has, unless its digest is another one by then.
func TestDropOfARange(t *testing.T) {
	for _, n := range []int{0, 1, dropBatch - 1, dropBatch, dropBatch + 1, 2*dropBatch + 3} {
		_, a, b, _ := pair(t)
		for i := range n {
			merged(t, b, record(wideSpace(), i, 1))
		}
		whole := terms.Arc{From: a.self.ID, To: a.self.ID}
		digest := b.store.Summary(whole.From, whole.To).Digest
		merged(t, b, record(wideSpace(), n, 1))
		if b.dropRange(whole, digest) || b.store.Summary(whole.From, whole.To).Live != int64(n+1) {
			t.Errorf("%d records: dropped after another one was added", n)
		}
		digest = b.store.Summary(whole.From, whole.To).Digest
		if !b.dropRange(whole, digest) || b.store.Summary(whole.From, whole.To).Live != 0 {
			t.Errorf("%d records: %d are left", n+1, b.store.Summary(whole.From, whole.To).Live)
		}
	}
}

// TestSweepsSlowDown: while some range cannot be dropped the next sweep is due after 1 s, 3 s, 7 s and so on, else after a
// sync interval.
func TestSweepsSlowDown(t *testing.T) {
	w, a, b, _ := pair(t)
	round := func() {
		t.Helper()
		w.now = w.now.Add(b.cfg.SyncInterval * 2)
		if _, err := b.repairRound(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	round()
	if b.sweepGap != b.cfg.SyncInterval {
		t.Errorf("with nothing to drop the next sweep is due after %v, want %v", b.sweepGap, b.cfg.SyncInterval)
	}
	third, _ := w.add(t, terms.Ownership{Owner: chord.Peer{ID: wideSpace().FromUint64(3), Addr: "c", Incarnation: 1}}, a.cfg, a.self)
	b = third
	rec := record(wideSpace(), 1, 5)
	merged(t, b, rec)
	w.others["a"] = noDiscard{a}
	for _, want := range []time.Duration{time.Second, 3 * time.Second, 7 * time.Second} {
		round()
		if want = min(want, b.cfg.SyncInterval); b.sweepGap != want {
			t.Errorf("with a range left the next sweep is due after %v, want %v", b.sweepGap, want)
		}
	}
}

// noDiscard is an owner that never lets a replica be dropped.
type noDiscard struct{ *Keeper }

func (d noDiscard) Discard(ctx context.Context, q *nodepb.DiscardRequest) (*nodepb.DiscardResponse, error) {
	a, err := d.Keeper.Discard(ctx, q)
	if a != nil {
		a.Granted = false
	}
	return a, err
}

// lostCommit is a receiver whose answer to a COMMIT is lost.
type lostCommit struct{ *Keeper }

func (l lostCommit) Move(ctx context.Context, q *nodepb.MoveRequest) (*nodepb.MoveResponse, error) {
	a, err := l.Keeper.Move(ctx, q)
	if q.Phase == nodepb.MoveRequest_PHASE_COMMIT {
		return nil, env.ErrTimeout
	}
	return a, err
}

// TestHandoffToASilentReceiverIsDone: once the range is released, a receiver that does not answer the COMMIT has it all the
// same. The handoff has not failed.
func TestHandoffToASilentReceiverIsDone(t *testing.T) {
	s, w := wideSpace(), newFakeWorld()
	peerA, peerB := chord.Peer{ID: s.FromUint64(1), Addr: "a", Incarnation: 1}, chord.Peer{ID: s.Hash([]byte("b")), Addr: "b", Incarnation: 1}
	a, _ := w.add(t, terms.Ownership{Owner: peerA, From: peerA.ID, Epoch: 1}, Config{Space: s, Replicas: 2}, peerB)
	b, _ := w.add(t, terms.Ownership{Owner: peerB}, a.cfg, peerA)
	w.others["b"] = lostCommit{b}
	moving := 0
	for n := range 50 {
		rec := record(s, n, 1)
		merged(t, a, rec)
		if chord.Owns(peerA.ID, rec.ID, peerB.ID) {
			moving++
		}
	}
	spans := &moveSpans{}
	a.tel.tracer = spans
	if r, err := a.Claim(t.Context(), &nodepb.ClaimRequest{Call: b.member.Call(a.self)}); err != nil || !r.Accepted {
		t.Fatalf("claim: %v, %v", r, err)
	}
	var phases []string
	for _, body := range a.member.(*fakeMember).events {
		if e, ok := body.(chordevent.KeysMoved); ok {
			phases = append(phases, fmt.Sprint(e.Phase))
		}
	}
	if want := []string{fmt.Sprint(chordevent.MoveStarted), fmt.Sprint(chordevent.MoveDone)}; fmt.Sprint(phases) != fmt.Sprint(want) {
		t.Errorf("events %v, want %v", phases, want)
	}
	if span := spans.all[0]; span.status != "" || span.attr(chordevent.MoveKeysKey) != fmt.Sprint(moving) {
		t.Errorf("its span has the status %q, %s keys, want %d", span.status, span.attr(chordevent.MoveKeysKey), moving)
	}
}

// abortWatch is a receiver that does not answer a PREPARE, and notes the phases that it receives.
type abortWatch struct {
	*Keeper
	phases *[]nodepb.MoveRequest_Phase
}

func (a abortWatch) Move(ctx context.Context, q *nodepb.MoveRequest) (*nodepb.MoveResponse, error) {
	*a.phases = append(*a.phases, q.Phase)
	if q.Phase == nodepb.MoveRequest_PHASE_PREPARE {
		return nil, env.ErrTimeout
	}
	return a.Keeper.Move(ctx, q)
}

// TestReceiverLearnsOfAFailedHandoff: the receiver of a handoff that its source has given up gets an ABORT, and keeps none
// of it open.
func TestReceiverLearnsOfAFailedHandoff(t *testing.T) {
	w, a, b, own := pair(t)
	var phases []nodepb.MoveRequest_Phase
	w.others["b"] = abortWatch{b, &phases}
	if _, err := a.Claim(t.Context(), &nodepb.ClaimRequest{Call: b.member.Call(a.self)}); err != nil {
		t.Fatal(err)
	}
	if len(phases) == 0 || phases[len(phases)-1] != nodepb.MoveRequest_PHASE_ABORT || b.in.Some() {
		t.Errorf("it receives %v, and has %d open", phases, len(b.in.All()))
	}
	if now := a.reg.Load(); now == nil || *now != *own || a.out.Current() != nil {
		t.Errorf("the source owns %v", now)
	}
}

// TestReplicasBeyondTheHostList: an owner of whose host list too few are alive looks for others further on, in a repair and
// when a replica leaves.
func TestReplicasBeyondTheHostList(t *testing.T) {
	s := wideSpace()
	for _, replicas := range []int{3, 4, 5} {
		for _, leaves := range []bool{false, true} {
			w, cfg, n := newFakeWorld(), Config{Space: s, Replicas: replicas}, HostListLen(replicas)
			var ring []chord.Peer
			for i := range n + 1 + replicas {
				ring = append(ring, chord.Peer{ID: s.FromUint64(uint64(10*i + 1)), Addr: fmt.Sprint("h", i), Incarnation: 1})
			}
			list := ring[1 : n+1]
			a, _ := w.add(t, terms.Ownership{Owner: ring[0], From: ring[0].ID, Epoch: 1}, cfg, list...)
			for i, p := range ring[1:] {
				if i == 0 || i >= n-replicas+3 { // R-2 of the list, and those beyond it
					w.add(t, terms.Ownership{Owner: p}, cfg, ring[i+2:]...)
				} else {
					a.PeerDied(t.Context(), p)
				}
			}
			leaver, m := w.add(t, terms.Ownership{Owner: chord.Peer{ID: s.FromUint64(5), Addr: "leaver", Incarnation: 1}}, cfg)
			rec := record(s, 1, 1)
			merged(t, a, rec)
			if leaves {
				if _, err := a.Discard(t.Context(), &nodepb.DiscardRequest{
					Call: m.Call(a.self), Ownership: wire.Ownership(*a.reg.Load()), Leaving: true, Held: &nodepb.Arc{From: a.self.ID[:], To: a.self.ID[:]},
				}); err != nil {
					t.Fatal(err)
				}
				if got := len(a.replicas); got != replicas-1 {
					t.Errorf("R=%d: %d replicas when %s has left", replicas, got, leaver.self.Addr)
				}
				continue
			}
			for range 3 {
				if _, err := a.repairRound(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			hosts := 0
			for _, k := range w.keepers {
				if k.store.Get(rec.ID, rec.Key).Same(rec) {
					hosts++
				}
			}
			if hosts != replicas {
				t.Errorf("R=%d: %d hosts have the key after repairs", replicas, hosts)
			}
		}
	}
}

// A member that has to wait for its next claim waits for a jittered part of the time left, again and again. The last
// part was no time at all, for which a signal is waited for without a limit.
func TestJitterIsNeverNone(t *testing.T) {
	_, k, _, _ := pair(t)
	for d := time.Duration(1); d < 100; d++ {
		for range 100 {
			if k.jitter(d) <= 0 {
				t.Fatalf("of %v there is a jittered time of 0", d)
			}
		}
	}
}
