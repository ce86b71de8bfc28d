package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

type verdict string

const (
	killed   verdict = "killed"   // a test failed
	tooLong  verdict = "too long" // the tests used far more time than without the mutant
	survived verdict = "survived"
	invalid  verdict = "does not compile"
)

// An outcome is a mutant's result.
type outcome struct {
	mutant
	verdict verdict
	stage   string // that noticed the mutant
	by      string // the test that noticed the mutant
	took    time.Duration
}

// A limit ends a run of tests. CPU time detects an endless loop even on a busy machine; passed time detects endless
// waiting.
type limit struct{ cpu, passed time.Duration }

// after returns a stage's limits from the times that the stage uses without a mutant.
func after(u limit) limit { return limit{3*u.cpu + 10*time.Second, 6*u.passed + 3*time.Minute} }

// A runner runs a suite's stages on mutants.
type runner struct {
	root    string
	stages  func(dir string) []stage
	verbose bool
	mu      sync.Mutex
	limits  map[string]limit // of stages; under mu
}

// run runs the stages of a mutant's directory until one notices the mutant. Each package of tests is built once. A stage
// that exceeded its passed time, as it may on a busy machine, runs again with three times the limit.
func (r *runner) run(ctx context.Context, m mutant) (outcome, error) {
	o := outcome{mutant: m, verdict: survived}
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return o, err
	}
	defer os.RemoveAll(dir)
	if err := r.overlay(m, dir); err != nil {
		return o, err
	}
	begin := time.Now()
	for _, s := range r.stages(filepath.Dir(m.file)) {
		limit, err := r.limit(ctx, s)
		if err != nil {
			return o, err
		}
		binary, out, err := r.build(ctx, s, dir)
		if ctx.Err() != nil {
			return o, ctx.Err()
		}
		if err != nil {
			if r.verbose {
				fmt.Printf("%s\n", out)
			}
			o.verdict = invalid
			return o, nil
		}
		out, _, err = r.test(ctx, s, binary, limit)
		if errors.Is(err, errTooLong) {
			limit.passed *= 3
			out, _, err = r.test(ctx, s, binary, limit)
		}
		if ctx.Err() != nil {
			return o, ctx.Err()
		}
		if err != nil {
			if r.verbose {
				fmt.Printf("%s\n", out)
			}
			o.verdict, o.stage, o.by = killed, s.name, reason(out, err)
			if isLimit(err) {
				o.verdict = tooLong
			}
			break
		}
	}
	o.took = time.Since(begin)
	return o, nil
}

// limit returns a stage's limits. The first call for a stage runs it without a mutant, which must pass.
func (r *runner) limit(ctx context.Context, s stage) (limit, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l, ok := r.limits[s.String()]; ok {
		return l, nil
	}
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return limit{}, err
	}
	defer os.RemoveAll(dir)
	binary, out, err := r.build(ctx, s, dir)
	if err != nil {
		return limit{}, fmt.Errorf("%v does not compile without a mutant: %w\n%s", s, err, out)
	}
	out, used, err := r.test(ctx, s, binary, limit{time.Hour, 4 * time.Hour})
	if err != nil {
		return limit{}, fmt.Errorf("%v fails without a mutant: %w\n%s", s, err, out)
	}
	r.limits[s.String()] = after(used)
	fmt.Printf("without a mutant %s takes %v, of CPU time %v\n", s.name, used.passed.Round(time.Second), used.cpu.Round(time.Second))
	return r.limits[s.String()], nil
}

// build builds a stage's test binary in dir, unless it has been built there before. If dir has an overlay with a
// mutant, the binary is built with it.
func (r *runner) build(ctx context.Context, s stage, dir string) (binary string, out []byte, err error) {
	binary = filepath.Join(dir, strings.ReplaceAll(s.dir, "/", "-")+".test")
	if _, err := os.Stat(binary); err == nil {
		return binary, nil, nil
	}
	args := []string{"test", "-c", "-ldflags=-s -w", "-o", binary}
	overlay := filepath.Join(dir, overlayName)
	if _, err := os.Stat(overlay); err == nil {
		args = append(args, "-overlay", overlay)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./"+s.dir)...)
	cmd.Dir = r.root
	out, err = cmd.CombinedOutput()
	return binary, out, err
}

var (
	errTooLong = errors.New("time limit")
	errTooMuch = errors.New("limit of CPU time")
	errWaits   = errors.New("the tests block without end")
)

func isLimit(err error) bool {
	return errors.Is(err, errTooLong) || errors.Is(err, errTooMuch) || errors.Is(err, errWaits)
}

// A mutant may allocate without end. The shell limits its address space to 6 GB, and its CPU time, where it can.
const limited = `ulimit -v 6000000 2>/dev/null; ulimit -t "$1"; shift; exec "$@"`

// test runs one stage and returns the output and the times that it used.
func (r *runner) test(ctx context.Context, s stage, binary string, most limit) ([]byte, limit, error) {
	inTime, stop := context.WithTimeoutCause(ctx, most.passed, errTooLong)
	defer stop()
	waits, cancel := context.WithCancelCause(inTime)
	defer cancel(nil)
	args := []string{"-c", limited, "sh", fmt.Sprint(int(most.cpu.Seconds())), binary, "-test.failfast", "-test.timeout=0"}
	cmd := exec.CommandContext(waits, "sh", append(args, s.args...)...)
	cmd.Dir = filepath.Join(r.root, s.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // also kills the processes that it started
	cmd.WaitDelay = 10 * time.Second
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	begin := time.Now()
	err := cmd.Start()
	if err == nil {
		go func() {
			if idle(waits, cmd.Process.Pid) {
				cancel(errWaits)
			}
		}()
		err = cmd.Wait()
	}
	used := limit{passed: time.Since(begin)}
	if cmd.ProcessState != nil {
		used.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	switch {
	case err == nil:
	case isLimit(context.Cause(waits)):
		err = context.Cause(waits)
	case used.cpu > most.cpu-time.Second:
		err = errTooMuch
	}
	return text.Bytes(), used, err
}

// idle reports whether a process has used no CPU time for long; false if the context ends first. Even on a busy machine
// a process that can run gets some. On systems that do not report CPU time, no process is idle.
func idle(ctx context.Context, pid int) bool {
	const often, most = 10 * time.Second, 9
	before, times := "", 0
	for ticks := time.Tick(often); times < most; {
		select {
		case <-ctx.Done():
			return false
		case <-ticks:
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return false
		}
		used := strings.Join(strings.Fields(string(stat))[13:15], " ") // clock ticks of 10 ms, of the user and of the system
		if times++; used != before {
			before, times = used, 0
		}
	}
	return true
}

// reason returns the first test that failed, or else how the run ended.
func reason(out []byte, err error) string {
	if isLimit(err) {
		return err.Error()
	}
	for line := range strings.SplitSeq(string(out), "\n") {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "--- FAIL: "); ok {
			name, _, _ = strings.Cut(name, " ")
			return name
		}
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			return "panic"
		}
	}
	return err.Error()
}

const overlayName = "overlay.json"

// overlay writes the changed file to dir, and the list with which `go test -overlay` replaces the original.
func (r *runner) overlay(m mutant, dir string) error {
	file := filepath.Join(r.root, m.file)
	source, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	changed := filepath.Join(dir, "mutant.go")
	if err := os.WriteFile(changed, m.apply(source), 0o600); err != nil {
		return err
	}
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{file: changed}})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, overlayName), text, 0o600)
}
