package judge

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"chordconductor/conductor/lab/result"
	"chordconductor/conductor/memory"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// Any sender of telemetry decides what a Watch receives: whatever that is, and however much, the Watch keeps within its
// share, and continues to judge.
func TestWatchIsBoundedInBytes(t *testing.T) {
	const limit = 1 << 20
	anyID := func(r *rand.Rand) (id chord.ID) {
		for i := range id {
			id[i] = byte(r.Uint32())
		}
		return id
	}
	long := func(r *rand.Rand, most int) string {
		return fmt.Sprint(r.Uint64()) + strings.Repeat("x", r.IntN(most))
	}
	add := func(w *Watch, r *rand.Rand, body chordevent.Body) {
		w.Append(&chordevent.Event{Time: noon.Add(time.Duration(r.IntN(1e9))), Node: chordevent.Node{
			ID: chord.ID{0: byte(r.Uint32()), 1: byte(r.Uint32())}, Incarnation: 1 + r.Int64N(3), Seq: 1 + r.Int64N(1e6)}, Body: body}, noon)
	}
	span := func(w *Watch, name, member string) {
		td := ptrace.NewTraces()
		s := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		s.SetName(name)
		s.Attributes().PutStr(string(chordevent.NodeIDKey), member)
		w.Spans(td)
	}
	kinds := map[string]func(*Watch, *rand.Rand){
		"operations":        func(w *Watch, r *rand.Rand) { span(w, "chord."+long(r, chordevent.MaxText), "ab") },
		"texts of any size": func(w *Watch, r *rand.Rand) { span(w, "chord."+long(r, 64<<10), long(r, 64<<10)) },
		"members of spans":  func(w *Watch, r *rand.Rand) { span(w, "chord.lookup", long(r, chordevent.MaxText)) },
		"ranges": func(w *Watch, r *rand.Rand) {
			add(w, r, chordevent.OwnershipChanged{Ownership: chordevent.Ownership{Owns: true, From: anyID(r)}})
		},
		"losses": func(w *Watch, r *rand.Rand) { add(w, r, chordevent.SuccessorsChanged{}) },
		"deaths": func(w *Watch, r *rand.Rand) {
			add(w, r, chordevent.PeerFailed{Peer: chordevent.PeerRef{Peer: chord.Peer{ID: anyID(r), Addr: long(r, chordevent.MaxText), Incarnation: 1}}})
		},
		"moves": func(w *Watch, r *rand.Rand) {
			add(w, r, chordevent.KeysMoved{Outgoing: true, Phase: chordevent.MoveDone, Peer: chordevent.PeerRef{Peer: chord.Peer{ID: anyID(r), Addr: long(r, chordevent.MaxText), Incarnation: 1}}})
		},
		"answers": func(w *Watch, r *rand.Rand) { w.Answered(answer(byte(r.Uint32()), 100), noon, noon) },
	}
	all := func(w *Watch, r *rand.Rand) {
		for _, kind := range []string{"operations", "members of spans", "ranges", "losses", "deaths", "moves", "answers"} {
			kinds[kind](w, r)
		}
	}
	kinds["all at once"] = all
	for kind, do := range kinds {
		t.Run(kind, func(t *testing.T) {
			random := rand.New(rand.NewPCG(12, 1))
			share := memory.NewShare("watch", limit)
			heap := inUse()
			w := NewWatch()
			w.Within(share)
			for range 8000 {
				if do(w, random); share.Used() > limit {
					t.Fatalf("%d bytes are taken of %d", share.Used(), limit)
				}
			}
			if took := inUse() - heap; took > limit*3/2 {
				t.Errorf("%d bytes are in use, of %d", took, limit)
			}
			w.Reset()
			w.Append(event(100, 1, 0, owns(50)), noon)
			w.Append(event(100, 2, 20, chordevent.SuccessorsChanged{}), noon)
			w.Answered(answer(60, 100), noon.Add(5*time.Second), noon.Add(6*time.Second))
			w.Judge(noon.Add(time.Minute))
			if got := w.Lookups(); got != (result.LookupVerdict{Judged: 1}) {
				t.Errorf("afterwards an answer is judged as %+v", got)
			}
		})
	}
}

func inUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
