package handoff

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
	"chordconductor/node/kv/termstest"
	"chordconductor/otel/chordevent"
)

// TestTurns: whichever leavers below a member hand off to it, in whatever order their records arrive, their releases are
// known, and some of them give up, its range is always contiguous and grows downwards by released ranges only; and in
// the end it has all those that no failed one is above of.
func TestTurns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		self := termstest.Peer(60)
		own := &terms.Ownership{Owner: self, From: termstest.ID(50), Epoch: 1}
		r := NewReceiving(self.ID)
		n := rapid.IntRange(1, 6).Draw(t, "leavers")
		var all []*Incoming
		for i := range n {
			to := uint64(50 - 5*i)
			m := &Incoming{
				Arc: terms.Arc{From: termstest.ID(to - 5), To: termstest.ID(to)}, ID: fmt.Sprint(i), Source: termstest.Peer(to),
				Grant: terms.Ownership{Owner: self, From: termstest.ID(to - 5), Epoch: rapid.Int64Range(1, 9).Draw(t, "epoch")}, Reason: chordevent.MoveLeave,
			}
			all = append(all, m)
		}
		failed := n
		for _, i := range rapid.Permutation(indexes(n)).Draw(t, "order of BEGIN") {
			if !r.MayBegin(all[i], own, chord.Stays) {
				t.Fatalf("%d may not begin", i)
			}
			if r.MayBegin(all[i], own, chord.Leaves) {
				t.Fatal("a leaver receives")
			}
			r.Begin(all[i])
		}
		step := func(m *Incoming) {
			for next := r.Next(own); next != nil; next = r.Next(own) {
				if !next.Released || !next.Prepared || next.To != own.From {
					t.Fatalf("%+v is next above %v", next, own)
				}
				before := *own
				r.End(next)
				if own = r.Take(next, own); own == nil || own.From != next.From || !own.Beats(before) || !own.Beats(terms.Ownership{Owner: next.Source, From: next.From, Epoch: next.Grant.Epoch - 1}) {
					t.Fatalf("after %+v it owns %v, before %v", next, own, before)
				}
				if !r.HasTaken(next.ID) {
					t.Fatalf("%s is not known as taken", next.ID)
				}
			}
			for _, due := range r.BecomeDue(own) {
				if !r.MayRelease(due, own) {
					t.Fatalf("%s is due, and may not be released", due.ID)
				}
			}
		}
		for _, i := range rapid.Permutation(indexes(n)).Draw(t, "order of PREPARE") {
			if waits := r.Prepare(all[i], own); waits == all[i].Due {
				t.Fatal("it waits and is due")
			}
			step(all[i])
		}
		for _, i := range rapid.Permutation(indexes(n)).Draw(t, "order of COMMIT") {
			if rapid.IntRange(0, 5).Draw(t, "gives up") == 0 && r.Has(all[i]) {
				r.End(all[i])
				failed = min(failed, i)
				continue
			}
			all[i].Released = true
			step(all[i])
		}
		if want := termstest.ID(uint64(50 - 5*failed)); own.From != want {
			t.Fatalf("it owns from %v, want %v: %d of %d failed", own.From, want, failed, n)
		}
	})
}

func indexes(n int) (list []int) {
	for i := range n {
		list = append(list, i)
	}
	return list
}

// TestMayBegin: which handoffs a member agrees to.
func TestMayBegin(t *testing.T) {
	self := termstest.Peer(40)
	own := &terms.Ownership{Owner: self, From: termstest.ID(30), Epoch: 5}
	in := func(from, to uint64, source uint64, epoch int64, reason chordevent.MoveReason) *Incoming {
		return &Incoming{Arc: terms.Arc{From: termstest.ID(from), To: termstest.ID(to)}, ID: "m", Source: termstest.Peer(source),
			Grant: terms.Ownership{Owner: self, From: termstest.ID(from), Epoch: epoch}, Reason: reason}
	}
	for name, x := range map[string]struct {
		m      *Incoming
		own    *terms.Ownership
		stance chord.Stance
		other  *Incoming // under way
		want   bool
	}{
		"a joiner's range":                  {m: in(20, 40, 50, 2, chordevent.MoveJoin), stance: chord.Stays, want: true},
		"a joiner's, not up to it":          {m: in(20, 30, 50, 2, chordevent.MoveJoin), stance: chord.Stays},
		"a joiner that leaves":              {m: in(20, 40, 50, 2, chordevent.MoveJoin), stance: chord.Leaves},
		"a joiner's, another is under way":  {m: in(20, 40, 50, 2, chordevent.MoveJoin), stance: chord.Stays, other: in(10, 20, 20, 2, chordevent.MoveLeave)},
		"right below":                       {m: in(20, 30, 30, 6, chordevent.MoveRepair), own: own, stance: chord.Stays, want: true},
		"right below, with an old epoch":    {m: in(20, 30, 30, 5, chordevent.MoveRepair), own: own, stance: chord.Stays},
		"further below":                     {m: in(10, 20, 20, 6, chordevent.MoveRepair), own: own, stance: chord.Stays},
		"a leaver's further below":          {m: in(10, 20, 20, 6, chordevent.MoveLeave), own: own, stance: chord.Stays, want: true},
		"a leaver's, overlapping its own":   {m: in(10, 35, 35, 6, chordevent.MoveLeave), own: own, stance: chord.Stays},
		"a leaver's, overlapping another's": {m: in(10, 20, 20, 6, chordevent.MoveLeave), own: own, stance: chord.Stays, other: in(15, 25, 25, 6, chordevent.MoveLeave)},
		"a leaver's second":                 {m: in(10, 20, 20, 6, chordevent.MoveLeave), own: own, stance: chord.Stays, other: in(12, 20, 20, 6, chordevent.MoveLeave), want: true},
		"to a leaver":                       {m: in(20, 30, 30, 6, chordevent.MoveLeave), own: own, stance: chord.Leaves},
	} {
		r := NewReceiving(self.ID)
		if x.other != nil {
			r.Begin(x.other)
		}
		if got := r.MayBegin(x.m, x.own, x.stance); got != x.want {
			t.Errorf("%s: %v, want %v", name, got, x.want)
		}
	}
	r := NewReceiving(self.ID)
	first := in(10, 30, 30, 6, chordevent.MoveLeave)
	r.Begin(first)
	r.Prepare(first, own)
	if r.MayBegin(in(10, 30, 30, 6, chordevent.MoveLeave), own, chord.Stays) {
		t.Error("a source that may have released its range begins again")
	}
}

// TestRoom: what is reserved for leavers and handoffs is given back exactly once, in whatever order it is used, breaks,
// lapses and ends.
func TestRoom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := NewReceiving(termstest.ID(60))
		now, reserved := time.Unix(1000, 0), int64(0)
		peer := rapid.Uint64Range(1, 3)
		t.Repeat(map[string]func(*rapid.T){
			"promise": func(t *rapid.T) {
				p, n := termstest.Peer(peer.Draw(t, "leaver")), rapid.Int64Range(0, 100).Draw(t, "bytes")
				reserved -= r.Break(p, now)
				r.Promise(p, n, now.Add(10*time.Second))
				reserved += n
			},
			"time": func(*rapid.T) { now = now.Add(6 * time.Second) },
			"begin": func(t *rapid.T) {
				p, n := termstest.Peer(peer.Draw(t, "leaver")), rapid.Int64Range(0, 100).Draw(t, "bytes")
				reserved -= r.Break(p, now)
				if before := r.From(p); before != nil {
					reserved -= r.End(before)
				}
				r.Begin(&Incoming{Source: p, Room: n})
				reserved += n
			},
			"record": func(t *rapid.T) {
				if m := r.From(termstest.Peer(peer.Draw(t, "leaver"))); m != nil {
					reserved -= m.UseRoom(rapid.Int64Range(0, 60).Draw(t, "bytes"))
				}
			},
			"": func(t *rapid.T) {
				held := int64(0)
				for _, m := range r.All() {
					held += m.Room
				}
				for _, p := range r.promises {
					held += p.bytes
				}
				if held != reserved {
					t.Fatalf("%d bytes are reserved, %d accounted for", held, reserved)
				}
			},
		})
		for r.Some() {
			reserved -= r.End(r.All()[0])
		}
		if reserved -= r.Break(chord.Peer{}, now.Add(time.Hour)); reserved != 0 {
			t.Fatalf("%d bytes are never given back", reserved)
		}
	})
}

// TestTurnIsNeverRefused: more leavers than may wait hand off to one member, in whatever order they begin, and retry
// when they are refused. All are taken over: the one that the others wait for is admitted beyond the bound.
func TestTurnIsNeverRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		space, err := chord.NewSpace(10)
		if err != nil {
			t.Fatal(err)
		}
		self, top := chord.Peer{ID: space.FromUint64(1000), Addr: "self"}, uint64(900)
		own := &terms.Ownership{Owner: self, From: space.FromUint64(top), Epoch: 1}
		r := NewReceiving(self.ID)
		waiting := map[int]*Incoming{}
		n := MaxIncoming + rapid.IntRange(-5, 20).Draw(t, "leavers")
		for i := range n {
			to := top - uint64(i)
			waiting[i] = &Incoming{
				Arc: terms.Arc{From: space.FromUint64(to - 1), To: space.FromUint64(to)}, ID: fmt.Sprint(i), Source: chord.Peer{ID: space.FromUint64(to), Addr: fmt.Sprint("host", i)},
				Grant: terms.Ownership{Owner: self, From: space.FromUint64(to - 1), Epoch: 1}, Reason: chordevent.MoveLeave,
			}
		}
		order := rapid.Permutation(indexes(n)).Draw(t, "order")
		for range n {
			for _, i := range order {
				m := waiting[i]
				if m == nil || !r.MayBegin(m, own, chord.Stays) {
					continue
				}
				delete(waiting, i)
				r.Begin(m)
				if len(r.All()) > MaxIncoming+1 {
					t.Fatalf("%d handoffs are under way", len(r.All()))
				}
				r.Prepare(m, own)
				m.Released = true
				for next := r.Next(own); next != nil; next = r.Next(own) {
					r.End(next)
					own = r.Take(next, own)
				}
			}
		}
		if len(waiting) > 0 || r.Some() || own.From != space.FromUint64(top-uint64(n)) {
			t.Fatalf("%d of %d leavers are refused for good, %d wait for their turn", len(waiting), n, len(r.All()))
		}
	})
}
