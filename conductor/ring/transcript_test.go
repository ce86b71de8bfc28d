package ring

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"chordconductor/conductor/ring/ringtest"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// The transcripts in testdata contain events, and the view of a small ring after them. CONTRIBUTING.md describes how to
// write one. A member's name is a letter; a has identifier 0, b has 100, and so on.
func TestTranscripts(t *testing.T) {
	texts, _ := filepath.Glob("testdata/*.txt")
	for _, path := range texts {
		t.Run(filepath.Base(path), func(t *testing.T) {
			var s stage
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				s.perform(t, d)
				was := s.shown
				if s.shown = s.show(); s.shown == was && d.Cmd != "ring" {
					return "as before\n"
				}
				return s.shown
			})
		})
	}
}

// A stage is a fold, and members that emit events to it.
type stage struct {
	fold *Ring
	ring *ringtest.TestRing
	held []*chordevent.Event // on their way
	late bool                // events are held

	shown string
}

func (s *stage) perform(t *testing.T, d *datadriven.TestData) {
	words := make([]string, len(d.CmdArgs))
	for i, a := range d.CmdArgs {
		words[i] = a.Key
	}
	if d.Cmd == "ring" { // ring a to f: all pointers right, lists of two
		s.fold, s.held = New(Options{}), nil
		s.ring = ringtest.NewTestRing(160, 2, func(ev *chordevent.Event) {
			if s.late {
				s.held = append(s.held, ev)
			} else {
				s.fold.Apply(ev, s.ring.Now)
			}
		})
		for name := words[0]; name <= words[2]; name = string(name[0] + 1) {
			s.ring.Birth(at(name))
		}
		s.ring.RepairAll()
		s.fold.Advance(s.ring.Now)
		return
	}
	// A last word may concern delivery. With "later" the events are held until "deliver"; with "lost" they do not
	// arrive.
	last := words[max(0, len(words)-1):]
	lost := slices.Contains(last, "lost")
	s.late = lost || slices.Contains(last, "later")
	if s.late {
		words = words[:len(words)-1]
	}
	was := len(s.held)
	s.command(t, d.Cmd, words)
	if lost {
		s.held = s.held[:was]
	}
	s.late = false
}

func (s *stage) command(t *testing.T, cmd string, words []string) {
	w := s.ring
	var m *ringtest.Actor
	if len(words) > 0 {
		m = s.find(words[0])
	}
	switch cmd {
	case "load": // load c: an event without news
		w.Emit(m, chordevent.NodeLoad{})
	case "loads": // loads c: as many as may have been on their way when it was reported dead
		for range maxOvertaken {
			w.Emit(m, chordevent.NodeLoad{})
		}
	case "keyframe":
		w.Keyframe(m)
	case "leaving":
		w.Emit(m, chordevent.Leaving{})
	case "left":
		w.Emit(m, chordevent.Left{})
		m.Live = false
	case "crash": // crash c: it emits nothing more, and no peer reports it
		m.Live = false
	case "report": // report c by b; with "hasty" b has not received the newest event of c, with "ahead" its clock is an hour ahead
		seq := m.Seq
		if slices.Contains(words, "hasty") {
			seq--
		}
		ev := w.Report(s.find(words[2]), m, seq)
		if slices.Contains(words, "ahead") {
			ev.Time = ev.Time.Add(time.Hour)
		}
		w.Emitted(ev)
	case "hidden": // hidden x after b: a new member of which no event arrives until it emits one
		peer := chord.Peer{ID: w.Space.FromUint64(at(words[2]) + 50), Addr: words[0] + ":1", Incarnation: 5}
		w.Members = append(w.Members, &ringtest.Actor{Self: peer, Live: true, State: chord.New(w.Space, peer, w.ListLen)})
	case "appear": // appear x: its first events
		w.Emit(m, w.Started(m))
		w.Emit(m, chordevent.SuccessorsChanged{Successors: ringtest.Refs(m.State.Succ)})
		w.Emit(m, chordevent.Joined{})
	case "right": // right b: it gets the pointers that it should have; right all
		if m == nil {
			w.RepairAll()
		} else {
			w.Right(m)
		}
	case "own": // own all: the range behind the predecessor; own c from b: another; own c from +50
		switch {
		case m == nil:
			w.OwnAll()
		case words[2] == "+50":
			w.Own(m, w.Space.FromUint64(at(words[0])-50))
		default:
			w.Own(m, s.find(words[2]).Self.ID)
		}
	case "losses": // losses a 3: in its keyframe, the process reports that it has lost 3 records
		w.Emit(m, chordevent.State{Started: w.Started(m), Status: chordevent.StatusActive, Successors: ringtest.Refs(m.State.Succ),
			Predecessor: chordevent.PeerRef{Peer: m.State.Pred}, Lost: parseNumber(t, words[1])})
	case "wait": // wait 1s: nothing is emitted
		w.Now = w.Now.Add(parseSpan(t, words[0]))
		s.fold.Advance(w.Now)
	case "pass": // pass 14s without c: all others go on emitting keyframes
		var quiet []*ringtest.Actor
		for _, name := range words[min(2, len(words)):] {
			quiet = append(quiet, s.find(name))
		}
		pass(w, s.fold, parseSpan(t, words[0]), quiet...)
	case "deliver":
		for _, ev := range s.held {
			s.fold.Apply(ev, w.Now)
		}
		s.held = nil
	default:
		t.Fatalf("unknown command %q", cmd)
	}
}

func at(name string) uint64 { return uint64(name[0]-'a') * 100 }

func parseSpan(t *testing.T, text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func parseNumber(t *testing.T, text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// find returns the member with a name, or nil.
func (s *stage) find(name string) *ringtest.Actor {
	for _, a := range s.ring.Members {
		if s.name(a.Self.ID) == name {
			return a
		}
	}
	return nil
}

func (s *stage) name(id chord.ID) string {
	for _, a := range s.ring.Members {
		if a.Self.ID != id {
			continue
		}
		if name, _, _ := strings.Cut(a.Self.Addr, ":"); len(name) == 1 {
			return name
		}
		for n := range uint64(26) {
			if s.ring.Space.FromUint64(100*n) == id {
				return string(rune('a' + n))
			}
		}
	}
	return "?"
}

// show prints the view, without what is 0 or empty: members by status, uncertain members with a question mark.
func (s *stage) show() string {
	var out strings.Builder
	v := s.fold.View()
	fmt.Fprintf(&out, "%s, ring error %d, %d of %d certain\n", v.Status, v.Error, v.Certainty.Of-v.Certainty.Count, v.Certainty.Of)
	for status := Joining; status <= Silent; status++ {
		var names []string
		for _, m := range v.Members {
			if m.Status == status {
				names = append(names, s.name(m.ID)+map[bool]string{true: "?"}[m.Uncertain])
			}
		}
		if names != nil {
			fmt.Fprintf(&out, "%s %s\n", status, strings.Join(names, " "))
		}
	}
	for _, m := range v.Certainty.Members {
		fmt.Fprintf(&out, "uncertain %s: %s\n", s.name(m.ID), m.Why)
	}
	for _, x := range v.Violations {
		if x.Healed.IsZero() {
			var names []string
			for _, id := range x.Members {
				names = append(names, s.name(id))
			}
			fmt.Fprintf(&out, "violated %s: %s\n", x.Condition, strings.Join(names, " "))
		}
	}
	for _, n := range []struct {
		what string
		n    int64
	}{
		{"unknown pointers", int64(v.ErrorUnknown)}, {"missing events", v.Counts.Missing}, {"lost records", v.Counts.Lost}, {"gaps", int64(v.Gaps)}, {"overlaps", int64(v.Overlaps)},
	} {
		if n.n != 0 {
			fmt.Fprintf(&out, "%s %d\n", n.what, n.n)
		}
	}
	return out.String()
}
