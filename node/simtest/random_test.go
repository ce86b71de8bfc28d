package simtest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	seeds     = flag.Int("seeds", defaultSeeds, "random plans to run")
	first     = flag.Uint64("first", 1, "the seed to begin with")
	shrinking = flag.Int("shrink", 300, "runs to spend on shortening a plan that fails")
	story     = flag.Bool("story", false, "print what the members report about ownership")
	seed      = flag.Uint64("seed", 0, "run the random plan of this seed alone")
	planFlag  = flag.String("plan", "", "run this plan, or the one in the file behind @, as a failing test prints it")
	limit     = flag.Duration("limit", 0, "begin no other plan after so long")
	timing    = flag.Bool("timing", false, "print how long each plan takes")
	where     = flag.String("where", "", "run those seeds alone at which dimensions have these levels: dimension=level,…")
	ungated   = flag.Bool("ungated", false, "run the seeds that are known to fail, too")
)

// fullSeeds is the full run, in which every pair of levels is drawn 50 times.
const fullSeeds = 5000

// TestPlan runs the plan behind -plan; without one the shortened plans in testdata, each of which once showed a fault
// that is now fixed.
func TestPlan(t *testing.T) {
	texts := map[string]string{"-plan": *planFlag}
	file, isFile := strings.CutPrefix(*planFlag, "@")
	files := []string{file}
	if *planFlag == "" {
		var err error
		if files, err = filepath.Glob("testdata/*.plan"); err != nil {
			t.Fatal(err)
		}
	}
	if *planFlag == "" || isFile {
		texts = map[string]string{}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			texts[file] = string(text)
		}
	}
	for name, text := range texts {
		n, p, err := parsePlan(text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		o, err := run(n, p)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		t.Logf("%s: in order after %v, all replicas after %v", name, o.order, o.replicated)
	}
}

// An outcome is the result of the run of one seed.
type outcome struct {
	seed uint64
	at   point
	o    *oracle
	err  error
}

// runSeeds runs seeds on some processors, and returns the outcomes in the order of the seeds. It starts none after
// limit. Those whose outcomes are known from a run before are not run again; save is called with each other one, from
// any of the processors.
func runSeeds(from uint64, n, workers int, limit time.Duration, known map[uint64]saved, save func(outcome)) []outcome {
	var next atomic.Int64
	var wg sync.WaitGroup
	all := make([]outcome, n)
	begin := time.Now()
	for range workers {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				if limit > 0 && time.Since(begin) > limit {
					return
				}
				seed := from + uint64(i)
				if knownFailures[seed] != "" && !*ungated && n > 1 {
					continue
				}
				at := pointOf(seed)
				if !at.has(*where) {
					continue
				}
				if before, ok := known[seed]; ok {
					all[i] = before.outcome(at)
					continue
				}
				began := time.Now()
				o, err := run(seed, drawAt(seed, at))
				if *timing {
					fmt.Printf("seed %d: %v, %v: %.600v\n", seed, time.Since(began).Round(time.Millisecond), at, err)
				}
				o.r = nil // the world is as large as its history
				all[i] = outcome{seed, at, o, err}
				save(all[i])
			}
		})
	}
	wg.Wait()
	return slices.DeleteFunc(all, func(x outcome) bool { return x.o == nil })
}

// TestRandomPlans runs random plans, and prints a failing one in its shortened form.
func TestRandomPlans(t *testing.T) {
	from, n := *first, *seeds
	if *seed != 0 {
		from, n = *seed, 1
	}
	known, save := outcomesIn(t, *outcomesFile)
	all := runSeeds(from, n, runtime.GOMAXPROCS(0), *limit, known, save)
	failed := 0
	for _, x := range all {
		if x.err == nil {
			continue
		}
		t.Errorf("seed %d: %v\n%v", x.seed, x.err, x.at)
		if _, before := known[x.seed]; before || *shrinking == 0 {
			continue
		}
		if failed++; failed > 1 {
			continue
		}
		p, err := shrink(x.seed, drawAt(x.seed, pointOf(x.seed)), x.err, *shrinking)
		t.Errorf("seed %d, shortened: %v\ngo test ./node/simtest -run TestPlan -plan '%s'", x.seed, err, planText(x.seed, p))
	}
	t.Log(summary(all))
	if *promisesFile != "" {
		writePromises(t, *promisesFile, all)
	}
}

func summary(all []outcome) string {
	var s oracle
	extinct := 0
	var order, copied []time.Duration
	for _, x := range all {
		s.gets += x.o.gets
		s.calmGets += x.o.calmGets
		s.puts += x.o.puts
		s.deletes += x.o.deletes
		s.failed += x.o.failed
		s.refusals += x.o.refusals
		s.lookups += x.o.lookups
		s.leaves += x.o.leaves
		s.kept += x.o.kept
		s.voidAtEnd += x.o.voidAtEnd
		if x.o.extinct {
			extinct++
		} else if x.err == nil {
			order, copied = append(order, x.o.order), append(copied, x.o.replicated)
		}
	}
	return fmt.Sprintf("%d plans: %d gets (%d checked), %d puts, %d deletes, %d of unknown outcome, %d refused; %d lookups; %d leaves; %d keys kept, %d not bound; no member left in %d; in order after %v (p99) %v (most), replicas after %v, %v",
		len(all), s.gets, s.calmGets, s.puts, s.deletes, s.failed, s.refusals, s.lookups, s.leaves, s.kept, s.voidAtEnd, extinct,
		quantile(order, .99), quantile(order, 1), quantile(copied, .99), quantile(copied, 1))
}

func quantile(all []time.Duration, q float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	all = slices.Clone(all)
	slices.Sort(all)
	return all[min(len(all)-1, int(q*float64(len(all))))]
}
