package reload

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A value follows its files within a second, however they change; files that cannot be used leave it as it is, and are
// reported once for each change.
func TestValue(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	link, second := filepath.Join(dir, "link"), write("second", "-2")
	if err := os.Symlink(write("first", "1"), link); err != nil {
		t.Fatal(err)
	}
	var reported []error
	broken := errors.New("broken")
	v, err := New(func(err error) { reported = append(reported, err) }, func() (string, error) {
		a, errA := os.ReadFile(link)
		b, errB := os.ReadFile(second)
		if string(a) == "broken" {
			errA = broken
		}
		return string(a) + string(b), errors.Join(errA, errB)
	}, link, second)
	if err != nil || v.Get() != "1-2" {
		t.Fatal(v.Get(), err)
	}
	now := time.Now()
	v.now = func() time.Time { return now }
	v.checked = now
	for _, step := range []struct {
		name     string
		change   func()
		want     string
		reported int
	}{
		{"nothing", func() {}, "1-2", 0},
		{"written to", func() { write("first", "one") }, "one-2", 0},
		{"the other one", func() { write("second", "-two") }, "one-two", 0},
		{"link exchanged", func() {
			if err := errors.Join(os.Remove(link), os.Symlink(write("third", "3"), link)); err != nil {
				t.Fatal(err)
			}
		}, "3-two", 0},
		{"broken", func() { write("third", "broken") }, "3-two", 1},
		{"still broken", func() {}, "3-two", 1},
		{"whole again", func() { write("third", "4") }, "4-two", 1},
		{"gone", func() {
			if err := os.Remove(second); err != nil {
				t.Fatal(err)
			}
		}, "4-two", 2},
		{"back", func() { write("second", "-5") }, "4-5", 2},
	} {
		step.change()
		now = now.Add(every - 1)
		if before := v.value; v.Get() != before {
			t.Errorf("%s: the files were checked again within a second of the last check", step.name)
		}
		now = now.Add(1)
		if got := v.Get(); got != step.want || len(reported) != step.reported {
			t.Errorf("%s: the value is %q, reported errors: %v", step.name, got, reported)
		}
	}
	if _, err := New(nil, func() (int, error) { return 0, broken }, link); !errors.Is(err, broken) {
		t.Errorf("the first load returned %v, want its error", err)
	}
}
