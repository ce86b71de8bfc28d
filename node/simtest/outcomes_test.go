package simtest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"
)

var outcomesFile = flag.String("outcomes", "", "file of outcomes, one line for each seed: each run appends its own, and runs no seed again that is there; remove the file when the code has changed")

// saved is the outcome of a seed as a line of JSON.
type saved struct {
	Seed                      uint64
	Error                     string             `json:",omitempty"`
	Wrong                     map[promise]string `json:",omitempty"`
	Extinct                   bool               `json:",omitempty"`
	Keys, Gets, Puts, Deletes int
	Failed, Refusals, Missed  int
	Lookups, Leaves           int
	Order, Replicated, Left   time.Duration
	Gap, Overlap              time.Duration
	CalmGets, Kept, Void      int
	Finals, Rested            int
}

func savedOf(x outcome) saved {
	o := x.o
	s := saved{
		Seed: x.seed, Extinct: o.extinct, Keys: len(o.keys), Gets: o.gets, Puts: o.puts, Deletes: o.deletes, Failed: o.failed, Refusals: o.refusals,
		Missed: o.missed, Lookups: o.lookups, Leaves: o.leaves, Order: o.order, Replicated: o.replicated, Left: o.left, Gap: o.gap, Overlap: o.overlap,
		CalmGets: o.calmGets, Kept: o.kept, Void: o.voidAtEnd, Finals: o.finals, Rested: o.rested,
	}
	if x.err != nil {
		s.Error = x.err.Error()
	}
	for _, v := range o.wrong {
		if s.Wrong == nil {
			s.Wrong = map[promise]string{}
		}
		s.Wrong[v.promise] = v.text
	}
	return s
}

// outcome is the outcome at the point of the seed, without the ring and the histories of keys.
func (s saved) outcome(at point) outcome {
	o := &oracle{
		extinct: s.Extinct, keys: make([]history, s.Keys), gets: s.Gets, puts: s.Puts, deletes: s.Deletes, failed: s.Failed, refusals: s.Refusals,
		missed: s.Missed, lookups: s.Lookups, leaves: s.Leaves, order: s.Order, replicated: s.Replicated, left: s.Left, gap: s.Gap, overlap: s.Overlap,
		calmGets: s.CalmGets, kept: s.Kept, voidAtEnd: s.Void, finals: s.Finals, rested: s.Rested,
	}
	for promise, text := range s.Wrong {
		o.wrong = append(o.wrong, violation{promise, text})
	}
	var err error
	if s.Error != "" {
		err = errors.New(s.Error)
	}
	return outcome{s.Seed, at, o, err}
}

// outcomesIn reads a file of outcomes, and returns them with a function that appends a further one. A last line that an
// interrupted run has left incomplete is cut off. Without a file none are known, and none are saved.
func outcomesIn(t *testing.T, name string) (known map[uint64]saved, save func(outcome)) {
	if name == "" {
		return nil, func(outcome) {}
	}
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	known = map[uint64]saved{}
	whole := int64(0)
	for r := bufio.NewReader(file); ; {
		line, err := r.ReadBytes('\n')
		if err == io.EOF {
			break
		}
		var s saved
		if err == nil {
			err = json.Unmarshal(line, &s)
		}
		if err != nil {
			t.Fatalf("%s, byte %d: %v", name, whole, err)
		}
		known[s.Seed] = s
		whole += int64(len(line))
	}
	if err := file.Truncate(whole); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	return known, func(x outcome) {
		line, err := json.Marshal(savedOf(x))
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			_, err = file.Write(append(line, '\n'))
		}
		if err != nil {
			t.Errorf("cannot save the outcome of seed %d: %v", x.seed, err)
		}
	}
}

// An interrupted run is continued: what it has found is neither lost nor found again, and the table is the same.
func TestOutcomesAreSaved(t *testing.T) {
	name := filepath.Join(t.TempDir(), "outcomes")
	whole := runSeeds(1, 6, 2, 0, nil, func(outcome) {})
	t.Run("interrupted", func(t *testing.T) {
		known, save := outcomesIn(t, name)
		runSeeds(1, 4, 2, 0, known, save)
	})
	text, err := os.ReadFile(name)
	if err != nil || bytes.Count(text, []byte("\n")) != 4 {
		t.Fatalf("%d lines, %v", bytes.Count(text, []byte("\n")), err)
	}
	if err := os.WriteFile(name, append(text, `{"Seed":5,"Or`...), 0o644); err != nil {
		t.Fatal(err)
	}
	known, save := outcomesIn(t, name)
	if len(known) != 4 {
		t.Fatalf("%d outcomes are known", len(known))
	}
	var again []uint64
	var mu sync.Mutex
	all := runSeeds(1, 6, 2, 0, known, func(x outcome) {
		mu.Lock()
		again = append(again, x.seed)
		mu.Unlock()
		save(x)
	})
	if len(again) != 2 {
		t.Errorf("seeds %v were run, want 5 and 6", again)
	}
	if table(all) != table(whole) {
		t.Errorf("the table is\n%swant\n%s", table(all), table(whole))
	}
	for i := range whole {
		if !reflect.DeepEqual(savedOf(whole[i]), savedOf(all[i])) {
			t.Errorf("seed %d: %+v, want %+v", whole[i].seed, savedOf(all[i]), savedOf(whole[i]))
		}
	}
}
