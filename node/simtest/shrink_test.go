package simtest

import "slices"

// shrink looks for the shortest part of a failing plan that still fails: it leaves out ever smaller stretches of steps,
// until no single step can be left out, or budget runs have been spent.
func shrink(seed uint64, p plan, err error, budget int) (plan, error) {
	for size := (len(p.steps) + 1) / 2; size > 0; {
		shorter := false
		for start := 0; start < len(p.steps) && budget > 0; {
			try := p
			try.steps = slices.Delete(slices.Clone(p.steps), start, min(start+size, len(p.steps)))
			budget--
			if _, failed := run(seed, try); failed != nil {
				p, err, shorter = try, failed, true
			} else {
				start += size
			}
		}
		switch {
		case budget == 0:
			return p, err
		case size > 1:
			size /= 2
		case !shorter:
			return p, err
		}
	}
	return p, err
}
