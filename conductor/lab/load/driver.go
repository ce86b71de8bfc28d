package load

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/conductor/lab/runtime"
	"chordconductor/conductor/lab/scenario"
	"chordconductor/node/env"
	"chordconductor/node/nodepb"
	"chordconductor/node/wire"
)

// A Store is one host from a client's point of view; nodepb.KVServer and a gRPC client both have these methods.
type Store interface {
	Put(context.Context, *nodepb.PutRequest) (*nodepb.PutResponse, error)
	Get(context.Context, *nodepb.GetRequest) (*nodepb.GetResponse, error)
	Lookup(context.Context, *nodepb.LookupRequest) (*nodepb.LookupResponse, error)
}

// Config is what a Driver needs.
type Config struct {
	Runtime  runtime.Runtime
	Workload scenario.Workload
	Seed     uint64
	Replicas int // replicas of a fully replicated write
	// Pick returns a live host for an operation; n is random. It returns false if there is no such host now.
	Pick func(n uint64) (Store, bool)
	// Answered is called for every lookup that was answered, with its start and end, unless it is nil.
	Answered func(found *wire.Lookup, from, to time.Time)
}

const (
	maxInFlight = 2048 // operations at a time; beyond it the next operation waits, which counts in its latency (see unsent)
	tries       = 3    // the most hosts that one operation is sent to
	retryPause  = 50 * time.Millisecond

	maxFirstWrite = 1 << 39 // bounds the length of a value's mark (see markMax)
)

// A Driver issues operations until it is stopped. Its methods may be called at any time, from any goroutine.
type Driver struct {
	cfg     Config
	runtime runtime.Runtime
	oracle  *Oracle
	stats   stats
	load    atomic.Pointer[scheduled]
	phase   atomic.Int32
	stopped atomic.Pointer[time.Time] // nil: not stopped
	wake    env.Signal                // the workload changed, or Stop was called
	freed   env.Signal                // an operation ended

	mu       sync.Mutex
	inFlight int

	writes atomic.Uint64 // number of the last write; it begins at the time of Run, so that writes of other runs have other numbers
}

// scheduled is a workload and the time from which it applies.
type scheduled struct {
	scenario.Workload
	since time.Time // zero: from the time of Run
}

// New returns a Driver that does nothing until Run is called.
func New(cfg Config) *Driver {
	d := &Driver{
		cfg: cfg, runtime: cfg.Runtime, oracle: newOracle(cfg.Workload.Keys, cfg.Replicas),
		wake: cfg.Runtime.NewSignal(), freed: cfg.Runtime.NewSignal(),
	}
	d.load.Store(&scheduled{Workload: cfg.Workload})
	return d
}

// SetWorkload changes the workload from now on. The number of keys stays the same.
func (d *Driver) SetWorkload(w scenario.Workload) {
	w.Keys = d.cfg.Workload.Keys
	d.load.Store(&scheduled{w, d.runtime.Now()})
	d.wake.Set()
}

// Workload returns the present workload.
func (d *Driver) Workload() scenario.Workload { return d.load.Load().Workload }

// SetPhase sets the phase number under which operations that start from now on are counted.
func (d *Driver) SetPhase(i int) { d.phase.Store(int32(i)) }

// Stop makes Run return once the operations under way have ended.
func (d *Driver) Stop() {
	now := d.runtime.Now()
	d.stopped.CompareAndSwap(nil, &now)
	d.wake.Set()
}

// Run issues operations until Stop is called or the runtime ends, and waits for the last of them.
func (d *Driver) Run() {
	d.writes.Store(uint64(d.runtime.Now().UnixMicro()) % maxFirstWrite) // not in New, which is called outside of the runtime
	r := rand.New(rand.NewPCG(d.cfg.Seed, 0x10ad))
	var (
		now  *scheduled // the load that next was computed for
		key  chooser
		next time.Time // intended start of the next operation
	)
	for d.stopped.Load() == nil {
		w := d.load.Load()
		if w != now {
			d.unsent(now, next, w.since)
			now, key, next = w, newChooser(w.Distribution, d.cfg.Workload.Keys), w.since
			if next.IsZero() {
				next = d.runtime.Now()
			}
		}
		if w.Rate <= 0 {
			if d.wake.Wait(0) != nil {
				break
			}
			continue
		}
		gap := 1.0
		if w.Poisson {
			gap = r.ExpFloat64()
		}
		next = next.Add(time.Duration(gap / w.Rate * float64(time.Second)))
		if wait := next.Sub(d.runtime.Now()); wait > 0 {
			if err := d.wake.Wait(wait); err == nil {
				continue // changed or stopped: compute next again
			} else if err != env.ErrTimeout {
				break
			}
		}
		if d.admit() != nil || !d.start(d.draw(r, &w.Workload, key), next) {
			break
		}
	}
	if end := d.stopped.Load(); end != nil {
		d.unsent(now, next, *end)
	}
	for d.running() > 0 {
		if d.freed.Wait(0) != nil {
			return
		}
	}
}

// overdue is how late an operation may be sent before it counts as behind schedule.
const overdue = time.Second

// unsent counts the operations of a workload that were due before its end and will not be sent.
func (d *Driver) unsent(w *scheduled, next, end time.Time) {
	if w == nil || w.Rate <= 0 {
		return
	}
	if late := end.Sub(next); late > overdue {
		d.stats.count(int(d.phase.Load()), func(c *Counts) { c.Unsent += uint64(late.Seconds() * w.Rate) })
	}
}

// An operation is drawn completely before it starts, by the one task that uses the random numbers, so that the sequence
// depends on the seed alone.
type operation struct {
	op    Op
	key   int
	size  int
	data  scenario.Data
	hosts [tries]uint64
}

func (d *Driver) draw(r *rand.Rand, w *scenario.Workload, key chooser) operation {
	o := operation{op: Put, key: key(r), size: w.ValueMin + r.IntN(w.ValueMax-w.ValueMin+1), data: w.Data}
	if r.Float64() < w.Lookups {
		o.op = Lookup
	} else if r.Float64() < w.Reads {
		o.op = Get
	}
	for i := range o.hosts {
		o.hosts[i] = r.Uint64()
	}
	return o
}

// admit waits until one more operation may be under way.
func (d *Driver) admit() error {
	for {
		d.mu.Lock()
		free := d.inFlight < maxInFlight
		if free {
			d.inFlight++
		}
		d.mu.Unlock()
		if free {
			return nil
		}
		if err := d.freed.Wait(0); err != nil {
			return err
		}
	}
}

func (d *Driver) running() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.inFlight
}

func (d *Driver) release() {
	d.mu.Lock()
	d.inFlight--
	d.mu.Unlock()
	d.freed.Set()
}

// start runs an operation in a task of its own. It returns false if the runtime has ended.
func (d *Driver) start(o operation, intended time.Time) bool {
	phase := int(d.phase.Load())
	err := d.runtime.Go(context.Background(), func(ctx context.Context) {
		defer d.release()
		d.run(ctx, o, intended, phase)
	})
	if err != nil {
		d.release()
	}
	return err == nil
}

// run performs one operation, on up to tries hosts, and counts its outcome.
func (d *Driver) run(ctx context.Context, o operation, intended time.Time, phase int) {
	promised := d.oracle.promised(o.key)
	if o.op == Get && promised == 0 {
		o.op = Put // a key that was never written is written first, so that reads have something to find
	}
	var (
		found   *wire.Lookup
		err     error
		verdict func(*Counts)
		try     int
		began   time.Time
		maybe   bool // a try of the put may have been carried out
	)
	for try = range tries {
		if try > 0 && d.runtime.Sleep(retryPause) != nil {
			return
		}
		store, ok := d.cfg.Pick(o.hosts[try])
		if !ok {
			err = status.Error(codes.Unavailable, "no host of the ring can be sent the operation")
			continue
		}
		began = d.runtime.Now()
		found, verdict, err = d.call(ctx, store, o, promised)
		maybe = maybe || err != nil && !refused(err)
		if err == nil || !again(err) {
			break
		}
	}
	ended := d.runtime.Now()
	took := ended.Sub(intended)
	d.stats.count(phase, func(c *Counts) {
		if try > 0 {
			c.Retried++
		}
		switch {
		case err != nil && o.op == Put && !maybe && refused(err):
			c.Refused++
			return
		case err != nil:
			c.Failed++
			return
		}
		c.Latency[o.op].Add(took.Microseconds())
		if found != nil {
			if n := len(found.Path); n > 0 {
				c.Hops.Add(int64(max(0, n-2))) // neither the initiator nor the owner
			}
			c.Timeouts += uint64(max(0, found.Timeouts))
		}
		if verdict != nil {
			verdict(c)
		}
	})
	if err != nil {
		return
	}
	d.stats.offerSlow(Slow{o.op, intended, took, found})
	if found != nil && d.cfg.Answered != nil {
		d.cfg.Answered(found, began, ended)
	}
}

// again reports whether a retry on another host may succeed.
func again(err error) bool {
	switch status.Code(err) {
	case codes.InvalidArgument, codes.ResourceExhausted, codes.NotFound, codes.Unauthenticated:
		return false
	}
	return true
}

// call sends an operation to one host. The lookup is nil if the answer has none that can be read. The returned
// function, if not nil, adds the oracle's verdict on the answer to the counts.
func (d *Driver) call(ctx context.Context, s Store, o operation, promised uint64) (*wire.Lookup, func(*Counts), error) {
	name := KeyName(o.key)
	switch o.op {
	case Lookup:
		answer, err := s.Lookup(ctx, &nodepb.LookupRequest{Key: name})
		return read(answer.GetLookup()), nil, err
	case Put:
		write := d.writes.Add(1)
		value := makeValue(o.data, o.key, write, o.size)
		d.oracle.begin(write)
		answer, err := s.Put(ctx, &nodepb.PutRequest{Key: name, Value: value})
		d.oracle.end(write, refused(err))
		if err == nil {
			d.oracle.acknowledged(o.key, answer, d.runtime.Now())
		}
		return read(answer.GetLookup()), nil, err
	}
	answer, err := s.Get(ctx, &nodepb.GetRequest{Key: name})
	missing := status.Code(err) == codes.NotFound
	if err != nil && !missing {
		return nil, nil, err
	}
	stale := d.oracle.read(o.key, promised, answer.GetVersion())
	corrupt := false
	if !missing {
		key, write, ok := readValue(answer.GetValue())
		if corrupt = !ok || key != o.key; !corrupt {
			d.oracle.shown(write)
		}
	}
	return read(answer.GetLookup()), func(c *Counts) {
		if stale {
			c.Stale++
		}
		if corrupt {
			c.Corrupt++
		}
	}, nil
}

func read(l *nodepb.Lookup) *wire.Lookup {
	found, _ := wire.ReadLookup(l)
	return found
}
