package controller

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"chordconductor/conductor/lab/deploy"
	"chordconductor/conductor/lab/deploy/deploytest"
	"chordconductor/conductor/lab/judge"
	"chordconductor/conductor/lab/run"
	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
)

// breakerFleet starts and stops members, one call for each, and fails at calls of given numbers.
type breakerFleet struct {
	*deploytest.Paper
	failing map[int]bool
	made    byte
}

func (f *breakerFleet) step() error {
	f.Calls++
	if f.failing[f.Calls-1] {
		return errors.New("unreachable")
	}
	return nil
}

func (f *breakerFleet) Start(_ context.Context, count int, _ string) (ids []chord.ID, err error) {
	for i := range count {
		if err := f.step(); err != nil {
			return ids, err
		}
		h := &f.List[i%len(f.List)]
		f.made++
		h.Members = append(h.Members, deploy.Member{ID: deploytest.ID(100 + f.made), Joined: true})
		ids = append(ids, deploytest.ID(100+f.made))
	}
	return ids, nil
}

func (f *breakerFleet) Stop(_ context.Context, of chord.ID, _ deploy.Departure) error {
	if err := f.step(); err != nil {
		return err
	}
	for i := range f.List {
		f.List[i].Members = slices.DeleteFunc(f.List[i].Members, func(m deploy.Member) bool { return m.ID == of })
	}
	return nil
}

func (f *breakerFleet) all() (ids []chord.ID) {
	for _, h := range f.List {
		for _, m := range h.Members {
			ids = append(ids, m.ID)
		}
	}
	slices.SortFunc(ids, chord.ID.Compare)
	return ids
}

// TestMembersOfCommandsThatFail has each call, and each pair of calls, of commands that start and stop members fail:
// what the answer lists was done, and without an error all of it was.
func TestMembersOfCommandsThatFail(t *testing.T) {
	for first := range 6 {
		for second := first; second < 6; second++ {
			for _, command := range []string{"add", "leave", "crash"} {
				f := &breakerFleet{Paper: deploytest.NewPaper("a", "b", "c"), failing: map[int]bool{first: true, second: true}}
				l := New(Config{Sources: run.Sources{View: func() *ring.View { return &ring.View{} }, Watch: judge.NewWatch()}, Remote: f})
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
						if stopped := l.StopNode(t.Context(), of, map[string]deploy.Departure{"leave": deploy.Leave, "crash": deploy.Crash}[command]); stopped == nil {
							want = slices.DeleteFunc(want, func(x chord.ID) bool { return x == of })
						} else {
							err = stopped
						}
					}
				}
				slices.SortFunc(want, chord.ID.Compare)
				if got := f.all(); !slices.Equal(got, want) {
					t.Errorf("%s, calls %d and %d fail: got members %v, expected %v by the answers", command, first, second, got, want)
				}
				if failed := first < f.Calls || second < f.Calls; failed != (err != nil) {
					t.Errorf("%s, calls %d and %d of %d fail: %v", command, first, second, f.Calls, err)
				}
				l.Close(t.Context())
			}
		}
	}
}

// A command that runs out of time answers with what it did.
func TestCommandsThatTakeTooLong(t *testing.T) {
	for started := range 4 {
		for _, cause := range []string{"the limit", "the caller", "the controller's end"} {
			synctest.Test(t, func(t *testing.T) {
				f := &hangingFleet{newStageFleet(nil, false), started}
				l := New(Config{Sources: run.Sources{View: func() *ring.View { return &ring.View{} }, Watch: judge.NewWatch()}, Remote: f})
				ctx, leave := context.WithCancel(t.Context())
				switch cause {
				case "the caller":
					time.AfterFunc(time.Second, leave)
				case "the controller's end":
					time.AfterFunc(time.Second, func() { l.Close(t.Context()) })
				}
				began := time.Now()
				ids, err := l.AddNodes(ctx, 4, "")
				if err == nil || len(ids) != started {
					t.Errorf("%s ends it after %d members: the answer names %v, %v", cause, started, ids, err)
				}
				if took := time.Since(began); took > commandLimit || cause != "the limit" && took > time.Second {
					t.Errorf("%s: %v", cause, took)
				}
				leave()
				l.Close(t.Context())
			})
		}
	}
}

// hangingFleet starts some members, and then waits for an answer that never comes.
type hangingFleet struct {
	*stageFleet
	some int
}

func (f *hangingFleet) Start(ctx context.Context, _ int, host string) ([]chord.ID, error) {
	ids, _ := f.stageFleet.Start(ctx, f.some, host)
	<-ctx.Done()
	return ids, ctx.Err()
}
