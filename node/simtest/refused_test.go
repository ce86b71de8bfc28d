package simtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/node/kv"
	"chordconductor/node/nodepb"
)

// A filling is a ring at its memory limit to which clients go on writing.
type filling struct {
	replicas, keys int
	memory         []int64 // of each host
	size           int     // of the values, at most
	clients        int
	crash          bool // of a host, in the end
}

func (f filling) String() string {
	return fmt.Sprintf("R=%d, hosts of %v bytes, %d clients put values of up to %d bytes under %d keys, crash %v", f.replicas, f.memory, f.clients, f.size, f.keys, f.crash)
}

func drawFilling(seed uint64) filling {
	if seed == 0 { // a small host for replicas beside two hosts without a limit: what it refuses must not stay at the owner
		return filling{replicas: 3, keys: 40, memory: []int64{64 << 10, 0, 0}, size: 8 << 10, clients: 1, crash: true}
	}
	r := rand.New(rand.NewPCG(seed, 21))
	f := filling{replicas: 1 + r.IntN(4), keys: 10 + r.IntN(100), size: 100 << r.IntN(9), clients: 1 + r.IntN(8), crash: r.IntN(2) == 0}
	for range f.replicas + r.IntN(4) {
		limit := int64(0)
		if r.IntN(4) > 0 {
			limit = int64(16<<10 + r.IntN(300<<10))
		}
		f.memory = append(f.memory, limit)
	}
	return f
}

// values lists the values of a key that a ring's members hold.
func (r *ring) values(key []byte) (list []string) {
	for _, h := range r.hosts {
		for _, m := range h.Members() {
			a, err := keeperOf(m).Fetch(context.Background(), &nodepb.FetchRequest{Keys: [][]byte{key}})
			if err != nil {
				panic(err)
			}
			for _, rec := range a.Records {
				list = append(list, string(rec.Value))
			}
		}
	}
	return list
}

// TestRefusedIsNowhere: a put that was refused for lack of memory is on no host, replaces nothing, and is never read.
func TestRefusedIsNowhere(t *testing.T) {
	refusals, unknown := 0, 0
	for n := range uint64(several(20)) {
		f := drawFilling(n)
		r := newRing(n, plan{bits: 32, successors: 6, replicas: f.replicas, virtual: 1})
		for i, limit := range f.memory {
			r.made++
			r.addAt(fmt.Sprintf("h%d:7000", i+1), limit)
		}
		r.settle(t)
		refused, last := map[string]bool{}, make([]string, f.keys)
		rnd := rand.New(rand.NewPCG(n, 22))
		running, writes := f.clients, 0
		for range f.clients {
			h := r.pick(rnd.IntN(1000))
			if err := h.layer.Go(context.Background(), func(ctx context.Context) {
				for range 400 / f.clients {
					writes++
					key := rnd.IntN(f.keys)
					value := fmt.Sprintf("%d.%0*d", writes, rnd.IntN(f.size+1), 0)
					_, err := h.keeper(0).Put(ctx, keyName(key), []byte(value), 0)
					switch {
					case errors.Is(err, kv.ErrExhausted):
						refused[value] = true
						for _, held := range r.values(keyName(key)) {
							if held == value {
								t.Errorf("seed %d (%v): refused, and held all the same: write %.8s of key %d", n, f, value, key)
							}
						}
					case err == nil:
						last[key] = value
					default:
						unknown++
					}
					got, err := h.keeper(0).Get(ctx, keyName(key))
					if err == nil && refused[string(got.Value)] {
						t.Errorf("seed %d (%v): refused, and read: write %.8s of key %d", n, f, got.Value, key)
					}
					if f.clients == 1 && unknown == 0 && (err != nil && last[key] != "" || string(got.Value) != last[key]) {
						t.Errorf("seed %d (%v): get of key %d: %.8q, %v, want %.8q", n, f, key, got.Value, err, last[key])
					}
				}
				running--
			}); err != nil {
				t.Fatal(err)
			}
		}
		if !r.w.RunUntil(time.Hour, 100*time.Millisecond, func() bool { return running == 0 }) {
			t.Fatalf("seed %d (%v): the puts do not end", n, f)
		}
		if f.crash && len(r.hosts) > 1 {
			r.crash(r.hosts[1])
		}
		r.w.Run(2 * time.Minute)
		for key := range f.keys {
			for _, held := range r.values(keyName(key)) {
				if refused[held] {
					t.Errorf("seed %d (%v): two minutes later a refused write of key %d is held: %.8s", n, f, key, held)
				}
			}
		}
		refusals += len(refused)
		r.w.Close()
		if t.Failed() {
			return
		}
	}
	if refusals < 100 {
		t.Errorf("only %d puts were refused", refusals)
	}
	t.Logf("%d puts refused, of %d the outcome is not known", refusals, unknown)
}

// TestPutsTooManyAreRefused: a quiet ring at its limit refuses puts. Unavailable would mean that the put may have
// happened.
func TestPutsTooManyAreRefused(t *testing.T) {
	for n := range uint64(several(10)) {
		rnd := rand.New(rand.NewPCG(n, 23))
		replicas, size := 1+rnd.IntN(3), 8<<10
		if n > 0 {
			size = 1 + rnd.IntN(30<<10)
		}
		r := newRing(n, plan{bits: 32, successors: 6, replicas: replicas, virtual: 1 + rnd.IntN(3)})
		for i := range replicas + 1 + rnd.IntN(3) {
			limit := int64(100 << 10)
			if n%2 == 1 && i >= replicas { // some have no limit: those that hold their replicas have
				limit = 0
			}
			r.addAt(fmt.Sprintf("h%d:7000", i+1), limit)
		}
		r.settle(t)
		refused, other := 0, 0
		r.on(t, r.hosts[0], func(ctx context.Context, k *kv.Keeper) {
			put := func(i int) error {
				_, err := k.Put(ctx, fmt.Appendf(nil, "%d", i), make([]byte, size), 0)
				return err
			}
			i := 0
			for full := 0; full < 60 && i < 2000; i++ { // until 60 in a row do not fit: no range has room
				if full++; put(i) == nil {
					full = 0
				}
			}
			for range 100 {
				i++
				switch err := put(i); {
				case errors.Is(err, kv.ErrExhausted) && status.Code(err) == codes.ResourceExhausted:
					refused++
				case err != nil:
					other++
					t.Logf("%v", err)
				}
			}
		})
		r.w.Close()
		if other > 1 || refused == 0 || n%2 == 0 && refused < 99 {
			t.Errorf("seed %d, R=%d, values of %d: of 100 puts too many %d were refused, %d failed otherwise", n, replicas, size, refused, other)
		}
	}
}
