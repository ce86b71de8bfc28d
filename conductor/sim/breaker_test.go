package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"chordconductor/conductor/ring"
	"chordconductor/conductor/sim/scenario"
	"chordconductor/node/chord"
)

// breakerFleet starts and stops members, one call for each, and fails at its calls of some numbers.
type breakerFleet struct {
	*paperFleet
	failing map[int]bool
	made    byte
}

func (f *breakerFleet) step() error {
	f.calls++
	if f.failing[f.calls-1] {
		return errors.New("unreachable")
	}
	return nil
}

func (f *breakerFleet) Start(_ context.Context, count int, _ string) (ids []chord.ID, err error) {
	for i := range count {
		if err := f.step(); err != nil {
			return ids, err
		}
		h := &f.hosts[i%len(f.hosts)]
		f.made++
		h.Members = append(h.Members, Member{id(100 + f.made), true})
		ids = append(ids, id(100+f.made))
	}
	return ids, nil
}

func (f *breakerFleet) Stop(_ context.Context, of chord.ID, _ Departure) error {
	if err := f.step(); err != nil {
		return err
	}
	for i := range f.hosts {
		f.hosts[i].Members = slices.DeleteFunc(f.hosts[i].Members, func(m Member) bool { return m.ID == of })
	}
	return nil
}

func (f *breakerFleet) all() (ids []chord.ID) {
	for _, h := range f.hosts {
		for _, m := range h.Members {
			ids = append(ids, m.ID)
		}
	}
	slices.SortFunc(ids, chord.ID.Compare)
	return ids
}

// TestMembersOfCommandsThatFail has each call, and each pair of calls, of commands that start and stop members fail: what
// the answer says was done is what was done, and without an error all of it was.
func TestMembersOfCommandsThatFail(t *testing.T) {
	for first := range 6 {
		for second := first; second < 6; second++ {
			for _, command := range []string{"add", "leave", "crash"} {
				f := &breakerFleet{paperFleet: newPaperFleet("a", "b", "c"), failing: map[int]bool{first: true, second: true}}
				l := New(Config{View: func() *ring.View { return &ring.View{} }, Watch: NewWatch(), Remote: f})
				before := f.all()
				var want []chord.ID
				var err error
				if command == "add" {
					var ids []chord.ID
					ids, err = l.AddNodes(t.Context(), 4, "")
					want = append(slices.Clone(before), ids...)
					if err == nil && len(ids) != 4 {
						t.Errorf("add, calls %d and %d fail: %d started, and no error", first, second, len(ids))
					}
				} else {
					want = slices.Clone(before)
					for _, of := range before { // one after the other, each its own command
						if stopped := l.StopNode(t.Context(), of, map[string]Departure{"leave": Leave, "crash": Crash}[command]); stopped == nil {
							want = slices.DeleteFunc(want, func(x chord.ID) bool { return x == of })
						} else {
							err = stopped
						}
					}
				}
				slices.SortFunc(want, chord.ID.Compare)
				if got := f.all(); !slices.Equal(got, want) {
					t.Errorf("%s, calls %d and %d fail: %v are there, and the answers say %v", command, first, second, got, want)
				}
				if failed := first < f.calls || second < f.calls; failed != (err != nil) {
					t.Errorf("%s, calls %d and %d of %d fail: %v", command, first, second, f.calls, err)
				}
				l.Close(t.Context())
			}
		}
	}
}

// TestHealThatFails has each call, and each pair of calls, of a heal fail: it names whom it concerns, nothing is listed as
// in force any more, and every host is well at the latest when it can be asked again.
func TestHealThatFails(t *testing.T) {
	for first := range 8 {
		for second := first; second < 8; second++ {
			f := &brittleFleet{newPaperFleet("a", "b", "c"), map[int]bool{}}
			c := &clock{now: time.Unix(1e9, 0)}
			fs := newFaults(f, scenario.Network{}, c.Now)
			cut := &disturbance{from: set("a"), both: true, cut: true, members: []chord.ID{id(1)}}
			if err := fs.impose(t.Context(), cut, &disturbance{from: set("b"), paused: true, members: []chord.ID{id(2)}}); err != nil {
				t.Fatal(err)
			}
			f.failing = map[int]bool{f.calls + first: true, f.calls + second: true}
			ids, err := fs.heal(t.Context())
			if !slices.Equal(ids, []chord.ID{id(1), id(2)}) || len(fs.list()) > 0 {
				t.Errorf("calls %d and %d fail: %v healed, %v listed; %v", first, second, ids, fs.list(), err)
			}
			if wrong := len(f.cuts()) > 0 || f.told["b"].GetPaused(); wrong && err == nil {
				t.Errorf("calls %d and %d fail: not all is well, and no error", first, second)
			}
			for range 4 { // as tend does
				c.now = c.now.Add(2 * faultRetry)
				_ = fs.apply(t.Context())
			}
			if got := fmt.Sprint(f.cuts(), f.told["b"].GetPaused()); got != "[] false" {
				t.Errorf("calls %d and %d fail: in force stay %s", first, second, got)
			}
		}
	}
}
