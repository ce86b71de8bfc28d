package simtest

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// planText is a plan with its seed, in the form that -plan accepts.
func planText(seed uint64, p plan) string { return fmt.Sprintf("seed=%d %v", seed, p) }

// parsePlan parses the output of planText: the ring in the first line, a step in each of the others. Lines that begin
// with # are comments.
func parsePlan(text string) (seed uint64, p plan, err error) {
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(text), "\n"), func(line string) bool { return strings.HasPrefix(line, "#") })
	if len(lines) == 0 {
		return 0, p, fmt.Errorf("no plan")
	}
	for _, field := range strings.Fields(lines[0]) {
		name, value, _ := strings.Cut(field, "=")
		switch name {
		case "seed":
			seed, err = strconv.ParseUint(value, 10, 64)
		case "m":
			p.bits, err = strconv.Atoi(value)
		case "r":
			p.successors, err = strconv.Atoi(value)
		case "R":
			p.replicas, err = strconv.Atoi(value)
		case "hosts":
			p.hosts, err = strconv.Atoi(value)
		case "keys":
			p.keys, err = strconv.Atoi(value)
		case "value":
			p.value, err = strconv.Atoi(value)
		case "sizes":
			p.sizes, err = parseList(value, strconv.Atoi)
		case "memory":
			p.memory, err = parseList(value, func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) })
		case "clocks":
			p.skews, err = parseList(value, time.ParseDuration)
		case "loss":
			p.loss, err = strconv.ParseFloat(value, 64)
		case "rest":
			p.rest, err = time.ParseDuration(value)
		case "fill":
			p.fill = true
		case "delay":
			p.delay, err = parseDelay(value)
		default:
			err = fmt.Errorf("not a field of a plan")
		}
		if err != nil {
			return 0, plan{}, fmt.Errorf("%s: %w", field, err)
		}
	}
	for _, line := range lines[1:] {
		s, err := parseStep(line)
		if err != nil {
			return 0, plan{}, fmt.Errorf("step %q: %w", line, err)
		}
		p.steps = append(p.steps, s)
	}
	if p.hosts < 1 || p.keys < 1 || p.replicas < 1 || p.successors < 1 {
		return 0, plan{}, fmt.Errorf("hosts, keys, r and R must be at least 1")
	}
	return seed, p, nil
}

func parseList[T any](text string, parse func(string) (T, error)) ([]T, error) {
	var all []T
	for part := range strings.SplitSeq(text, ",") {
		v, err := parse(part)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

func parseDelay(text string) (d delay, err error) {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return d, fmt.Errorf("must be KIND:TIME:TIME")
	}
	d.kind = parts[0]
	if d.a, err = time.ParseDuration(parts[1]); err == nil {
		d.b, err = time.ParseDuration(parts[2])
	}
	return d, err
}

func parseStep(line string) (s step, err error) {
	fields := strings.Fields(line)
	if len(fields) < 2 {
		return s, fmt.Errorf("must be TIME KIND …")
	}
	if s.at, err = time.ParseDuration(fields[0]); err != nil {
		return s, err
	}
	s.kind = kind(fields[1])
	for _, field := range fields[2:] {
		name, value, _ := strings.Cut(field, "=")
		switch name {
		case "host":
			s.host, err = strconv.Atoi(value)
		case "n":
			s.n, err = strconv.Atoi(value)
		case "for":
			s.dur, err = time.ParseDuration(value)
		default:
			err = fmt.Errorf("%s: not a field of a step", name)
		}
		if err != nil {
			return s, err
		}
	}
	return s, nil
}

// TestPlanText: the text of a failing plan parses as the same plan.
func TestPlanText(t *testing.T) {
	for seed := range uint64(2 * cycleLength) {
		p := draw(seed)
		gotSeed, got, err := parsePlan(planText(seed, p))
		if err != nil || gotSeed != seed || !reflect.DeepEqual(got, p) {
			t.Fatalf("seed %d: read back as seed %d, %v\n%+v\n%+v", seed, gotSeed, err, got, p)
		}
	}
	for _, bad := range []string{"", "m=x", "seed=1 hosts=0 keys=1 r=1 R=1", "seed=1 m=3 nonsense", "hosts=1 keys=1 r=1 R=1\n1s", "hosts=1 keys=1 r=1 R=1\n1s put host=x"} {
		if _, _, err := parsePlan(bad); err == nil {
			t.Errorf("%q is read as a plan", bad)
		}
	}
}
