package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// results stores outcomes in a file, one per line, so that an interrupted run can continue. Without a file it stores
// nothing. A mutant is identified by its position and its change, so after an edit there it counts as another mutant.
type results struct {
	file string
	of   map[string]result
}

// A result is a line of the file.
type result struct {
	Mutant  string  `json:"mutant"`
	Verdict verdict `json:"verdict"`
	Stage   string  `json:"stage,omitempty"`
	By      string  `json:"by,omitempty"`
	Seconds float64 `json:"seconds"`
}

// readResults reads the file, if there is one. A later line of a mutant replaces an earlier one.
func readResults(file string) (*results, error) {
	r := &results{file, map[string]result{}}
	if file == "" {
		return r, nil
	}
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		var one result
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, n, err)
		}
		r.of[one.Mutant] = one
	}
	return r, lines.Err()
}

// get returns the stored outcome of m, if there is one. With again, it returns none for a survivor, which is then run
// again: tests may have been added.
func (r *results) get(m mutant, again bool) (outcome, bool) {
	one, ok := r.of[m.key()]
	if !ok || again && one.Verdict == survived {
		return outcome{}, false
	}
	return outcome{m, one.Verdict, one.Stage, one.By, time.Duration(one.Seconds * float64(time.Second))}, true
}

// add appends an outcome to the file.
func (r *results) add(o outcome) error {
	if r.file == "" {
		return nil
	}
	line, err := json.Marshal(result{o.key(), o.verdict, o.stage, o.by, o.took.Seconds()})
	if err != nil {
		return err
	}
	f, err := os.OpenFile(r.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}
