package memory

import (
	"runtime/debug"
	"strings"
	"sync"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "512MiB": 512 << 20, "2 GiB": 2 << 30, "2gib": 2 << 30, "64KiB": 64 << 10, "1TiB": 1 << 40, "7B": 7,
		"": 0, "0": 0, "-1MiB": 0, "1.5GiB": 0, "5MB": 0, "9999999TiB": 0, "MiB": 0,
	} {
		if n, err := Parse(text); n != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d, %v; want %d", text, n, err, want)
		}
	}
}

func TestBudgetIsDividedAndNotMoreThanGiven(t *testing.T) {
	for _, limit := range []int64{Least, 256 << 20, 1 << 30, 1 << 40} {
		b, err := New(limit, "a test")
		if err != nil {
			t.Fatal(err)
		}
		var sum int64
		for _, u := range b.Usage() {
			if u.Limit <= 0 || u.Used != 0 {
				t.Errorf("%+v", u)
			}
			sum += u.Limit
		}
		if sum > limit*71/100 {
			t.Errorf("the shares of %d add up to %d", limit, sum)
		}
	}
	if _, err := New(Least-1, "a test"); err == nil || !strings.Contains(err.Error(), "--memory") {
		t.Errorf("too little: %v", err)
	}
}

func TestShare(t *testing.T) {
	s := NewShare("x", 1000)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				if s.Take(400) {
					if s.Used() > 1000 {
						t.Error("more was taken than there is")
					}
					s.Give(400)
				}
			}
		})
	}
	wg.Wait()
	if s.Used() != 0 || s.Take(1001) || !s.Take(1000) || s.Take(1) {
		t.Errorf("%+v", s.usage())
	}
	var none *Share
	if !none.Take(1<<60) || none.Limit() != 0 {
		t.Error("no share is limited")
	}
}

func TestDefaultFollowsGOMEMLIMIT(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "300MiB") // the runtime has read it at the start
	before := debug.SetMemoryLimit(300 << 20)
	defer debug.SetMemoryLimit(before)
	b, err := Default()
	if err != nil || b.Limit != 300<<20 || b.Source != "GOMEMLIMIT" {
		t.Fatalf("%+v, %v", b, err)
	}
	t.Setenv("GOMEMLIMIT", "")
	if b, err = Default(); err != nil || b.Limit < Least {
		t.Fatalf("%+v, %v", b, err)
	}
}

// The runtime's limit is the budget's, whether GOMEMLIMIT was less or more before.
func TestTheBudgetIsTheRuntimesLimit(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	for _, gomemlimit := range []int64{1 << 20, Least, 1 << 30, 1 << 40} {
		for _, limit := range []int64{Least, 256 << 20, 1 << 30, 8 << 30} {
			debug.SetMemoryLimit(gomemlimit)
			b, err := New(limit, "--memory")
			if err != nil {
				t.Fatal(err)
			}
			b.Enforce()
			if got := debug.SetMemoryLimit(-1); got != limit-program {
				t.Errorf("--memory %d beside GOMEMLIMIT %d: the runtime's limit is %d, want %d", limit, gomemlimit, got, limit-program)
			}
		}
	}
}
