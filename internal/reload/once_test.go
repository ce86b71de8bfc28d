package reload

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Any mixture of files, named pipes and pipes of /dev/fd, used by any number of values: a pipe is read once, however
// often values are loaded, and a change of a file is followed.
func TestPipesAreReadOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		var names, contents []string
		var regular []bool
		var writers sync.WaitGroup
		defer writers.Wait()
		for i := range rapid.IntRange(1, 4).Draw(rt, "files") {
			name, content := filepath.Join(dir, fmt.Sprint(i)), strings.Repeat(fmt.Sprint(i), rapid.SampledFrom([]int{1, 100, 100_000}).Draw(rt, "bytes"))
			kind := rapid.SampledFrom([]string{"file", "named pipe", "/dev/fd"}).Draw(rt, "kind")
			switch kind {
			case "file":
				if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
					rt.Fatal(err)
				}
			case "named pipe":
				if err := syscall.Mkfifo(name, 0o600); err != nil {
					rt.Fatal(err)
				}
				writers.Go(func() { _ = os.WriteFile(name, []byte(content), 0o600) }) // what is missing the test sees
			case "/dev/fd":
				r, w, err := os.Pipe()
				if err != nil {
					rt.Fatal(err)
				}
				defer r.Close()
				name = filepath.Join(dir, fmt.Sprint(i, "-link"))
				if err := os.Symlink(fmt.Sprintf("/dev/fd/%d", r.Fd()), name); err != nil { // as its number is used again by the next run
					rt.Fatal(err)
				}
				writers.Go(func() {
					_, _ = w.WriteString(content)
					w.Close()
				})
			}
			names, contents, regular = append(names, name), append(contents, content), append(regular, kind == "file")
		}
		now := time.Now()
		var values []*Value[string]
		var reported []error
		for range rapid.IntRange(1, 3).Draw(rt, "values") {
			v, err := New(func(err error) { reported = append(reported, err) }, func() (string, error) {
				var all string
				for _, name := range names {
					data, err := ReadFile(name)
					if err != nil {
						return "", err
					}
					all += string(data)
				}
				return all, nil
			}, names...)
			if err != nil {
				rt.Fatal(err)
			}
			v.now, v.checked = func() time.Time { return now }, now
			values = append(values, v)
		}
		for range rapid.IntRange(0, 4).Draw(rt, "changes") {
			i := rapid.IntRange(0, len(names)-1).Draw(rt, "of")
			if regular[i] {
				contents[i] += "x"
				if err := os.WriteFile(names[i], []byte(contents[i]), 0o600); err != nil {
					rt.Fatal(err)
				}
			}
			now = now.Add(every)
			for _, v := range values {
				if v.Get() != strings.Join(contents, "") || len(reported) > 0 {
					rt.Fatalf("not the contents of the files; reported %v", reported)
				}
			}
		}
	})
}

// A file that is replaced by a pipe is reported, and the pipe is not waited for.
func TestAFileBecomesAPipe(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	var reported []error
	v, err := New(func(err error) { reported = append(reported, err) }, func() (string, error) {
		data, err := ReadFile(name)
		return string(data), err
	}, name)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	v.now = func() time.Time { return now }
	if err := errors.Join(os.Remove(name), syscall.Mkfifo(name, 0o600)); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		now = now.Add(every)
		if got := v.Get(); got != "1" || len(reported) != 1 || !strings.Contains(reported[0].Error(), name) {
			t.Errorf("%q, reported %v", got, reported)
		}
	}
	if err := errors.Join(os.Remove(name), os.WriteFile(name, []byte("2"), 0o600)); err != nil {
		t.Fatal(err)
	}
	now = now.Add(every)
	if got := v.Get(); got != "2" || len(reported) != 1 {
		t.Errorf("%q, reported %v", got, reported)
	}
}

// A device without an end is refused.
func TestAnEndlessFile(t *testing.T) {
	if _, err := ReadFile("/dev/zero"); err == nil || !strings.Contains(err.Error(), "/dev/zero") {
		t.Errorf("%v", err)
	}
}

// A file of any kind and size: its content, or above the bound an error that names file and bound. No more is read than
// the bound: a device never ends.
func TestFilesAreBounded(t *testing.T) {
	for name, bytes := range map[string]int{"empty": 0, "small": 100, "at the bound": maxBytes, "above it": maxBytes + 1, "large": 64 * maxBytes} {
		file, pipe := filepath.Join(t.TempDir(), "file"), filepath.Join(t.TempDir(), "pipe")
		if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Truncate(file, int64(bytes)), syscall.Mkfifo(pipe, 0o600)); err != nil {
			t.Fatal(err)
		}
		var writer sync.WaitGroup
		writer.Go(func() { _ = os.WriteFile(pipe, make([]byte, bytes), 0o600) }) // fails where the reader stops early
		for _, path := range []string{file, pipe, "/dev/zero"} {
			data, err := ReadFile(path)
			if path != "/dev/zero" && bytes <= maxBytes {
				if err != nil || len(data) != bytes {
					t.Errorf("%s, %s: %d of %d bytes, %v", name, path, len(data), bytes, err)
				}
				continue
			}
			if err == nil || len(data) > 0 || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), fmt.Sprint(maxBytes)) {
				t.Errorf("%s, %s: %d bytes, %v", name, path, len(data), err)
			}
		}
		writer.Wait()
	}
}

// A file that has become too large is reported once, and the value stays as it was until the file can be used again.
func TestAFileGrowsTooLarge(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	var reported []error
	v, err := New(func(err error) { reported = append(reported, err) }, func() (string, error) {
		data, err := ReadFile(name)
		return string(data), err
	}, name)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	v.now = func() time.Time { return now }
	for _, size := range []int64{maxBytes + 1, 2 * maxBytes, maxBytes + 1, 1} {
		if err := os.Truncate(name, size); err != nil {
			t.Fatal(err)
		}
		now = now.Add(every)
		if got := v.Get(); got != "1" || len(reported) != 1 {
			t.Errorf("%d bytes: value of %d bytes, reported %v", size, len(got), reported)
		}
	}
}
