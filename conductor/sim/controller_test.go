package sim

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"chordconductor/conductor/ring"
	"chordconductor/conductor/sim/scenario"
	"chordconductor/node/chord"
)

func parse(t *testing.T, source string) *scenario.Scenario {
	t.Helper()
	s, err := scenario.Parse("test", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestControllerWithoutARing(t *testing.T) {
	l := New(Config{View: func() *ring.View { return &ring.View{} }, Watch: NewWatch()})
	defer l.Close(t.Context())
	if err := l.StartSimulation(parse(t, "name: x")); !errors.Is(err, ErrConflict) {
		t.Errorf("a scenario on no ring: %v", err)
	}
	if err := l.StartSimulation(parse(t, "ring: {members: 3}")); !errors.Is(err, ErrConflict) {
		t.Errorf("a ring where none can be started: %v", err)
	}
	if _, err := l.AddNodes(t.Context(), 1, ""); !errors.Is(err, ErrConflict) {
		t.Errorf("a node: %v", err)
	}
	if err := l.StopSimulation(t.Context()); !errors.Is(err, ErrConflict) {
		t.Errorf("stopping nothing: %v", err)
	}
	if st := l.Simulation(); st.Control || st.Running || l.Result() != nil {
		t.Errorf("state %+v", st)
	}
}

func TestPartitionMustNotSplitAHost(t *testing.T) {
	f := newPaperFleet("a", "b", "c")
	f.hosts[0].Members = append(f.hosts[0].Members, Member{id(77), true})
	l := New(Config{View: func() *ring.View { return &ring.View{} }, Watch: NewWatch(), Remote: f})
	defer l.Close(t.Context())
	if _, err := l.Partition(t.Context(), [][]chord.ID{{id(1)}, {id(77)}}); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "host a") {
		t.Errorf("one host on two sides: %v", err)
	}
	if _, err := l.Partition(t.Context(), [][]chord.ID{{id(99)}}); !errors.Is(err, ErrUnknown) {
		t.Errorf("an unknown member: %v", err)
	}
	ids, err := l.Partition(t.Context(), [][]chord.ID{{id(1), id(77)}})
	if err != nil || len(ids) != 2 || fmt.Sprint(f.blocked()) != "[a>b a>c b>a c>a]" || l.Simulation().Cut != 2 {
		t.Errorf("partition: %v %v, %v, state %+v", ids, err, f.blocked(), l.Simulation())
	}
	healed, err := l.Heal(t.Context())
	if err != nil || len(healed) != 2 || len(f.blocked()) != 0 {
		t.Errorf("healed %v %v, still blocked %v", healed, err, f.blocked())
	}
}

// One seed is one run, to the last figure; another seed is another.
func TestVirtualRunsRepeat(t *testing.T) {
	source := "seed: %d\nring: {members: 12, successors: 4}\nnetwork: {latency: 5ms, jitter: 5ms, loss: 0.01}\nworkload: {rate: 50/s, poisson: true}\n" +
		"phases:\n- {at: 5s, churn: {join: 0.5/s, leave: 0.3/s, crash: 0.3/s}, for: 10s}\n- {at: 18s, partition: {fraction: 0.3}, for: 3s}\nduration: 30s\n"
	figures := func(seed int) string {
		s := parse(t, strings.Replace(fmt.Sprintf(source, seed), "ring: {", "ring: {transport: memory, ", 1))
		r, err := RunVirtual(t.Context(), s, Tap{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var events []string
		for _, p := range r.Timeline {
			events = append(events, fmt.Sprintf("%v %+v %v %d %v %v %d", p.At, p.Members, p.Status, p.RingError, p.Rate, p.P99, p.Lost))
		}
		return fmt.Sprintf("%v %+v %+v %+v %+v %+v", events, r.Moves, r.Lookups, r.Keys, r.Operations, r.Violations)
	}
	one := figures(1)
	if figures(1) != one {
		t.Error("two runs of one seed differ")
	}
	if figures(2) == one {
		t.Error("two seeds give one run")
	}
}
