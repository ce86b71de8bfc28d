package kv

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/node/chord"
	"chordconductor/node/kv/hlc"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/node/store"
	"chordconductor/node/wire"
)

// The tests of this file each check one rule of package keeper's documentation against the code, without a ring.

// TestTheNewestVersionStands: of two versions of a key the newer one is held, in whichever order and by whichever way
// they arrive.
func TestTheNewestVersionStands(t *testing.T) {
	s := wideSpace()
	version := func(version uint64, writer uint64, deleted bool) *store.Record {
		r := record(s, 1, version)
		r.Writer, r.Deleted = s.FromUint64(writer), deleted
		if deleted {
			r.Value = nil
		}
		return r
	}
	for name, two := range map[string]struct{ older, newer *store.Record }{
		"values":                 {version(5, 1, false), version(6, 1, false)},
		"a value of one stamp":   {version(5, 1, false), version(5, 2, false)},
		"a deletion":             {version(5, 1, false), version(6, 1, true)},
		"a value after deletion": {version(5, 2, true), version(6, 1, false)},
	} {
		for way, bring := range map[string]func(a, b *Keeper, own *terms.Ownership, r *store.Record) error{
			"as a replica": func(a, b *Keeper, own *terms.Ownership, r *store.Record) error {
				return a.pushRecords(t.Context(), b.self, own, []*store.Record{r}, nil, "")
			},
			"as an orphaned replica": func(a, b *Keeper, own *terms.Ownership, r *store.Record) error {
				a.setRegister(nil)
				b.setRegister(&terms.Ownership{Owner: b.self, From: b.self.ID, Epoch: own.Epoch + 1})
				return a.pushRecords(t.Context(), b.self, nil, []*store.Record{r}, nil, "")
			},
		} {
			for order, list := range map[string][]*store.Record{"in order": {two.older, two.newer}, "late": {two.newer, two.older}} {
				_, a, b, own := pair(t)
				for _, r := range list {
					if err := bring(a, b, own, r); err != nil {
						t.Fatal(err)
					}
				}
				if held := b.store.Get(two.newer.ID, two.newer.Key); !held.Same(two.newer) || held.Deleted != two.newer.Deleted {
					t.Errorf("%s, %s, %s: held is %+v", name, way, order, held)
				}
			}
		}
	}
}

// TestWhatAGetAnswers: a value is there from its put until it is deleted or its lifetime is over, to the millisecond,
// also before its record has turned into a tombstone.
func TestWhatAGetAnswers(t *testing.T) {
	const lifetime = 5000
	for name, c := range map[string]struct {
		ops   []nodepb.ApplyRequest_Operation
		ttl   int64
		after time.Duration
		sweep bool // what is due by time is done before the get
		want  nodepb.ApplyResponse_Outcome
	}{
		"never put":           {nil, 0, 0, false, nodepb.ApplyResponse_OUTCOME_NOT_FOUND},
		"put":                 {[]nodepb.ApplyRequest_Operation{opPut}, 0, 1000 * time.Hour, true, nodepb.ApplyResponse_OUTCOME_OK},
		"deleted":             {[]nodepb.ApplyRequest_Operation{opPut, opDelete}, 0, 0, false, nodepb.ApplyResponse_OUTCOME_NOT_FOUND},
		"deleted, put again":  {[]nodepb.ApplyRequest_Operation{opPut, opDelete, opPut}, 0, 0, false, nodepb.ApplyResponse_OUTCOME_OK},
		"within its lifetime": {[]nodepb.ApplyRequest_Operation{opPut}, lifetime, lifetime*time.Millisecond - 1, true, nodepb.ApplyResponse_OUTCOME_OK},
		"expired":             {[]nodepb.ApplyRequest_Operation{opPut}, lifetime, lifetime * time.Millisecond, false, nodepb.ApplyResponse_OUTCOME_NOT_FOUND},
		"expired and swept":   {[]nodepb.ApplyRequest_Operation{opPut}, lifetime, lifetime * time.Millisecond, true, nodepb.ApplyResponse_OUTCOME_NOT_FOUND},
	} {
		t.Run(name, func(t *testing.T) {
			w, a, _, _ := pair(t)
			for i, op := range c.ops {
				q := apply(byte(i), op, "v")
				if q.TtlMillis = c.ttl; op == opDelete {
					q.Value = nil
				}
				if got, err := a.Apply(t.Context(), q); err != nil || got.Outcome != nodepb.ApplyResponse_OUTCOME_OK {
					t.Fatalf("%v: %v, %v", op, got, err)
				}
			}
			w.now = w.now.Add(c.after)
			if c.sweep {
				if err := a.expire(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			got, err := a.Apply(t.Context(), apply(9, opGet, ""))
			if err != nil || got.Outcome != c.want || c.want == nodepb.ApplyResponse_OUTCOME_OK && string(got.Record.GetValue()) != "v" {
				t.Errorf("get: %v, %v, want %v", got, err, c.want)
			}
		})
	}
}

// TestATryThatWasNotAcknowledged: the next try of its request is the same write. It has the version of the first one,
// and does not undo a write that has superseded that meanwhile.
func TestATryThatWasNotAcknowledged(t *testing.T) {
	for name, superseded := range map[string]bool{"nothing else written": false, "superseded": true} {
		t.Run(name, func(t *testing.T) {
			w, a, b, own := pair(t)
			later := terms.Ownership{Owner: chord.Peer{ID: wideSpace().FromUint64(9), Addr: "c", Incarnation: 1}, From: wideSpace().FromUint64(2), Epoch: own.Epoch + 1}
			a.replicas[0].Room = maxRoom    // so nothing is reserved first
			b.own.Table.Learn(later, w.now) // so b refuses
			if got, err := a.Apply(t.Context(), apply(1, opPut, "one")); err != nil || got.Outcome != nodepb.ApplyResponse_OUTCOME_RETRY || !got.MaybeWritten {
				t.Fatalf("first try: %v, %v", got, err)
			}
			id := wideSpace().Hash([]byte("k"))
			first := a.store.Get(id, "k").Version
			b.own.Table.Forget(later.Owner)
			w.now = w.now.Add(time.Second)
			want, value := first, "one"
			if superseded {
				got, err := a.Apply(t.Context(), apply(2, opPut, "two"))
				if err != nil || got.Outcome != nodepb.ApplyResponse_OUTCOME_OK || got.Record.Version <= first {
					t.Fatalf("another write: %v, %v", got, err)
				}
				want, value = got.Record.Version, "two"
			}
			got, err := a.Apply(t.Context(), apply(1, opPut, "one"))
			if err != nil || got.Outcome != nodepb.ApplyResponse_OUTCOME_OK || got.Record.Version != want && got.Record.Version != first {
				t.Errorf("second try: %v, %v, after version %d", got, err, first)
			}
			for _, k := range []*Keeper{a, b} {
				if held := k.store.Get(id, "k"); held == nil || held.Version != want || string(held.Value) != value {
					t.Errorf("%s holds %+v, want %q of version %d", k.self.Addr, held, value, want)
				}
			}
		})
	}
}

// TestAWriteIsNewerThanWhatIsHeld: also if the clock that assigned the held version was ahead of this one, and this one
// has not observed it.
func TestAWriteIsNewerThanWhatIsHeld(t *testing.T) {
	for _, op := range []nodepb.ApplyRequest_Operation{opPut, opDelete} {
		w, a, b, own := pair(t)
		held := &store.Record{ID: wideSpace().Hash([]byte("k")), Key: "k", Value: []byte("held"), Version: hlc.Ceiling(w.now.Add(hlc.MaxDifference))}
		if err := a.pushRecords(t.Context(), b.self, own, []*store.Record{held}, nil, ""); err != nil {
			t.Fatal(err)
		}
		a.setRegister(nil)
		b.setRegister(&terms.Ownership{Owner: b.self, From: b.self.ID, Epoch: own.Epoch + 1})
		got, err := b.Apply(t.Context(), apply(1, op, "new"))
		if err != nil || got.Outcome != nodepb.ApplyResponse_OUTCOME_OK || got.Record.Version <= held.Version {
			t.Fatalf("%v: %v, %v", op, got, err)
		}
		for _, k := range []*Keeper{a, b} {
			if now := k.store.Get(held.ID, "k"); now.Version != got.Record.Version || now.Deleted != (op == opDelete) {
				t.Errorf("%v: %s holds %+v", op, k.self.Addr, now)
			}
		}
	}
}

// TestAnOwnerBringsItsOwnRangeAlone: records, reservations and requests to drop a range count for what the sender owns,
// or, without an ownership, for what the receiver owns.
func TestAnOwnerBringsItsOwnRangeAlone(t *testing.T) {
	s := wideSpace()
	rec := record(s, 1, 5)
	before, after := rec.ID, rec.ID
	before[len(before)-1]--
	after[len(after)-1]++
	owns := func(from, to chord.ID) *terms.Ownership {
		return &terms.Ownership{Owner: chord.Peer{ID: to, Addr: "a", Incarnation: 1}, From: from, Epoch: 3}
	}
	for name, c := range map[string]struct {
		own, receiver *terms.Ownership
		want          codes.Code
		stored        bool
	}{
		"the sender's range":         {owns(before, rec.ID), nil, codes.OK, true},
		"it ends before":             {owns(after, before), nil, codes.InvalidArgument, false},
		"it begins at the record":    {owns(rec.ID, after), nil, codes.InvalidArgument, false},
		"the receiver's":             {nil, owns(before, rec.ID), codes.OK, true},
		"the receiver's ends before": {nil, owns(after, before), codes.OK, false},
		"the receiver owns nothing":  {nil, nil, codes.OK, false},
	} {
		t.Run(name, func(t *testing.T) {
			w, cfg := newFakeWorld(), Config{Space: s, Replicas: 2}
			self := terms.Ownership{Owner: chord.Peer{ID: s.FromUint64(77), Addr: "b", Incarnation: 1}}
			if c.receiver != nil {
				self = *c.receiver
				self.Owner.Addr = "b"
			}
			b, m := w.add(t, self, cfg)
			q := &nodepb.ReplicateRequest{Call: m.Call(b.self), Records: []*nodepb.Record{recordToWire(rec)}}
			if c.own != nil {
				q.Ownership = wire.Ownership(*c.own)
			}
			a, err := b.Replicate(t.Context(), q)
			if held := b.store.Get(rec.ID, rec.Key); status.Code(err) != c.want || (held != nil) != c.stored || a.GetAccepted() != c.stored {
				t.Errorf("%v, %v, held %v", a, err, held)
			}
		})
	}
}

// TestEveryChangeOfOwnershipHasAGreaterEpoch: a member that gets a range, by a handoff or a takeover, owns it at a
// greater epoch than any owner of it before, and so does the owner that keeps the rest.
func TestEveryChangeOfOwnershipHasAGreaterEpoch(t *testing.T) {
	s := wideSpace()
	peer := func(id uint64, addr string) chord.Peer {
		return chord.Peer{ID: s.FromUint64(id), Addr: addr, Incarnation: 1}
	}
	low, mid, high := peer(10, "low"), peer(20, "mid"), peer(30, "high")
	cfg := Config{Space: s, Replicas: 2}
	t.Run("a handoff to a joiner", func(t *testing.T) {
		w := newFakeWorld()
		owner, _ := w.add(t, terms.Ownership{Owner: high, From: high.ID, Epoch: 7}, cfg, mid)
		joiner, m := w.add(t, terms.Ownership{Owner: mid}, cfg, high)
		if a, err := owner.Claim(t.Context(), &nodepb.ClaimRequest{Call: m.Call(high)}); err != nil || !a.Accepted {
			t.Fatalf("%v, %v", a, err)
		}
		got, left := joiner.reg.Load(), owner.reg.Load()
		if got == nil || got.From != high.ID || got.Epoch <= 7 || left.From != mid.ID || left.Epoch <= 7 {
			t.Errorf("the joiner owns %v, the source keeps %v", got, left)
		}
	})
	for name, epochs := range map[string]struct{ own, dead int64 }{"the dead owner's was later": {3, 9}, "its own was later": {9, 3}, "the same": {5, 5}} {
		t.Run("takeover, "+name, func(t *testing.T) {
			w := newFakeWorld()
			k, m := w.add(t, terms.Ownership{Owner: high, From: mid.ID, Epoch: epochs.own}, cfg, low)
			m.state.Pred = low
			w.add(t, terms.Ownership{Owner: low, From: high.ID, Epoch: 1}, cfg)
			k.own.Table.Learn(terms.Ownership{Owner: mid, From: low.ID, Epoch: epochs.dead}, w.now) // there is no member at its address
			k.own.Table.Learn(terms.Ownership{Owner: low, From: high.ID, Epoch: 1}, w.now)
			if _, err := k.lookBelow(t.Context(), k.reg.Load()); err != nil {
				t.Fatal(err)
			}
			own := k.reg.Load()
			if own.From != low.ID || own.Epoch <= max(epochs.own, epochs.dead) || !k.needsRecovery {
				t.Errorf("it owns %v, needs recovery %t", own, k.needsRecovery)
			}
			if _, still := k.own.Table.Covering(mid.ID); still {
				t.Error("the dead owner's entry is still there")
			}
		})
	}
}

// TestTombstones: a deletion is remembered for its lifetime, and then forgotten, by the owner and all replicas at once.
func TestTombstones(t *testing.T) {
	for name, expires := range map[string]bool{"of a deleted key": false, "of an expired value": true} {
		t.Run(name, func(t *testing.T) {
			w, a, b, _ := pair(t)
			put := apply(1, opPut, "v")
			if expires {
				put.TtlMillis = 1000
			}
			if _, err := a.Apply(t.Context(), put); err != nil {
				t.Fatal(err)
			}
			if expires {
				w.now = w.now.Add(time.Second)
			} else if _, err := a.Apply(t.Context(), apply(2, opDelete, "")); err != nil {
				t.Fatal(err)
			}
			round := func() {
				t.Helper()
				if _, err := a.repairRange(t.Context()); err != nil {
					t.Fatal(err)
				}
				for _, k := range []*Keeper{a, b} {
					if err := k.expire(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
			id := wideSpace().Hash([]byte("k"))
			round()
			for _, after := range []time.Duration{0, a.cfg.TombstoneLifetime - time.Second} {
				w.now = w.now.Add(after)
				round()
				for _, k := range []*Keeper{a, b} {
					if r := k.store.Get(id, "k"); r == nil || !r.Deleted {
						t.Fatalf("%v later %s holds %+v", after, k.self.Addr, r)
					}
				}
			}
			w.now = w.now.Add(time.Second)
			round()
			for _, k := range []*Keeper{a, b} {
				if r := k.store.Get(id, "k"); r != nil {
					t.Errorf("after its lifetime %s holds %+v", k.self.Addr, r)
				}
			}
			if a.budget.Used() != 0 || b.budget.Used() != 0 {
				t.Errorf("%d and %d bytes are still taken", a.budget.Used(), b.budget.Used())
			}
		})
	}
}

// TestATombstoneWaitsForItsReplicas: as long as a replica does not answer, a deletion is remembered: otherwise an older
// value could come back from there.
func TestATombstoneWaitsForItsReplicas(t *testing.T) {
	w, a, b, _ := pair(t)
	if _, err := a.Apply(t.Context(), apply(1, opDelete, "")); err != nil {
		t.Fatal(err)
	}
	if _, err := a.repairRange(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(a.cfg.TombstoneLifetime)
	w.others[b.self.Addr] = nowhere{}
	if err := a.expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := a.store.Get(wideSpace().Hash([]byte("k")), "k")
	if r == nil || !r.Deleted || r.Due <= w.now.UnixMilli() {
		t.Errorf("it is %+v at %d", r, w.now.UnixMilli())
	}
}

// TestReturnedRecordsReachTheReplicas: records that another member returns to the owner of their range go on to the
// replicas, and until then the owner lets no member drop its records.
func TestReturnedRecordsReachTheReplicas(t *testing.T) {
	w, a, b, _ := pair(t)
	if _, err := a.repairRange(t.Context()); err != nil || !a.replicas.AllSynced() {
		t.Fatalf("not in sync at first: %v", err)
	}
	third, m := w.add(t, terms.Ownership{Owner: chord.Peer{ID: wideSpace().FromUint64(3), Addr: "c", Incarnation: 1}}, a.cfg, a.self)
	rec := record(wideSpace(), 1, 5)
	if err := third.pushRecords(t.Context(), a.self, nil, []*store.Record{rec}, nil, ""); err != nil {
		t.Fatal(err)
	}
	discard := func() bool {
		t.Helper()
		got, err := a.Discard(context.Background(), &nodepb.DiscardRequest{Call: m.Call(a.self), Ownership: wire.Ownership(*a.reg.Load())})
		if err != nil {
			t.Fatal(err)
		}
		return got.Granted
	}
	if discard() {
		t.Error("the owner lets a member drop records that no other host holds")
	}
	if _, err := a.repairRange(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !b.store.Get(rec.ID, rec.Key).Same(rec) {
		t.Error("the replica does not have it")
	}
	if !discard() {
		t.Error("the owner does not let a member drop records that R hosts hold")
	}
}
