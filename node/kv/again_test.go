package kv

import (
	"context"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
)

// lossyKeys carries operations out and loses its first answers; it refuses a later one for lack of memory, as another
// owner might that has the range by then.
type lossyKeys struct {
	*Keeper
	lose, calls int
	again       []bool
}

func (u *lossyKeys) Apply(ctx context.Context, q *nodepb.ApplyRequest) (*nodepb.ApplyResponse, error) {
	u.again = append(u.again, q.Again)
	if u.calls++; u.calls > u.lose {
		a := answerOnly(nodepb.ApplyResponse_OUTCOME_EXHAUSTED)
		a.Reply = u.member.Reply()
		return a, nil
	}
	if _, err := u.Keeper.Apply(ctx, q); err != nil {
		return nil, err
	}
	return nil, env.ErrTimeout
}

// TestLostAnswerIsNoRefusal: a write whose first call may have been carried out is not refused because of the answer to
// the next one, from the client's member or from a member that forwarded the write. Such a write was refused, and could
// be read.
func TestLostAnswerIsNoRefusal(t *testing.T) {
	for name, passed := range map[string]bool{"asked": false, "forwarded": true} {
		for lost := range 3 {
			w, a, b, own := pair(t)
			owner := &lossyKeys{Keeper: a, lose: lost}
			w.others = map[string]nodepb.KeysServer{"a": owner}
			b.own.Table.Learn(*own, w.now)
			asking := b
			if passed { // a third one takes b for the owner, and b corrects it
				c, m := w.add(t, terms.Ownership{Owner: chord.Peer{ID: wideSpace().FromUint64(3), Addr: "c", Incarnation: 1}}, b.cfg, b.self)
				m.lookup = func(chord.ID) chord.Peer { return b.self }
				asking = c
			} else {
				b.member.(*fakeMember).lookup = func(chord.ID) chord.Peer { return a.self }
			}
			_, err := asking.Put(t.Context(), []byte("k"), []byte("v"), 0)
			held := a.store.Get(wideSpace().Hash([]byte("k")), "k") != nil
			if refused := errors.Is(err, ErrExhausted) && !errors.Is(err, ErrUnavailable); err == nil || held != (lost > 0) || refused == held {
				t.Errorf("%s, %d answers lost: held %t, %v", name, lost, held, err)
			}
			for i, again := range owner.again {
				if again != (i > 0) {
					t.Errorf("%s, %d answers lost: call %d has again %t", name, lost, i+1, again)
				}
			}
		}
	}
}

// TestRequestThatIsThereIsNotRefused: an owner that has a write from an earlier try, made at any owner and with any
// room left, does not refuse it.
func TestRequestThatIsThereIsNotRefused(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		_, a, b, _ := pair(t)
		q := apply(1, opPut, rapid.StringN(0, 50, -1).Draw(rt, "value"))
		if first, err := a.Apply(t.Context(), q); err != nil || first.Outcome != nodepb.ApplyResponse_OUTCOME_OK {
			rt.Fatal(first, err)
		}
		if rapid.Bool().Draw(rt, "at another owner") {
			a.requests = requests{}
		}
		if rapid.Bool().Draw(rt, "room unknown") {
			a.replicas[0].Room = 0
		}
		for i, k := range []*Keeper{a, b} {
			if rapid.Bool().Draw(rt, []string{"owner full", "replica full"}[i]) {
				used := k.store.Summary(k.self.ID, k.self.ID).Bytes
				k.budget = NewHostBudget(used)
				k.budget.take(used, forKeeps)
			}
		}
		q.Again = rapid.Bool().Draw(rt, "said")
		again, err := a.Apply(t.Context(), q)
		if err != nil || again.Outcome == nodepb.ApplyResponse_OUTCOME_EXHAUSTED && !again.MaybeWritten {
			rt.Errorf("the next try of a write that is there: %v, %v", again, err)
		}
	})
}
