package emissions

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"go.opentelemetry.io/otel/attribute"

	"chordconductor/otel/chordevent"
)

// A Recorder keeps the names emitted, their attributes, and the values of string attributes. Its
// memory grows with the vocabulary and with the identifiers that a test uses, so only tests may use
// it.
type Recorder struct {
	mu   sync.Mutex // a program emits from several goroutines, even while a test compares
	seen map[name]map[attribute.Key]map[string]bool
	// zeros has, for each counter, the sets of attributes with which it was written with value 0.
	zeros map[string]map[attribute.Distinct]bool
}

type name struct{ signal, name string }

// New returns an empty Recorder.
func New() *Recorder {
	return &Recorder{seen: map[name]map[attribute.Key]map[string]bool{}, zeros: map[string]map[attribute.Distinct]bool{}}
}

func (r *Recorder) note(signal, of string, attributes ...attribute.KeyValue) {
	r.mu.Lock()
	defer r.mu.Unlock()
	keys := r.keys(name{signal, of})
	for _, a := range attributes {
		if keys[a.Key] == nil {
			keys[a.Key] = map[string]bool{}
		}
		if a.Value.Type() == attribute.STRING {
			keys[a.Key][a.Value.AsString()] = true
		}
	}
}

// keys returns the attributes recorded for a name, each with its values. The caller holds the lock.
func (r *Recorder) keys(of name) map[attribute.Key]map[string]bool {
	if r.seen[of] == nil {
		r.seen[of] = map[attribute.Key]map[string]bool{}
	}
	return r.seen[of]
}

// Undocumented lists what has been emitted and is not in the vocabulary. Spans with other names than chord.* belong to
// OpenTelemetry's instrumentation, and are left out.
func (r *Recorder) Undocumented(vocabulary []chordevent.Entry) (list []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	entries := map[name]chordevent.Entry{}
	for _, e := range vocabulary {
		entries[name{e.Signal, e.Name}] = e
	}
	for n, keys := range r.seen {
		e, known := entries[n]
		if !known {
			list = append(list, fmt.Sprintf("%s: %s", n.signal, n.name))
			continue
		}
		for key, values := range keys {
			words, enumerated := e.Values[key]
			if !slices.Contains(e.Attributes, key) {
				list = append(list, fmt.Sprintf("%s: %s: %s", n.signal, n.name, key))
			}
			for value := range values {
				if enumerated && !slices.Contains(words, value) {
					list = append(list, fmt.Sprintf("%s: %s: %s=%s", n.signal, n.name, key, value))
				}
			}
		}
	}
	slices.Sort(list)
	return list
}

// Unseen lists what is in the vocabulary and has not been emitted.
func (r *Recorder) Unseen(vocabulary []chordevent.Entry) (list []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range vocabulary {
		keys, seen := r.seen[name{e.Signal, e.Name}]
		if !seen {
			list = append(list, fmt.Sprintf("%s: %s", e.Signal, e.Name))
			continue
		}
		for _, key := range e.Attributes {
			values, seen := keys[key]
			if !seen {
				list = append(list, fmt.Sprintf("%s: %s: %s", e.Signal, e.Name, key))
				continue
			}
			for _, value := range e.Values[key] {
				if !values[value] {
					list = append(list, fmt.Sprintf("%s: %s: %s=%s", e.Signal, e.Name, key, value))
				}
			}
		}
	}
	slices.Sort(list)
	return list
}

// Unstarted lists the counters that do not begin with 0 for each value of their enumerated
// attributes: the function rate of PromQL misses the first step of a counter that begins above 0.
func (r *Recorder) Unstarted(counters []*chordevent.Metric) (list []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range counters {
		for _, set := range m.Series() {
			if !r.zeros[m.Name][set.Equivalent()] {
				list = append(list, fmt.Sprintf("%s: %s", m.Name, set.Encoded(attribute.DefaultEncoder())))
			}
		}
	}
	return list
}

// Merge adds what another Recorder has recorded. The other Recorder must not be in use.
func (r *Recorder) Merge(other *Recorder) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n, keys := range other.seen {
		into := r.keys(n)
		for key, values := range keys {
			if into[key] == nil {
				into[key] = map[string]bool{}
			}
			maps.Copy(into[key], values)
		}
	}
}
