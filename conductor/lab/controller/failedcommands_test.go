package controller

import (
	"context"
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

// TestMembersOfCommandsThatFail has each call, and each pair of calls, of commands that start and stop members fail:
// what the answer lists was done, and if there is no error everything was done.
func TestMembersOfCommandsThatFail(t *testing.T) {
	for first := range 6 {
		for second := first; second < 6; second++ {
			for _, command := range []string{"add", "leave", "crash"} {
				f := deploytest.NewPaper("a", "b", "c")
				f.Failing[first], f.Failing[second] = true, true
				l := New(Config{Sources: run.Sources{View: func() *ring.View { return &ring.View{} }, Watch: judge.NewWatch()}, Remote: f})
				before := f.Members()
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
				if got := f.Members(); !slices.Equal(got, want) {
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

// A command that runs out of time answers with what it has done.
func TestCommandsThatTakeTooLong(t *testing.T) {
	for started := range 4 {
		for _, cause := range []string{"the limit", "the caller", "the controller's end"} {
			synctest.Test(t, func(t *testing.T) {
				f := &hangingFleet{deploytest.NewPaper("a", "b", "c", "d"), started}
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
	*deploytest.Paper
	some int
}

func (f *hangingFleet) Start(ctx context.Context, _ int, host string) ([]chord.ID, error) {
	ids, _ := f.Paper.Start(ctx, f.some, host)
	<-ctx.Done()
	return ids, ctx.Err()
}
