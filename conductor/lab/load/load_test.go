package load

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/conductor/lab/scenario"
	"chordconductor/node/env"
	"chordconductor/node/nodepb"
)

func TestHistogram(t *testing.T) {
	var a, b Histogram
	for v := range int64(1000) {
		a.Add(v)
		b.Add(1000 + v)
	}
	a.Merge(&b)
	if a.Count() != 2000 || a.Max() != 1999 || math.Abs(a.Mean()-999.5) > 1e-9 {
		t.Errorf("count %d, max %d, mean %v", a.Count(), a.Max(), a.Mean())
	}
	for q, want := range map[float64]int64{0: 0, 0.5: 999, 0.99: 1980, 1: 1999} {
		if got := a.Quantile(q); got < want || float64(got) > float64(want)*1.04+1 {
			t.Errorf("quantile %v: %d, want %d or 3 %% more", q, got, want)
		}
	}
	var total uint64
	for _, bucket := range a.Buckets() {
		total += bucket.Count
	}
	if total != 2000 {
		t.Errorf("buckets hold %d", total)
	}
	if a.Add(math.MaxInt64); a.Quantile(1) != math.MaxInt64 {
		t.Errorf("the greatest number is %d", a.Quantile(1))
	}
	if (&Histogram{}).Quantile(0.5) != 0 {
		t.Error("an empty histogram has a median")
	}
}

func TestDistributions(t *testing.T) {
	const n, draws = 1000, 200_000
	count := func(d scenario.Distribution) []float64 {
		r := rand.New(rand.NewPCG(1, 2))
		next := newChooser(d, n)
		counts := make([]float64, n)
		for range draws {
			counts[next(r)]++ // panics if out of range
		}
		return counts
	}
	zipf := count(scenario.KeysZipf)
	norm := 0.0
	for k := 1; k <= n; k++ {
		norm += math.Pow(float64(k), -zipfExponent)
	}
	for _, k := range []int{1, 2, 3, 10, 100} {
		want := draws * math.Pow(float64(k), -zipfExponent) / norm
		if got := zipf[k-1]; math.Abs(got-want) > 5*math.Sqrt(want) {
			t.Errorf("zipf: key %d drawn %.0f times, want %.0f", k, got, want)
		}
	}
	hot := count(scenario.KeysHotspot)
	share := 0.0
	for _, c := range hot[:n/100] {
		share += c / draws
	}
	if math.Abs(share-0.9) > 0.01 {
		t.Errorf("hotspot: the hottest hundredth got %.3f", share)
	}
	if s := count(scenario.KeysSequential); slices.Min(s) != draws/n || slices.Max(s) != draws/n {
		t.Errorf("sequential: from %v to %v uses of a key", slices.Min(s), slices.Max(s))
	}
	if u := count(scenario.KeysUniform); slices.Min(u) < 120 || slices.Max(u) > 280 {
		t.Errorf("uniform: from %v to %v uses of a key", slices.Min(u), slices.Max(u))
	}
	for _, d := range []scenario.Distribution{scenario.KeysZipf, scenario.KeysHotspot, scenario.KeysUniform, scenario.KeysSequential} {
		if newChooser(d, 1)(rand.New(rand.NewPCG(1, 1))) != 0 {
			t.Errorf("%s: of one key, another was chosen", d)
		}
	}
}

func TestValues(t *testing.T) {
	if len(quotes) < 40 {
		t.Errorf("only %d sentences are shipped", len(quotes))
	}
	for _, data := range []scenario.Data{scenario.Quotes, scenario.Synthetic} {
		for _, size := range []int{markMax, 33, 64, 1000, 1 << 20} {
			key, write := scenario.MaxKeys-1, uint64(1<<39)
			v := makeValue(data, key, write, size)
			if len(v) != size {
				t.Errorf("%s: %d bytes instead of %d", data, len(v), size)
			}
			if k, w, ok := readValue(v); !ok || k != key || w != write {
				t.Errorf("%s, %d bytes: read back as key %d, write %d, %v", data, size, k, w, ok)
			}
			for _, at := range []int{0, size / 2, size - 2} {
				bad := slices.Clone(v)
				bad[at] ^= 1
				if _, _, ok := readValue(bad); ok {
					t.Errorf("%s: byte %d of %d changed without being noticed", data, at, size)
				}
			}
		}
	}
	for _, foreign := range []string{"", "]", "hello", "[1.2.00000000]", "no bracket 00000000]"} {
		if _, _, ok := readValue([]byte(foreign)); ok {
			t.Errorf("%q was taken for ours", foreign)
		}
	}
}

func TestOracle(t *testing.T) {
	o := newOracle(3, 3)
	o.acknowledged(0, &nodepb.PutResponse{Version: 10, Copies: 3}, time.Time{})
	o.acknowledged(0, &nodepb.PutResponse{Version: 8, Copies: 3}, time.Time{}) // an older one, late
	o.acknowledged(1, &nodepb.PutResponse{Version: 5, Copies: 2}, time.Time{})
	for _, test := range []struct {
		name              string
		key               int
		promised, version uint64
		stale             bool
		want              Verdict
	}{
		{"the acknowledged write", 0, 10, 10, false, Verdict{Written: 2}},
		{"a later write without an acknowledgement", 0, 10, 12, false, Verdict{Written: 2}},
		{"an older write", 0, 10, 8, true, Verdict{Written: 2, Lost: 1}},
		{"the same again", 0, 10, 8, true, Verdict{Written: 2, Lost: 1}},
		{"it is there after all", 0, 10, 10, false, Verdict{Written: 2}},
		{"a read that began before the put", 0, 8, 8, false, Verdict{Written: 2}},
		{"nothing, of few replicas", 1, 5, 0, true, Verdict{Written: 2, Lost: 1, Weak: 1}},
		{"nothing where nothing was promised", 2, 0, 0, false, Verdict{Written: 2, Lost: 1, Weak: 1}},
	} {
		if got := o.read(test.key, test.promised, test.version); got != test.stale || o.Verdict() != test.want {
			t.Errorf("%s: stale %v, verdict %+v; want %v, %+v", test.name, got, o.Verdict(), test.stale, test.want)
		}
	}
	o.unanswered(0)
	o.unanswered(0)
	if got, want := o.Verdict(), (Verdict{Written: 2, Lost: 2, Unanswered: 1, Weak: 1}); got != want {
		t.Errorf("a read without an answer: %+v, want %+v", got, want)
	}
	o.read(0, 10, 0)
	if got, want := o.Verdict(), (Verdict{Written: 2, Lost: 2, Weak: 1}); got != want {
		t.Errorf("an answer, and it is not there: %+v, want %+v", got, want)
	}
	o.read(0, 10, 10)
	o.acknowledged(1, &nodepb.PutResponse{Version: 6, Copies: 3}, time.Time{})
	if got := o.Verdict(); got.Lost != 0 {
		t.Errorf("a key written again counts as lost: %+v", got)
	}
}

// bubble is a Runtime on the fake clock of a synctest bubble.
type bubble struct {
	mu   sync.Mutex
	all  sync.WaitGroup
	down bool
}

func (b *bubble) Now() time.Time              { return time.Now() }
func (b *bubble) Sleep(d time.Duration) error { time.Sleep(d); return nil }
func (b *bubble) Go(ctx context.Context, f func(context.Context)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down {
		return env.ErrStopped
	}
	b.all.Go(func() { f(ctx) })
	return nil
}
func (b *bubble) NewSignal() env.Signal { return make(latch, 1) }

type latch chan struct{}

func (l latch) Set() {
	select {
	case l <- struct{}{}:
	default:
	}
}

func (l latch) Wait(limit time.Duration) error {
	if limit == 0 {
		<-l
		return nil
	}
	select {
	case <-l:
		return nil
	case <-time.After(limit):
		return env.ErrTimeout
	}
}

// memory is a Store that answers after a time.
type memory struct {
	mu     sync.Mutex
	delay  time.Duration
	stall  time.Time // no answer before
	values map[string]*nodepb.GetResponse
	clock  uint64
	log    []string
	fail   error
	forget bool // acknowledge puts, and keep nothing
}

func (m *memory) enter(what string, key []byte) error {
	m.mu.Lock()
	delay, err := max(m.delay, time.Until(m.stall)), m.fail
	m.log = append(m.log, what+" "+string(key))
	m.mu.Unlock()
	time.Sleep(delay)
	return err
}

func (m *memory) Put(_ context.Context, q *nodepb.PutRequest) (*nodepb.PutResponse, error) {
	if err := m.enter("put", q.Key); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clock++
	if !m.forget {
		m.values[string(q.Key)] = &nodepb.GetResponse{Value: q.Value, Version: m.clock, Lookup: &nodepb.Lookup{}}
	}
	return &nodepb.PutResponse{Version: m.clock, Copies: 3, Lookup: &nodepb.Lookup{}}, nil
}

func (m *memory) Get(_ context.Context, q *nodepb.GetRequest) (*nodepb.GetResponse, error) {
	if err := m.enter("get", q.Key); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if v := m.values[string(q.Key)]; v != nil {
		return v, nil
	}
	return nil, status.Error(codes.NotFound, "no such key")
}

func (m *memory) Lookup(_ context.Context, q *nodepb.LookupRequest) (*nodepb.LookupResponse, error) {
	id := make([]byte, 20)
	found := &nodepb.Lookup{Key: id, Owner: &nodepb.Peer{Id: id}, Timeouts: 2}
	for range 5 {
		found.Path = append(found.Path, &nodepb.Hop{Peer: found.Owner})
	}
	return &nodepb.LookupResponse{Lookup: found}, m.enter("lookup", q.Key)
}

// drive runs a load on a memory for a time, sweeps, and returns the driver. It calls during when half of the time is
// over.
func drive(t *testing.T, m *memory, w scenario.Workload, d time.Duration, during func(*Driver)) *Driver {
	t.Helper()
	m.values = make(map[string]*nodepb.GetResponse)
	if w.Keys == 0 {
		w.Keys = 50
	}
	w.ValueMin, w.ValueMax = 64, 128
	b := &bubble{}
	driver := New(Config{Runtime: b, Workload: w, Seed: 7, Replicas: 3, Pick: func(uint64) (Store, bool) { return m, true }})
	done := make(chan struct{})
	go func() {
		defer close(done)
		driver.Run()
	}()
	time.Sleep(d / 2)
	if during != nil {
		during(driver)
	}
	time.Sleep(d / 2)
	driver.Stop()
	<-done
	if err := driver.Sweep(t.Context()); err != nil {
		t.Error(err)
	}
	b.all.Wait()
	return driver
}

func TestOpenLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{delay: 10 * time.Millisecond}
		d := drive(t, m, scenario.Workload{Rate: 100, Reads: 0.75, Lookups: 0.2}, 20*time.Second, nil)
		c := d.Phases()[0]
		gets, puts, lookups := c.Latency[Get].Count(), c.Latency[Put].Count(), c.Latency[Lookup].Count()
		if total := gets + puts + lookups; total < 1998 || total > 2001 {
			t.Errorf("%d operations in 20 s at 100/s", total)
		}
		if lookups < 340 || lookups > 460 || gets < 1050 || gets > 1250 {
			t.Errorf("%d lookups, %d gets of 2000", lookups, gets)
		}
		if p := c.All().Quantile(0.99); p < 10_000 || p > 10_500 {
			t.Errorf("p99 %d µs of operations that take 10 ms", p)
		}
		if c.Hops.Mean() != 3 || c.Timeouts != 2*lookups {
			t.Errorf("hops %v, timeouts %d", c.Hops.Mean(), c.Timeouts)
		}
		if v := d.Verdict(); v.Lost != 0 || v.Written < 40 || c.Stale+c.Corrupt+c.Failed != 0 {
			t.Errorf("verdict %+v, stale %d, corrupt %d, failed %d", v, c.Stale, c.Corrupt, c.Failed)
		}
	})
}

// A store that stalls for five seconds makes the operations of these five seconds late by up to five seconds. A load
// that waited for answers would have measured one slow operation only.
func TestNoCoordinatedOmission(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{delay: time.Millisecond}
		d := drive(t, m, scenario.Workload{Rate: 100, Reads: 0.5}, 20*time.Second, func(*Driver) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.stall = time.Now().Add(5 * time.Second)
		})
		all := d.Phases()[0].All()
		if p := time.Duration(all.Quantile(0.9)) * time.Microsecond; p < 2*time.Second || p > 4*time.Second {
			t.Errorf("p90 %v, want some three seconds: a fifth of the operations were due in the stall", p)
		}
	})
}

// An operation that was due is either sent or counted as unsent, however long the store stalls, and whether or not the
// load is changed or stopped meanwhile.
func TestWhatWasDueIsSentOrCounted(t *testing.T) {
	for _, rate := range []float64{50, 200, 1000} {
		for _, stall := range []time.Duration{0, 5 * time.Second, 25 * time.Second, 60 * time.Second} {
			for _, changes := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					const length = 30 * time.Second
					m := &memory{delay: time.Millisecond, stall: time.Now().Add(stall)}
					d := drive(t, m, scenario.Workload{Rate: rate, Reads: 0.5}, length, func(d *Driver) {
						if changes {
							w := d.Workload()
							w.Reads = 0.9
							d.SetPhase(1)
							d.SetWorkload(w)
						}
					})
					total := new(Counts)
					for _, c := range d.Phases() {
						total.Merge(c)
					}
					due, got := rate*length.Seconds(), float64(total.Done()+total.Unsent)
					if math.Abs(got-due) > rate+2 { // a second's are not counted
						t.Errorf("%v/s, stall %v, changes %v: %d were answered and %d unsent of %v", rate, stall, changes, total.Done(), total.Unsent, due)
					}
					if over := stall > length && rate*length.Seconds() > maxInFlight; over != (total.Unsent > 0) && !changes {
						t.Errorf("%v/s, stall %v, changes %v: %d unsent", rate, stall, changes, total.Unsent)
					}
				})
			}
		}
	}
}

func TestLossIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		d := drive(t, m, scenario.Workload{Rate: 100, Reads: 0.5}, 10*time.Second, func(*Driver) {
			m.mu.Lock()
			defer m.mu.Unlock()
			delete(m.values, string(KeyName(7)))
			m.forget = true
		})
		if v := d.Verdict(); v.Lost < 30 {
			t.Errorf("a store that forgets what it acknowledges: %+v", v)
		}
		if d.Phases()[0].Stale == 0 {
			t.Error("no stale read was noticed")
		}
	})
}

func TestFailuresAndRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			err   error
			calls int // for each operation
		}{
			{status.Error(codes.Unavailable, "no owner"), tries},
			{errors.New("something"), tries},
			{status.Error(codes.ResourceExhausted, "full"), 1},
		} {
			m := &memory{fail: test.err}
			d := drive(t, m, scenario.Workload{Rate: 10}, 10*time.Second, nil)
			c := d.Phases()[0]
			if n := c.Failed + c.Refused; n < 99 || c.Done() != 0 || len(m.log) != int(n)*test.calls {
				t.Errorf("%v: %d failed, %d refused, %d done, %d calls", test.err, c.Failed, c.Refused, c.Done(), len(m.log))
			}
		}
	})
}

func TestChangesWhileItRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		d := drive(t, m, scenario.Workload{Rate: 0}, 20*time.Second, func(d *Driver) {
			d.SetPhase(1)
			w := d.Workload()
			w.Rate, w.Poisson = 50, true
			d.SetWorkload(w)
		})
		phases := d.Phases()
		if before := phases[0].Done(); before != 0 {
			t.Errorf("%d operations at rate 0", before)
		}
		if after := phases[1].Done(); after < 420 || after > 580 {
			t.Errorf("%d operations in 10 s at 50/s, Poisson", after)
		}
	})
}

// The same seed gives the same operations in the same order.
func TestSeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := scenario.Workload{Rate: 100, Reads: 0.5, Lookups: 0.3, Distribution: scenario.KeysZipf, Poisson: true}
		a, b := &memory{}, &memory{}
		drive(t, a, w, 5*time.Second, nil)
		drive(t, b, w, 5*time.Second, nil)
		if !slices.Equal(a.log[:400], b.log[:400]) {
			t.Error("two runs of one seed differ")
		}
	})
}

// However slow gets and puts are, the slowest lookups are reported as well, since their paths are known.
func TestSlowestAreKept(t *testing.T) {
	var s stats
	for i := range 100 {
		s.offerSlow(Slow{Op: Lookup, Latency: time.Duration(i*37%100) * time.Second})
		s.offerSlow(Slow{Op: Op(i % 2), Latency: time.Duration(100+i*37%100) * time.Second})
	}
	d := &Driver{}
	d.stats.slow = s.slow
	all := d.Slowest()
	if len(all) != 2*slowest {
		t.Fatalf("%d kept", len(all))
	}
	for i, o := range all {
		want, lookup := time.Duration(99-i)*time.Second, i < slowest
		if !lookup {
			want = time.Duration(199-i+slowest) * time.Second
		}
		if o.Latency != want || (o.Op == Lookup) != lookup {
			t.Errorf("number %d is a %v of %v, want %v", i, o.Op, o.Latency, want)
		}
	}
}

// Keys whose latest read did not return the acknowledged write are listed with that write, up to a limit.
func TestLostKeysAreDescribed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{forget: true}
		d := drive(t, m, scenario.Workload{Rate: 100, Reads: 0.5}, 10*time.Second, nil)
		all := d.Lost(1000)
		if len(all) != d.Verdict().Lost || len(all) < 30 || len(d.Lost(5)) != 5 {
			t.Errorf("%d of %d keys described", len(all), d.Verdict().Lost)
		}
		for _, k := range all {
			if k.Key == "" || k.Version == 0 || k.Written.IsZero() || k.Copies != 3 || k.Found != FoundNothing || k.Holders != nil {
				t.Errorf("%+v", k)
			}
		}
	})
}

// Each set of replicas is kept once, and their number is bounded; replicas that cannot be read are not known.
func TestReplicaSets(t *testing.T) {
	var h replicaSets
	peer := func(n int) *nodepb.Peer {
		id := make([]byte, 20)
		id[0], id[1], id[2] = byte(n), byte(n>>8), byte(n>>16)
		return &nodepb.Peer{Id: id, Address: "host:1", Incarnation: int64(n)}
	}
	if h.add(nil) != 0 || h.add([]*nodepb.Peer{{Id: []byte{1}}}) != 0 {
		t.Error("nothing, or a malformed peer, has a set")
	}
	for range 2 {
		for n := range maxReplicaSets + 10 {
			i := h.add([]*nodepb.Peer{peer(n), peer(n + 1)})
			if want := uint32(n + 1); n < maxReplicaSets-1 && i != want || n >= maxReplicaSets-1 && i != 0 {
				t.Fatalf("set %d has index %d", n, i)
			}
		}
	}
	if s := h.sets[8]; len(s) != 2 || s[0].Incarnation != 7 || s[1].Incarnation != 8 {
		t.Errorf("%v", s)
	}
}
