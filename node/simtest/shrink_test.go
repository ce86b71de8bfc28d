package simtest

import (
	"slices"
)

// shrink searches for the least part of a failing plan that still breaks the same promise: a simpler ring, and ever
// smaller runs of steps left out, until no single one can be, or budget runs have been spent.
func shrink(seed uint64, p plan, err error, budget int) (plan, error) {
	want := promiseOf(seed, p)
	fails := func(try plan) bool {
		if budget <= 0 {
			return false
		}
		budget--
		o, failed := run(seed, try)
		if failed == nil || o.wrong[0].promise != want {
			return false
		}
		p, err = try, failed
		return true
	}
	for _, simpler := range []func(*plan){
		func(p *plan) { p.loss = 0 },
		func(p *plan) { p.memory = nil },
		func(p *plan) { p.skews = nil },
		func(p *plan) { p.delay = delay{} },
		func(p *plan) { p.fill = false },
		func(p *plan) { p.rest = 0 },
		func(p *plan) { p.sizes = []int{1} },
	} {
		try := p
		simpler(&try)
		fails(try)
	}
	for size := (len(p.steps) + 1) / 2; size > 0 && budget > 0; {
		shorter := false
		for start := 0; start < len(p.steps) && budget > 0; {
			try := p
			try.steps = slices.Delete(slices.Clone(p.steps), start, min(start+size, len(p.steps)))
			if fails(try) {
				shorter = true
			} else {
				start += size
			}
		}
		if size > 1 {
			size /= 2
		} else if !shorter {
			break
		}
	}
	for p.hosts > 1 {
		try := p
		try.hosts--
		if !fails(try) {
			break
		}
	}
	return p, err
}

func promiseOf(seed uint64, p plan) promise {
	if o, err := run(seed, p); err != nil {
		return o.wrong[0].promise
	}
	return ""
}
