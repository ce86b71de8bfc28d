package simtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/node/kv"
	"chordconductor/node/member"
	"chordconductor/node/nodepb"
)

// A promise is a row of docs/promises.md, which a violation breaks.
type promise string

const (
	promiseOrder    promise = "order"
	promiseReplicas promise = "replicas"
	promiseKept     promise = "kept"
	promiseReads    promise = "reads"
	promiseRefused  promise = "refused"
	promiseLeaves   promise = "leaves"
	promiseLookups  promise = "lookups"
	promiseAnswers  promise = "answers"
	promiseRest     promise = "rest"
)

// An oracle records every operation that a client began, and its outcome.
type oracle struct {
	r       *ring
	keys    []history
	writes  int
	pending int // writes that have not ended
	wrong   []violation
	start   time.Time
	healed  time.Time // when the last fault of the ring ended

	extinct                   bool // no active member was left
	gets, puts, deletes       int
	failed, refusals, missed  int
	lookups, leaves           int
	order, replicated         time.Duration // until the ring was in order, and all replicas there
	left                      time.Duration // the longest leave
	gap, overlap              time.Duration // without an owner, and with two
	calmGets, kept, voidAtEnd int
	finals, rested            int // operations at the end, and keys checked after the rest time
}

type violation struct {
	promise promise
	text    string
}

// history is the operations on one key.
type history struct {
	last    write           // the greatest version that is acknowledged, or that a get has returned
	pending []string        // values of writes of unknown outcome: they may appear
	refused map[string]bool // values that must not
	lost    bool            // more hosts crashed than it had replicas: any earlier value may be there, or none
	ever    []write         // acknowledged values that are not in last any more
}

type write struct {
	version  uint64
	value    string // empty: deleted
	replicas int
}

func newOracle(r *ring) *oracle { return &oracle{r: r, keys: make([]history, r.plan.keys)} }

func keyName(n int) []byte { return fmt.Appendf(nil, "key-%d", n) }

func (o *oracle) broken(p promise, format string, args ...any) {
	o.wrong = append(o.wrong, violation{p, fmt.Sprintf("%v: ", o.r.w.Elapsed()) + fmt.Sprintf(format, args...)})
}

// verdict returns the violations, the first of them named.
func (o *oracle) verdict() error {
	lines := o.r.failedAssertions
	if len(o.wrong) == 0 && len(lines) == 0 {
		return nil
	}
	for _, v := range o.wrong[:min(len(o.wrong), 20)] {
		lines = append(lines, string(v.promise)+": "+v.text)
	}
	return errors.New(strings.Join(lines, "\n"))
}

// refused reports whether err means that no replica has the write, and none will ever have it.
func refused(err error) bool {
	switch status.Code(err) {
	case codes.InvalidArgument, codes.ResourceExhausted, codes.FailedPrecondition, codes.AlreadyExists:
		return true
	}
	return false
}

// fail counts an operation that ended with err and so without an answer, unless the calling host has ended.
func (o *oracle) fail(err error) {
	if errors.Is(err, kv.ErrUnavailable) {
		o.failed++
	}
}

// write runs a put, or a delete.
func (o *oracle) write(ctx context.Context, k *kv.Keeper, n int, deleted bool) error {
	h := &o.keys[n]
	o.pending++
	defer func() { o.pending-- }()
	o.writes++
	value := fmt.Sprintf("value %d of key %d", o.writes, n)
	if pad := o.r.plan.value - len(value); pad > 0 {
		value += strings.Repeat(".", pad)
	}
	op := k.Put
	if deleted {
		value = ""
		op = func(ctx context.Context, key, _ []byte, _ time.Duration) (kv.Result, error) {
			return k.Delete(ctx, key)
		}
		o.deletes++
	} else {
		o.puts++
	}
	floor, lost, begin := h.last, h.lost, o.r.w.Now()
	h.pending = append(h.pending, value)
	o.traceKey(n, "write of %q begins", short(value))
	result, err := op(ctx, keyName(n), []byte(value), 0)
	o.traceKey(n, "write of %q ends at %s with version %d and %d replicas: %v", short(value), result.Owner.Addr, result.Version, result.ReplicaCount, err)
	if err != nil && !refused(err) {
		o.fail(err)
		return err
	}
	if i := slices.Index(h.pending, value); i >= 0 {
		h.pending = slices.Delete(h.pending, i, i+1)
	}
	if err != nil {
		o.refusals++
		if value != "" {
			if h.refused == nil {
				h.refused = map[string]bool{}
			}
			h.refused[value] = true
		}
		return err
	}
	if o.r.calm(begin) && !lost && !h.lost && result.Version <= floor.version {
		o.broken(promiseReads, "write of key %d acknowledged with version %d, though version %d was there before", n, result.Version, floor.version)
	}
	h.raise(write{result.Version, value, result.ReplicaCount})
	o.crashedMeanwhile(h, begin)
	return nil
}

// raise records a version that must be there now.
func (h *history) raise(w write) {
	if w.version > h.last.version {
		h.last, w, h.lost = w, h.last, false
	}
	h.ever = append(h.ever, w)
}

// lose records that nothing of the key needs to be there.
func (h *history) lose() {
	h.ever = append(h.ever, h.last)
	h.last, h.lost = write{}, true
}

// read runs a get. While the ring is calm it must not miss a value that was acknowledged or read before it began.
func (o *oracle) read(ctx context.Context, k *kv.Keeper, n int) {
	h := &o.keys[n]
	floor, begin := h.last, o.r.w.Now()
	o.traceKey(n, "get begins")
	result, err := k.Get(ctx, keyName(n))
	o.traceKey(n, "get ends at %s with %q of version %d: %v", result.Owner.Addr, short(string(result.Value)), result.Version, err)
	o.gets++
	missing := errors.Is(err, kv.ErrNotFound)
	if err != nil && !missing {
		o.fail(err)
		return
	}
	value := string(result.Value)
	if h.refused[value] {
		o.broken(promiseRefused, "get of key %d: %s, whose put was refused", n, short(value))
	}
	if !o.r.calm(begin) || h.lost {
		return
	}
	o.calmGets++
	switch {
	case missing:
		if floor.value != "" && h.last == floor && !h.mayBe("") {
			o.missed++
			o.broken(promiseReads, "get of key %d at %v: not found, though version %d was there before", n, result.Owner.Addr, floor.version)
		}
	case result.Version < floor.version:
		o.missed++
		o.broken(promiseReads, "get of key %d at %v: version %d, though %d was there before", n, result.Owner.Addr, result.Version, floor.version)
	default:
		h.raise(write{result.Version, value, o.r.plan.replicas})
		o.crashedMeanwhile(h, begin)
	}
}

// crashedMeanwhile records that as many hosts as a key has replicas crashed while an operation on it was under way.
func (o *oracle) crashedMeanwhile(h *history, begin time.Time) {
	n := 0
	for _, at := range o.r.crashes {
		if !at.Before(begin) {
			n++
		}
	}
	if n > 0 && n >= min(h.last.replicas, o.r.scarce(begin)) {
		h.lose()
	}
}

func short(value string) string { return strings.TrimRight(value, ".") }

func (h history) mayBe(value string) bool {
	return slices.Contains(h.pending, value) || h.lost && value == "" ||
		slices.ContainsFunc(h.ever, func(w write) bool { return w.value == value && (h.lost || w.version > h.last.version) })
}

// lookup finds the owner of a key, which must have owned it at some instant meanwhile.
func (o *oracle) lookup(ctx context.Context, m *member.Member, n int) {
	key, start := testSpace(o.r.plan.bits).Hash(keyName(n)), o.r.w.Now()
	found, err := m.Find(ctx, key, member.Recursive)
	o.lookups++
	if err == nil && !o.r.log.covered(found.Owner, key, start, o.r.w.Now()) {
		o.broken(promiseLookups, "lookup of key %d answered %s, which did not own it at any time since %v", n, found.Owner.Addr, start)
	}
}

// final reads every key once the ring has settled, and writes some.
func (o *oracle) final(ctx context.Context, k *kv.Keeper) {
	for n := range o.keys {
		h := &o.keys[n]
		o.finals++
		result, err := k.Get(ctx, keyName(n))
		value := string(result.Value)
		switch {
		case errors.Is(err, kv.ErrNotFound):
			value = ""
		case err != nil:
			o.broken(promiseAnswers, "final get of key %d: %v", n, err)
			continue
		}
		switch {
		case h.refused[value]:
			o.broken(promiseRefused, "final get of key %d: %s, whose put was refused", n, short(value))
		case value != h.last.value && !h.mayBe(value):
			o.broken(promiseKept, "final get of key %d: %q, want %q of version %d or one of %q", n, short(value), short(h.last.value), h.last.version, h.pending)
		case h.lost:
			o.voidAtEnd++
		default:
			o.kept++
		}
	}
	for n := range min(5, len(o.keys)) {
		o.finals++
		if err := o.write(ctx, k, n, false); err != nil && !(o.r.plan.memory != nil && status.Code(err) == codes.ResourceExhausted) {
			o.broken(promiseAnswers, "final put of key %d: %v", n, err)
		}
	}
}

// replicas counts the replicas of a key by version, and the hosts that have one of the greatest.
func (o *oracle) replicas(n int) (versions map[uint64]int, hosts int) {
	versions = map[uint64]int{}
	var greatest uint64
	for _, h := range o.r.hosts {
		var here uint64
		for _, m := range h.Members() {
			a, err := keeperOf(m).Fetch(context.Background(), &nodepb.FetchRequest{Keys: [][]byte{keyName(n)}})
			if err != nil {
				panic(err)
			}
			for _, rec := range a.Records {
				versions[rec.Version]++
				here = max(here, rec.Version)
			}
		}
		switch {
		case here > greatest:
			greatest, hosts = here, 1
		case here == greatest && here > 0:
			hosts++
		}
	}
	return versions, hosts
}

// wanted is the number of hosts that a key should be on.
func (o *oracle) wanted() int {
	n := 0
	for _, h := range o.r.hosts {
		if len(h.Members()) > 0 {
			n++
		}
	}
	return min(o.r.plan.replicas, n)
}

// under counts the under-replicated keys. Where memory is scarce there are none by definition.
func (o *oracle) under() int {
	short := 0
	for n := range o.keys {
		if _, hosts := o.replicas(n); hosts > 0 && hosts < o.wanted() && o.r.plan.memory == nil {
			short++
		}
	}
	return short
}

// few describes some under-replicated keys.
func (o *oracle) few() string {
	var all []string
	for n := range o.keys {
		if versions, hosts := o.replicas(n); hosts > 0 && hosts < o.wanted() && len(all) < 3 {
			all = append(all, fmt.Sprintf("key %d on %d hosts of %d, versions and replicas %v", n, hosts, o.wanted(), versions))
		}
	}
	return strings.Join(all, "; ")
}

// atRest checks that every key is on as many hosts as it should be, at one version, and on no others.
func (o *oracle) atRest() {
	for n := range o.keys {
		versions, _ := o.replicas(n)
		o.rested++
		total := 0
		for _, count := range versions {
			total += count
		}
		if total > 0 && (len(versions) != 1 || total != o.wanted()) && o.r.plan.memory == nil {
			o.broken(promiseRest, "key %d has %d replicas of %d versions, want %d of one", n, total, len(versions), o.wanted())
		}
	}
}
