package eventlog

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chordconductor/conductor/memory"
	"chordconductor/conductor/ring"
	"chordconductor/conductor/ring/ringtest"
	"chordconductor/otel/chordevent"
)

var mutations = flag.Int("history.mutations", 150, "how many mutations of a directory TestMutations tries")

// A record is a directory, with the answers to queries of the history while the directory is undamaged.
type record struct {
	dir       string
	instants  []time.Time
	views     []string
	events    [][]int64 // by instant
	to        time.Time
	lastFile  string // the file that a crash truncated
	lastFrame int    // where its last frame begins
}

const asked = 30 // events for each instant

func (h *History) answers(t tester, at time.Time) (view string, events []int64, crossed *Damage, viewErr, eventsErr error) {
	t.Helper()
	v, viewErr := h.At(context.Background(), at)
	if viewErr == nil {
		view = print(v)
	}
	list, crossed, eventsErr := h.Until(context.Background(), at, Query{Limit: asked})
	for _, e := range list {
		events = append(events, e.Event.Time.UnixNano())
	}
	return view, events, crossed, viewErr, eventsErr
}

// makeRecord writes the history of a small ring in three runs, the last of which ends as in a crash.
func makeRecord(t *testing.T, shift time.Duration) *record {
	t.Helper()
	work, kept := t.TempDir(), filepath.Join(t.TempDir(), "kept")
	var h *History
	rec := &record{dir: kept}
	sim := ringtest.NewTestRing(160, 2, func(ev *chordevent.Event) { h.Append(ev, ev.Time); rec.to = ev.Time })
	sim.Now = sim.Now.Add(shift)
	for run := range 3 {
		h = mustOpen(t, Options{Dir: work, segmentEntries: 20})
		for id := range uint64(3) {
			sim.Birth(1000*id + uint64(run))
		}
		sim.RepairAll()
		for i := range 40 {
			a := sim.Members[i%len(sim.Members)]
			a.Load.Gets += 1 + int64(shift)
			sim.Emit(a, chordevent.NodeLoad{Load: a.Load})
			if i%6 == 0 {
				rec.instants = append(rec.instants, rec.to)
				h.Flush()
			}
		}
		h.Flush()
		if run == 2 {
			if err := os.CopyFS(kept, os.DirFS(work)); err != nil { // as it is, without Close
				t.Fatal(err)
			}
		}
		mustClose(t, h)
		sim.Now = sim.Now.Add(time.Minute)
	}
	names := files(t, kept)
	rec.lastFile = filepath.Base(names[len(names)-1])
	file, err := os.ReadFile(names[len(names)-1])
	if err != nil {
		t.Fatal(err)
	}
	for at := len(magic); at < len(file); at += frameHeader + int(binary.LittleEndian.Uint32(file[at:])) {
		rec.lastFrame = at
	}
	h = mustOpen(t, Options{Dir: kept})
	defer mustClose(t, h)
	if s := h.Stats(); s.Damaged > 0 || s.Segments < 6 {
		t.Fatalf("%+v %v", s, h.Damages())
	}
	rec.instants = append(rec.instants, rec.to)
	for _, at := range rec.instants {
		view, events, crossed, viewErr, eventsErr := h.answers(t, at)
		if err := errors.Join(viewErr, eventsErr); err != nil || crossed != nil {
			t.Fatal(at, err, crossed)
		}
		rec.views, rec.events = append(rec.views, view), append(rec.events, events)
	}
	return rec
}

// mutate changes something in a directory. It returns what it has changed, and whether it only truncated the last file.
func (rec *record) mutate(t tester, dir string, rnd *rand.Rand) (what string, cutLast bool) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	must(err)
	paths = append(paths, filepath.Join(dir, manifestName))
	path := paths[rnd.IntN(len(paths))]
	other := paths[rnd.IntN(len(paths))]
	name := filepath.Base(path)
	data, err := os.ReadFile(path)
	must(err)
	at := rnd.IntN(len(data))
	n := 1 + rnd.IntN(min(64, len(data)-at))
	kinds := []string{"flip", "overwrite", "truncate", "insert", "remove", "duplicate", "swap", "delete", "copy", "exchange", "rename"}
	what = kinds[rnd.IntN(len(kinds))]
	switch what {
	case "flip":
		data[at] ^= 1 << rnd.IntN(8)
	case "overwrite":
		for i := range n {
			data[at+i] = byte(rnd.Uint32())
		}
	case "truncate":
		data, cutLast = data[:at], name == rec.lastFile
	case "insert":
		data = slices.Insert(data, at, bytes.Repeat([]byte{byte(rnd.Uint32())}, n)...)
	case "remove":
		data = slices.Delete(data, at, at+n)
		cutLast = name == rec.lastFile && at >= rec.lastFrame // as if its end were missing
	case "duplicate":
		data = slices.Insert(data, at, slices.Clone(data[at:at+n])...)
	case "swap":
		b := rnd.IntN(len(data) - n + 1)
		for i := range n {
			data[at+i], data[b+i] = data[b+i], data[at+i]
		}
	case "delete":
		must(os.Remove(path))
		return what + " " + name, false
	case "copy":
		must(os.WriteFile(filepath.Join(dir, fmt.Sprintf("%010d-%020d%s", rnd.IntN(20), rnd.IntN(200), suffix)), data, 0o600))
		return what + " " + name, false
	case "exchange":
		theirs, err := os.ReadFile(other)
		must(err)
		must(os.WriteFile(path, theirs, 0o600))
		path, name = other, name+" and "+filepath.Base(other)
	case "rename":
		must(os.Rename(path, path+".old"))
		return what + " " + name, false
	}
	must(os.WriteFile(path, data, 0o600))
	return fmt.Sprintf("%s %s at %d, %d bytes", what, name, at, n), cutLast
}

// A journal collects what was logged.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) logf(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	fmt.Fprintf(&j.text, format+"\n", args...)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// TestMutations changes a directory at random: no answer differs without a message, no change keeps a history from
// starting, and no byte is deleted.
func TestMutations(t *testing.T) {
	rec := makeRecord(t, 0)
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	counts := map[string]int{}
	for i := range *mutations {
		dir := filepath.Join(t.TempDir(), "history")
		if err := os.CopyFS(dir, os.DirFS(rec.dir)); err != nil {
			t.Fatal(err)
		}
		what, cutLast := rec.mutate(t, dir, rnd)
		label := fmt.Sprintf("seed %d, mutation %d: %s", seed, i, what)
		before := contentsOf(t, dir)
		var logged journal
		again := rnd.IntN(2) // also when the damage was there before the last start
		for range 1 + again {
			h := mustOpen(t, Options{Dir: dir, Logf: logged.logf})
			if again > 0 {
				last := *chatter(1)[0]
				last.Time = rec.to.Add(time.Hour)
				last.Node.Incarnation += int64(again)
				h.Append(&last, last.Time)
				h.Flush()
			}
			rec.compare(t, label, h, cutLast, logged.String(), counts)
			mustClose(t, h)
		}
		after := contentsOf(t, dir)
		for _, kept := range before {
			if !slices.ContainsFunc(after, func(b []byte) bool { return bytes.Equal(b, kept) }) {
				t.Fatalf("%s: a file of %d bytes is gone", label, len(kept))
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d mutations: %v", *mutations, counts)
	if counts["same"] == 0 || counts["damaged"] == 0 {
		t.Errorf("%v", counts)
	}
}

func (rec *record) compare(t *testing.T, label string, h *History, cutLast bool, logged string, counts map[string]int) {
	t.Helper()
	for k, at := range rec.instants {
		view, events, crossed, viewErr, eventsErr := h.answers(t, at)
		var damaged *DamagedError
		switch {
		case errors.As(viewErr, &damaged):
			counts["damaged"]++
			if damaged.Cause == "" || damaged.From.After(at) || !damaged.Until.IsZero() && damaged.Until.Before(at) {
				t.Fatalf("%s: at %s: %+v", label, at, damaged)
			}
		case viewErr != nil:
			t.Fatalf("%s: at %s: %v", label, at, viewErr)
		case view == rec.views[k]:
			counts["same"]++
		case cutLast && strings.Contains(logged, rec.lastFile):
			counts["cut"]++
		default:
			t.Fatalf("%s: at %s the view differs without a message: %s", label, at, differ(view, rec.views[k]))
		}
		want := rec.events[k]
		switch {
		case errors.As(eventsErr, &damaged):
		case eventsErr != nil:
			t.Fatalf("%s: events until %s: %v", label, at, eventsErr)
		case crossed != nil && len(events) < len(want) && slices.Equal(events, want[len(want)-len(events):]):
		case slices.Equal(events, want):
		case cutLast && strings.Contains(logged, rec.lastFile):
		default:
			t.Fatalf("%s: events until %s differ without a message: %d, want %d", label, at, len(events), len(want))
		}
	}
	if d := h.Damages(); len(d) != h.Stats().Damaged {
		t.Fatalf("%s: %d damages, %+v", label, len(d), h.Stats())
	}
}

// TestFilesOfAnotherRecord replaces one or more segments by segments of another record with the same numbers, which are
// sound by themselves, or adds them: no answer differs without a message.
func TestFilesOfAnotherRecord(t *testing.T) {
	rec, other := makeRecord(t, 0), makeRecord(t, time.Microsecond)
	theirs := files(t, other.dir)
	ours := files(t, rec.dir)
	counts := map[string]int{}
	for n := range min(len(ours), len(theirs)) {
		for _, span := range []int{1, 2, 3, 4, len(theirs)} {
			for _, beside := range []bool{false, true} {
				dir := filepath.Join(t.TempDir(), "history")
				if err := os.CopyFS(dir, os.DirFS(rec.dir)); err != nil {
					t.Fatal(err)
				}
				label := fmt.Sprintf("%d files of another record from number %d on, beside: %v", span, n+1, beside)
				for i := n; i < min(n+span, len(theirs), len(ours)); i++ {
					file, err := os.ReadFile(theirs[i])
					if err != nil {
						t.Fatal(err)
					}
					name := filepath.Base(ours[i])
					if beside {
						name = "a-backup-of-" + filepath.Base(theirs[i])
					}
					if err := os.WriteFile(filepath.Join(dir, name), file, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				before := contentsOf(t, dir)
				var logged journal
				h := mustOpen(t, Options{Dir: dir, Logf: logged.logf})
				rec.compare(t, label, h, false, logged.String(), counts)
				if s := h.Stats(); beside && s.Damaged > 0 {
					t.Errorf("%s: %v", label, h.Damages())
				}
				mustClose(t, h)
				after := contentsOf(t, dir)
				for _, kept := range before {
					if !slices.ContainsFunc(after, func(b []byte) bool { return bytes.Equal(b, kept) }) {
						t.Fatalf("%s: a file of %d bytes is gone", label, len(kept))
					}
				}
			}
		}
	}
	t.Log(counts)
	if counts["same"] == 0 || counts["damaged"] == 0 {
		t.Errorf("%v", counts)
	}
}

// TestNothingKeepsAHistoryFromStarting puts directories where the history's files should be.
func TestNothingKeepsAHistoryFromStarting(t *testing.T) {
	rec := makeRecord(t, 0)
	names := []string{manifestName, manifestName + ".new", "0000000099-00000000000000000099.history", "x.history"}
	for _, path := range files(t, rec.dir) {
		names = append(names, filepath.Base(path))
	}
	for _, name := range names {
		dir := filepath.Join(t.TempDir(), "history")
		if err := os.CopyFS(dir, os.DirFS(rec.dir)); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(path, "something"), 0o700); err != nil {
			t.Fatal(err)
		}
		var logged journal
		h := mustOpen(t, Options{Dir: dir, Logf: logged.logf})
		rec.compare(t, "a directory as "+name, h, false, logged.String(), map[string]int{})
		mustClose(t, h)
	}
}

// TestWhatIsDroppedIsReadable changes files after they were last read. When they grow too old or too many, those that
// can no longer be read are kept, and the others are deleted.
func TestWhatIsDroppedIsReadable(t *testing.T) {
	dir := t.TempDir()
	paths := written(t, dir, 20, 100, 3)
	h := mustOpen(t, Options{Dir: dir, segmentEntries: 20, MaxBytes: 1})
	<-h.checked
	changed := map[string]bool{}
	for i, path := range paths {
		if changed[path] = i%2 == 0; changed[path] {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			data[rand.IntN(len(data))] ^= 1
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, ev := range chatter(160)[100:] {
		h.Append(ev, ev.Time)
	}
	mustClose(t, h)
	for _, path := range paths {
		_, errOfOwn := os.Stat(path)
		_, errAside := os.Stat(path + ".damaged")
		if errOfOwn == nil || (errAside == nil) != changed[path] {
			t.Errorf("%s, changed %v: %v, set aside: %v", filepath.Base(path), changed[path], errOfOwn, errAside)
		}
	}
}

// TestALastSegmentThatIsTooLarge: a history opens and records however little memory it has; opened later with enough
// memory, it shows everything.
func TestALastSegmentThatIsTooLarge(t *testing.T) {
	dir := t.TempDir()
	paths := written(t, dir, 1000, 100, 3)
	events := chatter(160)
	for range 2 {
		var said journal
		h := mustOpen(t, Options{Dir: dir, segmentEntries: 1000, Seeking: memory.NewShare("past", 100), Logf: said.logf})
		for _, ev := range events[100:] {
			h.Append(ev, ev.Time)
		}
		h.Flush()
		if _, err := h.At(context.Background(), events[50].Time); !errors.Is(err, ErrMemory) {
			t.Error(err)
		}
		if s := h.Stats(); s.Damaged > 0 || s.Failed > 0 || !strings.Contains(said.String(), filepath.Base(paths[0])) {
			t.Errorf("%+v, logged %s", s, &said)
		}
		mustClose(t, h)
	}
	h := mustOpen(t, Options{Dir: dir})
	defer mustClose(t, h)
	if s := h.Stats(); s.Damaged > 0 || s.Segments != 3 {
		t.Errorf("%+v %v", s, h.Damages())
	}
	for _, n := range []int{1, 50, 100, 101, 160} {
		if v := mustAt(t, h, events[n-1].Time); v.Members[0].Seq != int64(n) {
			t.Errorf("event %d: the view has %d", n, v.Members[0].Seq)
		}
	}
}

// contentsOf returns the contents of all files in dir, except an intact manifest, which opening the history may
// replace.
func contentsOf(t *testing.T, dir string) (out [][]byte) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := readManifest(dir); e.Name() != manifestName || err != nil {
			out = append(out, data)
		}
	}
	return out
}

// TestTheFirstFormat opens a directory of the first format and continues it.
func TestTheFirstFormat(t *testing.T) {
	origin := t.TempDir()
	written(t, origin, 20, 60, 3)
	dir := t.TempDir()
	for _, path := range files(t, origin) {
		c, err := segmentIn(path)
		if err != nil {
			t.Fatal(err)
		}
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		old := []byte(oldMagic)
		for data := scan(file, -1).data; len(data) > 0; { // a frame for each few hundred bytes
			n := min(len(data), 300)
			old = appendOldFrame(old, data[:n])
			data = data[n:]
		}
		name := fmt.Sprintf("%020d-%019d%s", c.first, c.from.UnixNano(), suffix)
		if err := os.WriteFile(filepath.Join(dir, name), old, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	events := chatter(80)
	h := mustOpen(t, Options{Dir: dir, segmentEntries: 20})
	for _, ev := range events[60:] {
		h.Append(ev, ev.Time)
	}
	h.Flush()
	for _, n := range []int{1, 20, 21, 59, 60, 61, 80} {
		if v := mustAt(t, h, events[n-1].Time); v.Members[0].Seq != int64(n) {
			t.Errorf("event %d: the view has %d", n, v.Members[0].Seq)
		}
	}
	if s := h.Stats(); s.LastSeq != 80 || s.Damaged > 0 {
		t.Errorf("%+v", s)
	}
	mustClose(t, h)
	if got := len(files(t, dir)); got != 4 {
		t.Errorf("%d files", got)
	}
}

// TestAnotherVersionsCheckpoints: a segment whose checkpoint this program cannot read is not damaged, and the error
// names the version.
func TestAnotherVersionsCheckpoints(t *testing.T) {
	h := mustOpen(t, Options{})
	defer mustClose(t, h)
	for _, ev := range chatter(3) {
		h.Append(ev, ev.Time)
	}
	h.Flush()
	h.mu.Lock()
	c := h.segments[0]
	c.data = append([]byte{99}, c.data[1:]...)
	h.mu.Unlock()
	_, err := h.At(context.Background(), c.from)
	var damaged *DamagedError
	if !errors.As(err, &damaged) || !strings.Contains(err.Error(), ring.ErrVersion.Error()) || h.Stats().Damaged > 0 {
		t.Error(err)
	}
}

func appendOldFrame(out, payload []byte) []byte {
	out = binary.LittleEndian.AppendUint32(out, uint32(len(payload)))
	out = binary.LittleEndian.AppendUint32(out, crc32.Checksum(payload, castagnoli))
	return append(out, payload...)
}

// TestAnEarlierRunsLastFileIsCut truncates the last file of an earlier run while the next run goes on: what is then
// missing was there when the next run started.
func TestAnEarlierRunsLastFileIsCut(t *testing.T) {
	dir := t.TempDir()
	paths := written(t, dir, 1000, 45, 3)
	events := chatter(60)
	h := mustOpen(t, Options{Dir: dir})
	defer mustClose(t, h)
	<-h.checked
	for _, ev := range events[50:] {
		h.Append(ev, ev.Time)
	}
	h.Flush()
	file, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	var ends []int // of frames
	for at := len(magic); at < len(file); {
		at += frameHeader + int(binary.LittleEndian.Uint32(file[at:]))
		ends = append(ends, at)
	}
	if len(ends) < 6 {
		t.Fatal(ends)
	}
	if err := os.Truncate(paths[0], int64(ends[len(ends)/2])); err != nil {
		t.Fatal(err)
	}
	_, err = h.At(context.Background(), events[44].Time)
	var damaged *DamagedError
	if !errors.As(err, &damaged) || h.Stats().Damaged != 1 {
		t.Errorf("half of the file is gone: %v", err)
	}
	if v := mustAt(t, h, events[59].Time); v.Members[0].Seq != 60 {
		t.Errorf("after it: %d", v.Members[0].Seq)
	}
}

// TestCheckBesideARunningHistory: a check reports no damage of a history that begins and drops segments all the time.
func TestCheckBesideARunningHistory(t *testing.T) {
	dir := t.TempDir()
	h := mustOpen(t, Options{Dir: dir, segmentEntries: 3, MaxBytes: 6000})
	defer mustClose(t, h)
	events := chatter(300)
	written := make(chan struct{})
	go func() {
		defer close(written)
		for i, ev := range events {
			h.Append(ev, ev.Time)
			if i%30 == 0 {
				h.Flush()
			}
		}
		h.Flush()
	}()
	checks := 0
	for running := true; running; checks++ {
		select {
		case <-written:
			running = false
		default:
		}
		report, err := Check(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		if report.Problems() > 0 {
			for _, c := range report.Segments {
				if c.Broken != nil {
					t.Errorf("check %d: %v", checks, c.Broken)
				}
			}
			t.Fatalf("check %d: %v", checks, report.Notes)
		}
	}
	if s := h.Stats(); s.Damaged > 0 || s.Failed > 0 {
		t.Errorf("%+v", s)
	}
	t.Logf("%d checks", checks)
}
