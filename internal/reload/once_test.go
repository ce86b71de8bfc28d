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

// For any mixture of files, named pipes and pipes of /dev/fd that any number of values use: a pipe
// is read once, however often values are loaded, and the values follow changes of the files.
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
				writers.Go(func() { _ = os.WriteFile(name, []byte(content), 0o600) }) // if this fails, the test finds the content missing
			case "/dev/fd":
				r, w, err := os.Pipe()
				if err != nil {
					rt.Fatal(err)
				}
				defer r.Close()
				name = filepath.Join(dir, fmt.Sprint(i, "-link"))
				if err := os.Symlink(fmt.Sprintf("/dev/fd/%d", r.Fd()), name); err != nil { // a link, since the next run reuses the number of the descriptor
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
					rt.Fatalf("the value is not the contents of the files; reported errors: %v", reported)
				}
			}
		}
	})
}

// A regular file that is replaced by a pipe is reported as an error, and the pipe is not waited
// for.
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
			t.Errorf("while the file is a pipe the value is %q, reported errors: %v", got, reported)
		}
	}
	if err := errors.Join(os.Remove(name), os.WriteFile(name, []byte("2"), 0o600)); err != nil {
		t.Fatal(err)
	}
	now = now.Add(every)
	if got := v.Get(); got != "2" || len(reported) != 1 {
		t.Errorf("after the file is regular again the value is %q, reported errors: %v", got, reported)
	}
}

// Reading a device that never ends is an error.
func TestAnEndlessFile(t *testing.T) {
	if _, err := ReadFile("/dev/zero"); err == nil || !strings.Contains(err.Error(), "/dev/zero") {
		t.Errorf("error %v, want one that names the device", err)
	}
}

// For a file of any kind and size, ReadFile returns its content or, if it is above the bound, an
// error that names the file and the bound. ReadFile reads no further than the bound, since a device
// may never end.
func TestFilesAreBounded(t *testing.T) {
	for name, bytes := range map[string]int{"empty": 0, "small": 100, "at the bound": maxBytes, "above it": maxBytes + 1, "large": 64 * maxBytes} {
		file, pipe := filepath.Join(t.TempDir(), "file"), filepath.Join(t.TempDir(), "pipe")
		if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Truncate(file, int64(bytes)), syscall.Mkfifo(pipe, 0o600)); err != nil {
			t.Fatal(err)
		}
		var writer sync.WaitGroup
		writer.Go(func() { _ = os.WriteFile(pipe, make([]byte, bytes), 0o600) }) // fails if the reader stops early
		for _, path := range []string{file, pipe, "/dev/zero"} {
			data, err := ReadFile(path)
			if path != "/dev/zero" && bytes <= maxBytes {
				if err != nil || len(data) != bytes {
					t.Errorf("%s, %s: read %d of %d bytes: %v", name, path, len(data), bytes, err)
				}
				continue
			}
			if err == nil || len(data) > 0 || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), fmt.Sprint(maxBytes)) {
				t.Errorf("%s, %s: read %d bytes, and got the error %v, want one that names file and bound", name, path, len(data), err)
			}
		}
		writer.Wait()
	}
}

// A file that has become too large is reported once, and the value stays as it was until the file
// can be used again.
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
			t.Errorf("a file of %d bytes: the value has %d bytes, reported errors: %v", size, len(got), reported)
		}
	}
}
