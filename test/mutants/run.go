package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

type verdict string

const (
	killed   verdict = "killed"
	survived verdict = "survived"
	invalid  verdict = "does not compile"
)

// An outcome is a mutant's result.
type outcome struct {
	mutant
	verdict verdict
	by      string // what killed it
	took    time.Duration
}

// A runner runs a suite's stages on mutants.
type runner struct {
	root    string
	stages  func(dir string) []stage
	limits  map[string]time.Duration // of stages, by the unchanged program
	verbose bool
}

// measure runs every stage on the unchanged program, which must pass, and sets the time limits.
func (r *runner) measure(ctx context.Context, dirs []string) error {
	for _, dir := range dirs {
		for _, s := range r.stages(dir) {
			if _, done := r.limits[s.String()]; done {
				continue
			}
			out, took, err := r.test(ctx, s, "", time.Hour)
			if err != nil {
				return fmt.Errorf("%v fails without a mutant: %w\n%s", s, err, out)
			}
			r.limits[s.String()] = 5*took + time.Minute // on a machine that may be busier later
		}
	}
	return nil
}

// run gives a mutant to the stages of its directory until one notices it.
func (r *runner) run(ctx context.Context, m mutant) (outcome, error) {
	o := outcome{mutant: m, verdict: survived}
	overlay, remove, err := r.overlay(m)
	if err != nil {
		return o, err
	}
	defer remove()
	dir := filepath.Dir(m.file)
	begin := time.Now()
	build := exec.CommandContext(ctx, "go", "build", "-overlay", overlay, "./"+dir)
	build.Dir = r.root
	if out, err := build.CombinedOutput(); err != nil {
		if r.verbose {
			fmt.Printf("%s\n", out)
		}
		o.verdict = invalid
		return o, ctx.Err()
	}
	for _, s := range r.stages(dir) {
		out, _, err := r.test(ctx, s, overlay, r.limits[s.String()])
		if ctx.Err() != nil {
			return o, ctx.Err()
		}
		if err != nil {
			o.verdict, o.by = killed, s.name+", "+reason(out, err)
			if r.verbose {
				fmt.Printf("%s\n", out)
			}
			break
		}
	}
	o.took = time.Since(begin)
	return o, nil
}

var errTooLong = errors.New("time limit")

// test runs one stage, with an overlay if there is one.
func (r *runner) test(ctx context.Context, s stage, overlay string, limit time.Duration) ([]byte, time.Duration, error) {
	limited, cancel := context.WithTimeoutCause(ctx, limit, errTooLong)
	defer cancel()
	args := []string{"test", "-count=1", "-failfast", "-vet=off", "-timeout", limit.String()}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	cmd := exec.CommandContext(limited, "go", append(args, s.args...)...)
	cmd.Dir = r.root
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // the test binary, too
	cmd.WaitDelay = 10 * time.Second
	begin := time.Now()
	out, err := cmd.CombinedOutput()
	if context.Cause(limited) == errTooLong {
		err = errTooLong
	}
	return out, time.Since(begin), err
}

// reason is the first test that failed, or how else the run ended.
func reason(out []byte, err error) string {
	if errors.Is(err, errTooLong) {
		return "time limit"
	}
	for line := range strings.SplitSeq(string(out), "\n") {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "--- FAIL: "); ok {
			name, _, _ = strings.Cut(name, " ")
			return name
		}
		if strings.HasPrefix(line, "panic: test timed out") {
			return "time limit"
		}
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			return "panic"
		}
	}
	return err.Error()
}

// overlay writes the changed file and the list that puts it in the other's place, in a directory of their own.
func (r *runner) overlay(m mutant) (list string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return "", nil, err
	}
	remove = func() { os.RemoveAll(dir) }
	defer func() {
		if err != nil {
			remove()
		}
	}()
	file := filepath.Join(r.root, m.file)
	source, err := os.ReadFile(file)
	if err != nil {
		return "", nil, err
	}
	changed := filepath.Join(dir, "mutant.go")
	if err := os.WriteFile(changed, m.apply(source), 0o600); err != nil {
		return "", nil, err
	}
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{file: changed}})
	if err != nil {
		return "", nil, err
	}
	list = filepath.Join(dir, "overlay.json")
	return list, remove, os.WriteFile(list, text, 0o600)
}
