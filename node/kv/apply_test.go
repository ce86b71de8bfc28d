package kv

import (
	"bytes"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/node/chord"
	"chordconductor/node/kv/replication"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/node/wire"
)

func apply(n byte, op nodepb.ApplyRequest_Operation, value string) *nodepb.ApplyRequest {
	return &nodepb.ApplyRequest{RequestId: bytes.Repeat([]byte{n}, requestIDSize), Operation: op, Key: []byte("k"), Value: []byte(value)}
}

// TestOneVersionPerRequest: a repeated try is the same write, also if the first one could not be acknowledged, and also
// after another write has superseded it.
func TestOneVersionPerRequest(t *testing.T) {
	_, a, b, _ := pair(t)
	put := func(n byte, value string) *nodepb.ApplyResponse {
		got, err := a.Apply(t.Context(), apply(n, opPut, value))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	first := put(1, "one")
	if first.Outcome != nodepb.ApplyResponse_OUTCOME_OK || first.Copies != 2 {
		t.Fatalf("put: %v", first)
	}
	again := put(1, "one")
	if again.Record.Version != first.Record.Version || again.Copies != 2 {
		t.Errorf("the same put again: %v, after %v", again, first)
	}
	second := put(2, "two")
	if second.Record.Version <= first.Record.Version {
		t.Errorf("versions %d, then %d", first.Record.Version, second.Record.Version)
	}
	if late := put(1, "one"); late.Record.Version != first.Record.Version {
		t.Errorf("the first put again, late: %v", late)
	}
	for _, k := range []*Keeper{a, b} {
		if got := k.store.Get(wideSpace().Hash([]byte("k")), "k"); string(got.Value) != "two" {
			t.Errorf("%s holds %q", k.self.Addr, got.Value)
		}
	}
}

// TestSilentReplicaIsReplaced: the next host of the preference list replaces a replica that does not answer.
func TestSilentReplicaIsReplaced(t *testing.T) {
	s, w := wideSpace(), newFakeWorld()
	var peers []chord.Peer
	for n := range 5 {
		peers = append(peers, chord.Peer{ID: s.FromUint64(uint64(n)), Addr: string(rune('a' + n)), Incarnation: 1})
	}
	cfg := Config{Space: s, Replicas: 3}
	a, m := w.add(t, terms.Ownership{Owner: peers[0], From: peers[0].ID, Epoch: 1}, cfg, peers[1:]...)
	for _, n := range []int{2, 4} { // 1 and 3 are dead
		w.add(t, terms.Ownership{Owner: peers[n]}, cfg)
	}
	for i := range a.replicas {
		a.replicas[i].Room = maxRoom // known, so that nothing is reserved
	}
	got, err := a.Apply(t.Context(), apply(1, opPut, "v"))
	if err != nil || got.Copies != 3 {
		t.Fatalf("%v, %v", got, err)
	}
	if len(m.failed) != 2 || m.failed[0] != peers[1] || m.failed[1] != peers[3] {
		t.Errorf("reported as failed: %v", m.failed)
	}
	delete(w.keepers, peers[2].Addr)
	if got, err := a.Apply(t.Context(), apply(2, opPut, "w")); err != nil || got.Copies != 2 {
		t.Errorf("with one other host left: %v, %v", got, err)
	}
}

// TestLowerEpochIsRefused: a replica that knows a later owner accepts nothing from an earlier one, which then learns of
// the later one.
func TestLowerEpochIsRefused(t *testing.T) {
	_, a, b, own := pair(t)
	later := terms.Ownership{Owner: chord.Peer{ID: wideSpace().FromUint64(9), Addr: "c", Incarnation: 1}, From: wideSpace().FromUint64(2), Epoch: own.Epoch + 1}
	b.own.Table.Learn(later, b.env.Now())
	got, err := a.Apply(t.Context(), apply(1, opPut, "v"))
	if err != nil || got.Outcome != nodepb.ApplyResponse_OUTCOME_RETRY {
		t.Fatalf("a put that the replica refuses: %v, %v", got, err)
	}
	if disputes := a.own.Disputes(); len(disputes) != 1 || disputes[0] != later {
		t.Fatalf("disputes: %v", disputes)
	}
	if b.store.Len() != 0 {
		t.Error("the replica has stored it")
	}
}

// TestForeignBytes: whatever a peer sends, the answer is an error that names it.
func TestForeignBytes(t *testing.T) {
	_, a, _, own := pair(t)
	id := own.Owner.ID[:]
	named := wire.Ownership(*own)
	noEpoch := wire.Ownership(terms.Ownership{Owner: own.Owner, From: own.From})
	tries := map[string]func() error{
		"request ID": func() error {
			_, err := a.Apply(t.Context(), &nodepb.ApplyRequest{Operation: opGet, Key: []byte("k")})
			return err
		},
		"operation":               func() error { _, err := a.Apply(t.Context(), apply(1, 9, "")); return err },
		"survey point":            func() error { _, err := a.Survey(t.Context(), &nodepb.SurveyRequest{Point: id[:3]}); return err },
		"claim without a claimer": func() error { _, err := a.Claim(t.Context(), &nodepb.ClaimRequest{}); return err },
		"handoff":                 func() error { _, err := a.Move(t.Context(), &nodepb.MoveRequest{}); return err },
		"epoch":                   func() error { _, err := a.Compare(t.Context(), &nodepb.CompareRequest{Ownership: noEpoch}); return err },
		"arcs": func() error {
			_, err := a.Compare(t.Context(), &nodepb.CompareRequest{Ownership: named, Arcs: make([]*nodepb.Arc, replication.MaxArcs+1)})
			return err
		},
		"empty arc": func() error {
			_, err := a.Compare(t.Context(), &nodepb.CompareRequest{Ownership: named, Arcs: []*nodepb.Arc{nil}})
			return err
		},
		"record": func() error {
			_, err := a.Replicate(t.Context(), &nodepb.ReplicateRequest{Records: []*nodepb.Record{nil}})
			return err
		},
		"record's key": func() error {
			_, err := a.Replicate(t.Context(), &nodepb.ReplicateRequest{Records: []*nodepb.Record{{Key: make([]byte, MaxKey+1), Version: 1, Writer: id}}})
			return err
		},
		"record's version": func() error {
			_, err := a.Replicate(t.Context(), &nodepb.ReplicateRequest{Records: []*nodepb.Record{{Key: []byte("k"), Writer: id}}})
			return err
		},
		"drop": func() error {
			_, err := a.Replicate(t.Context(), &nodepb.ReplicateRequest{Drop: []*nodepb.Version{{}}})
			return err
		},
		"keys to fetch": func() error {
			_, err := a.Fetch(t.Context(), &nodepb.FetchRequest{Keys: make([][]byte, replication.MaxFetch+1)})
			return err
		},
		"discard": func() error { _, err := a.Discard(t.Context(), &nodepb.DiscardRequest{}); return err },
	}
	for name, try := range tries {
		if err := try(); status.Code(err) != codes.InvalidArgument || len(status.Convert(err).Message()) < 10 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if a.store.Len() != 0 {
		t.Error("something was stored")
	}
}
