package simtest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chordconductor/node/keeper"
	"chordconductor/node/member"
	"chordconductor/node/nodepb"
)

// An oracle knows every operation that a client began, and what came of it.
type oracle struct {
	r      *ring
	keys   []history
	writes int
	wrong  []string // what must not be
	start  time.Time

	gets, puts, deletes, failed, missed, lookups int
}

// history is what has been done to one key.
type history struct {
	last    write    // the acknowledged one with the greatest version
	pending []string // values of writes that have not been acknowledged, perhaps never: they may appear
}

type write struct {
	version uint64
	value   string // empty: deleted
}

func newOracle(r *ring) *oracle { return &oracle{r: r, keys: make([]history, r.plan.keys)} }

func keyName(n int) []byte { return fmt.Appendf(nil, "key-%d", n) }

func (o *oracle) complain(format string, args ...any) {
	o.wrong = append(o.wrong, fmt.Sprintf("%v: ", o.r.w.Elapsed())+fmt.Sprintf(format, args...))
}

// fail counts an operation without an answer, unless it is the asking host that is no more.
func (o *oracle) fail(err error) {
	if errors.Is(err, keeper.ErrUnavailable) {
		o.failed++
	}
}

// write runs a put, or with an empty value a delete.
func (o *oracle) write(ctx context.Context, k *keeper.Keeper, n int, deleted bool) {
	h := &o.keys[n]
	o.writes++
	value, op := fmt.Sprintf("value %d of key %d", o.writes, n), k.Put
	if deleted {
		value = ""
		op = func(ctx context.Context, key, _ []byte, _ time.Duration) (keeper.Result, error) {
			return k.Delete(ctx, key)
		}
		o.deletes++
	} else {
		o.puts++
	}
	h.pending = append(h.pending, value)
	result, err := op(ctx, keyName(n), []byte(value), 0)
	if err != nil {
		o.fail(err)
		return
	}
	for i, p := range h.pending {
		if p == value {
			h.pending = append(h.pending[:i:i], h.pending[i+1:]...)
			break
		}
	}
	if result.Version > h.last.version {
		h.last = write{result.Version, value}
	}
}

// read runs a get. While no cut is on, or has just been, it must not miss what was acknowledged before it began.
func (o *oracle) read(ctx context.Context, k *keeper.Keeper, n int) {
	floor := o.keys[n].last
	result, err := k.Get(ctx, keyName(n))
	o.gets++
	switch {
	case errors.Is(err, keeper.ErrNotFound):
		if h := o.keys[n]; o.r.calm() && floor.value != "" && h.last == floor && !h.mayBe("") {
			o.missed++
			o.complain("get of key %d at %v: not found, though version %d is acknowledged", n, result.Owner.Addr, floor.version)
		}
	case err != nil:
		o.fail(err)
	case o.r.calm() && result.Version < floor.version:
		o.missed++
		o.complain("get of key %d at %v: version %d, though %d is acknowledged", n, result.Owner.Addr, result.Version, floor.version)
	}
}

func (h history) mayBe(value string) bool {
	for _, p := range h.pending {
		if p == value {
			return true
		}
	}
	return false
}

// lookup finds the owner of a key, which must have owned it at some instant meanwhile.
func (o *oracle) lookup(ctx context.Context, m *member.Member, n int) {
	key, start := o.r.hosts[0].Space().Hash(keyName(n)), o.r.w.Now()
	found, err := m.Find(ctx, key, member.Recursive)
	o.lookups++
	if err == nil && !o.r.log.covered(found.Owner, key, start, o.r.w.Now()) {
		o.complain("lookup of key %d answered %s, which did not own it at any time since %v", n, found.Owner.Addr, start)
	}
}

// final reads every key once the ring has settled.
func (o *oracle) final(ctx context.Context, k *keeper.Keeper) {
	for n, h := range o.keys {
		result, err := k.Get(ctx, keyName(n))
		value := string(result.Value)
		switch {
		case errors.Is(err, keeper.ErrNotFound):
			value = ""
		case err != nil:
			o.complain("final get of key %d: %v", n, err)
			continue
		}
		if value != h.last.value && !h.mayBe(value) {
			o.complain("final get of key %d: %q, want %q of version %d or one of %q", n, value, h.last.value, h.last.version, h.pending)
		}
	}
}

// copies checks that every key is on as many hosts as it should be, at one version.
func (o *oracle) copies() {
	want := min(o.r.plan.replicas, len(o.r.hosts))
	for n := range o.keys {
		versions := map[uint64]int{}
		for _, h := range o.r.hosts {
			for _, m := range h.Members() {
				a, err := keeperOf(m).Fetch(context.Background(), &nodepb.FetchRequest{Keys: [][]byte{keyName(n)}})
				if err != nil {
					panic(err)
				}
				for _, rec := range a.Records {
					versions[rec.Version]++
				}
			}
		}
		total := 0
		for _, count := range versions {
			total += count
		}
		if total > 0 && (len(versions) != 1 || total != want) {
			o.complain("key %d has %d copies of %d versions, want %d of one", n, total, len(versions), want)
		}
	}
}
