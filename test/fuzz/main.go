// Command fuzz runs every fuzzer of the module, one after another, and writes the results to a page; `make fuzz-full`
// runs it. go test stores failing inputs in the package's testdata/fuzz; commit them with the fix.
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"time"

	"chordconductor/test/internal/section"
)

func main() {
	root := flag.String("root", "..", "the module's `directory`")
	out := flag.String("out", "", "`file` whose table of results is replaced")
	each := flag.Duration("time", 10*time.Minute, "how long each fuzzer runs")
	only := flag.String("run", ".", "`pattern` of the fuzzers' names")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *root, *out, *each, *only); err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

// A fuzzer is a function of a package's tests.
type fuzzer struct{ dir, name string }

// A result is the outcome of a fuzzer's run.
type result struct {
	fuzzer
	execs, inputs int // executions; inputs kept because they cover new code
	took          time.Duration
	failed        bool
}

func run(ctx context.Context, root, out string, each time.Duration, only string) error {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	all, err := find(root)
	if err != nil {
		return err
	}
	var results []result
	var failed []string
	for _, f := range all {
		if !pattern.MatchString(f.name) {
			continue
		}
		fmt.Printf("== %s in ./%s\n", f.name, f.dir)
		r, err := f.run(ctx, root, each)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("cannot run fuzzer %s in ./%s: %w", f.name, f.dir, err)
		}
		if results = append(results, r); r.failed {
			failed = append(failed, f.name)
		}
	}
	if len(results) == 0 {
		return fmt.Errorf("no fuzzer is called %q", only)
	}
	if out != "" {
		if err := section.Replace(out, "fuzz", table(results)); err != nil {
			return err
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("fuzzers that failed: %s", strings.Join(failed, ", "))
	}
	return nil
}

var declaration = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)

// find returns the fuzzers of a module.
func find(root string) (all []fuzzer, err error) {
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && path != root {
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil || name == "node_modules" || name == "testdata" || strings.HasPrefix(name, ".") {
				return filepath.SkipDir
			}
		}
		if entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		for _, m := range declaration.FindAllSubmatch(source, -1) {
			all = append(all, fuzzer{filepath.ToSlash(dir), string(m[1])})
		}
		return err
	})
	sort.Slice(all, func(i, j int) bool { return all[i].dir+all[i].name < all[j].dir+all[j].name })
	return all, err
}

// progress matches the line that go test prints every few seconds.
var progress = regexp.MustCompile(`elapsed: (\S+), execs: (\d+) .*new interesting: (\d+)`)

// run runs a fuzzer. It returns an error only if the fuzzer cannot run; failing inputs are part of the result.
func (f fuzzer) run(ctx context.Context, root string, each time.Duration) (result, error) {
	// The default would minimize each input that covers new code for up to a minute.
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-fuzz", "^"+f.name+"$", "-fuzztime", each.String(), "-fuzzminimizetime", "2s", "./"+f.dir)
	cmd.Dir = root
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	var text bytes.Buffer
	cmd.Stdout = io.MultiWriter(os.Stdout, &text)
	cmd.Stderr = cmd.Stdout
	err := cmd.Run()
	r := result{fuzzer: f}
	for lines := bufio.NewScanner(&text); lines.Scan(); {
		if m := progress.FindStringSubmatch(lines.Text()); m != nil {
			r.took, _ = time.ParseDuration(m[1])
			r.execs, _ = strconv.Atoi(m[2])
			r.inputs, _ = strconv.Atoi(m[3])
		}
	}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && r.execs > 0:
		r.failed = true
	case err != nil:
		return r, err
	}
	return r, nil
}

// table returns the results as Markdown.
func table(results []result) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s, %s, %d processors.\n\n", time.Now().UTC().Format(time.DateOnly), runtime.Version(), runtime.GOMAXPROCS(0))
	text.WriteString("| fuzzer | package | time | executions | new inputs | |\n|-|-|-|-|-|-|\n")
	for _, r := range results {
		verdict := "clean"
		if r.failed {
			verdict = "**failed**"
		}
		fmt.Fprintf(&text, "| %s | %s | %s | %d | %d | %s |\n", r.name, r.dir, r.took.Round(time.Second), r.execs, r.inputs, verdict)
	}
	return text.String()
}
