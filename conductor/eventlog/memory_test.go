package eventlog

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"chordconductor/conductor/internal/otlptest"
	"chordconductor/conductor/memory"
	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// keyframe returns a member's whole state with lists of the given number of peers, whose addresses are text bytes long.
func keyframe(m *otlptest.Member, peers, text int, at time.Time) chordevent.Event {
	state := otlptest.Keyframe([]*otlptest.Member{m}, 0, 1)
	state.Successors = nil
	for k := range peers {
		state.Successors = append(state.Successors, chordevent.PeerRef{Peer: chord.Peer{
			ID: chord.ID{byte(k), byte(m.Peer.Incarnation)}, Incarnation: 1,
			Addr: fmt.Sprintf("%s-%d-%d", m.Peer.Addr, k, at.UnixNano()) + strings.Repeat("x", max(0, text-50)),
		}})
	}
	return m.Event(at, state)
}

// budgeted opens a history that has most bytes of memory for recording, and as many for queries.
func budgeted(t *testing.T, dir string, most int64) (*History, *memory.Share, *memory.Share) {
	t.Helper()
	recording, seeking := memory.NewShare("recording", most), memory.NewShare("past", most)
	h, err := Open(Options{
		Dir: dir, MaxBytes: most, Recording: recording, Seeking: seeking, Ring: ring.Options{MaxBytes: most / 2},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h, recording, seeking
}

// Whatever members emit, the memory of waiting entries, of the recording and of a query of the past stays within the
// bounds; what is refused is counted; and instants that were recorded can still be shown.
func TestMemoryIsBounded(t *testing.T) {
	const most = 8 << 20
	for _, dir := range []bool{false, true} {
		for _, kind := range []struct {
			name        string
			peers, text int
		}{{"honest", 4, 0}, {"short", 1, 0}, {"many peers", chordevent.MaxSuccessors, 0}, {"fat", chordevent.MaxSuccessors, chordevent.MaxText}} {
			t.Run(fmt.Sprintf("%s, on disk %v", kind.name, dir), func(t *testing.T) {
				path := ""
				if dir {
					path = t.TempDir()
				}
				before := held()
				h, recording, seeking := budgeted(t, path, most)
				at := time.Unix(1790000000, 0)
				members := make([]*otlptest.Member, 200)
				for i := range members {
					members[i] = otlptest.NewMember(i, len(members), at.UnixNano())
				}
				for round := range 10 {
					for _, m := range members {
						at = at.Add(10 * time.Millisecond)
						ev := keyframe(m, kind.peers, kind.text, at)
						h.Append(&ev, at)
					}
					h.Advance(at)
					if recording.Used() > most*5/4 {
						t.Fatalf("round %d: recording takes %d bytes of %d", round, recording.Used(), most)
					}
					h.Flush()
				}
				if now := held() - before; now > 5*most/2 { // segments have as much as recording
					t.Errorf("%d bytes are held, with %d for each of two parts", now, most)
				}
				st := h.Stats()
				if st.Events == 0 || (kind.peers < 10) != (st.Dropped+st.Failed == 0) {
					t.Errorf("%+v", st)
				}
				if _, err := h.At(context.Background(), at); err != nil {
					t.Errorf("the end: %v", err)
				}
				begin, err := h.At(context.Background(), st.From)
				if err != nil {
					t.Errorf("the beginning: %v", err)
				}
				events, _, err := h.Until(context.Background(), at, Query{Limit: 1000, Show: func(e *Event) any { return e.Seq }})
				if err != nil || len(events) == 0 {
					t.Errorf("%d events, %v", len(events), err)
				}
				if seeking.Used() == 0 || seeking.Used() > most {
					t.Errorf("a query of the past takes %d bytes of %d", seeking.Used(), most)
				}
				if now := held() - before; now > 4*most {
					t.Errorf("%d bytes are held, with %d for each of three parts", now, most)
				}
				runtime.KeepAlive(begin)
			})
		}
	}
}

func held() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// However much of a segment the ring's checkpoint takes, most of what is recorded is not checkpoints: either there is
// room for entries, or nothing is recorded.
func TestCheckpointsLeaveRoomForEntries(t *testing.T) {
	const most = 1 << 20
	full := 0
	for members := 100; members <= 600; members += 25 {
		h, err := Open(Options{MaxBytes: 1 << 30, Recording: memory.NewShare("recording", most)})
		if err != nil {
			t.Fatal(err)
		}
		at := time.Unix(1790000000, 0)
		var all []*otlptest.Member
		for i := range members {
			all = append(all, otlptest.NewMember(i, members, at.UnixNano()))
			ev := keyframe(all[i], 4, 0, at)
			h.Append(&ev, at)
			if i%20 == 0 {
				h.Flush() // the queue is small
			}
		}
		h.Flush()
		before := h.Stats()
		const entries = 4000
		for i := range entries {
			at = at.Add(time.Millisecond)
			ev := all[i%members].Event(at, chordevent.NodeLoad{Load: chordevent.Load{Gets: int64(i)}})
			h.Append(&ev, at)
			if i%20 == 0 {
				h.Flush()
			}
		}
		h.Flush()
		after := h.Stats()
		// At least a quarter of each segment but the last consists of entries.
		if made, room := after.Segments-before.Segments, blockMost(h.opt.Recording)/4; made > 2+entries*60/int(room) {
			t.Errorf("%d members: %d segments for %d entries", members, made, entries)
		}
		if after.Failed > 0 {
			full++
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
	if full == 0 {
		t.Error("no ring was too large: the test shows nothing")
	}
}

// The counted memory of recording is the real one, within a factor.
func TestRecordingIsCounted(t *testing.T) {
	for _, kind := range []struct{ peers, text int }{{4, 0}, {chordevent.MaxSuccessors, 0}, {chordevent.MaxSuccessors, chordevent.MaxText}} {
		before := held()
		h, recording, _ := budgeted(t, "", 1<<30)
		at := time.Unix(1790000000, 0)
		for i := range 300 {
			ev := keyframe(otlptest.NewMember(i, 300, at.UnixNano()), kind.peers, kind.text, at)
			h.Append(&ev, at)
		}
		h.Flush()
		h.Advance(at)
		h.Flush()
		if now, counted := held()-before, recording.Used(); counted < now/2 || counted > 4*now {
			t.Errorf("lists of %d, addresses of %d: %d bytes are held and %d counted", kind.peers, kind.text, now, counted)
		} else {
			t.Logf("lists of %d, addresses of %d: %d bytes are held and %d counted", kind.peers, kind.text, now, counted)
		}
		runtime.KeepAlive(h)
	}
}

// A record made with more memory can be opened with less: what cannot be read is an error that names the memory
// setting, and the record still exists.
func TestARecordThatIsTooLarge(t *testing.T) {
	dir := t.TempDir()
	h, _, _ := budgeted(t, dir, 1<<30)
	at := time.Unix(1790000000, 0)
	for i := range 200 {
		ev := keyframe(otlptest.NewMember(i, 200, at.UnixNano()), chordevent.MaxSuccessors, chordevent.MaxText, at)
		h.Append(&ev, at)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	h = mustOpen(t, Options{Dir: dir, Seeking: memory.NewShare("past", 1<<20)})
	if _, err := h.At(context.Background(), at); !errors.Is(err, ErrMemory) || !strings.Contains(err.Error(), "--memory") {
		t.Errorf("with too little memory: %v", err)
	}
	mustClose(t, h)
	h, _, seeking := budgeted(t, dir, 64<<20)
	if _, err := h.At(context.Background(), at); err != nil {
		t.Errorf("with enough: %v", err)
	}
	h.opt.Ring.MaxBytes = 1 << 20
	h.reader = nil
	if _, err := h.At(context.Background(), at); !errors.Is(err, nil) && !errors.Is(err, ErrMemory) {
		t.Errorf("%v", err)
	}
	h.opt.Seeking = memory.NewShare("past", 4<<20)
	h.reader = nil
	if _, err := h.At(context.Background(), at); !errors.Is(err, ErrMemory) || len(h.Damages()) != 0 {
		t.Errorf("with too little: %v, damages %v", err, h.Damages())
	}
	_ = seeking
}

// TestCheckIsBounded: a check does not read a file that needs more memory than it has, and names that file.
func TestCheckIsBounded(t *testing.T) {
	dir := t.TempDir()
	paths := written(t, dir, 20, 100, 3)
	report, err := Check(dir, memory.NewShare("check", 100))
	if err != nil || report.Problems() != len(paths) {
		t.Fatalf("%d problems in %d files, %v", report.Problems(), len(paths), err)
	}
	for _, c := range report.Segments {
		if !errors.Is(c.Broken, ErrMemory) {
			t.Errorf("%s: %v", c.File, c.Broken)
		}
	}
}
