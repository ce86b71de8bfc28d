package hub

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"chordconductor/conductor/eventlog"
	"chordconductor/conductor/hub/hubpb"
	"chordconductor/conductor/ingest"
	"chordconductor/conductor/internal/otlptest"
	"chordconductor/conductor/live"
	"chordconductor/internal/cputime"
	"chordconductor/otel"
	"chordconductor/otel/chordevent"
)

// asConductor is the variable that makes this test program run the conductor's data path: see BenchmarkConductor.
const asConductor = "CHORD_BENCH_CONDUCTOR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(asConductor); dir != "" {
		if err := dataPath(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// figures are the sizes measured at the end of the data path, at the client.
type figures struct {
	CPU      time.Duration
	Resident int64 // bytes
	P99      time.Duration
	Applied  uint64
}

// dataPath receives, folds, records and shows telemetry until its input ends. It prints its addresses, then its sizes.
func dataPath(dir string) error {
	past, err := eventlog.Open(eventlog.Options{Dir: dir})
	if err != nil {
		return err
	}
	l, err := live.New(live.Config{Recorder: past})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	in, err := ingest.Open(ctx, ingest.Config{GRPC: "127.0.0.1:0"}, l)
	if err != nil {
		return err
	}
	h, err := New(l, Config{})
	if err != nil {
		return err
	}
	page, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go in.Run(ctx)
	go l.Run(ctx)
	go h.Run(ctx)
	go http.Serve(page, h)
	fmt.Println(in.GRPCAddr(), page.Addr())

	for input := bufio.NewScanner(os.Stdin); input.Scan(); { // each line asks for figures
		status, err := os.ReadFile("/proc/self/statm")
		if err != nil {
			return err
		}
		pages, err := strconv.ParseInt(strings.Fields(string(status))[1], 10, 64)
		if err != nil {
			return err
		}
		st := l.Stats()
		json.NewEncoder(os.Stdout).Encode(figures{
			CPU: cputime.Used(), Resident: pages * int64(os.Getpagesize()),
			P99: st.StalenessP99, Applied: st.Applied,
		})
	}
	return past.Close()
}

// BenchmarkConductor runs the conductor's data path (receive, fold, record on disk, one WebSocket client) in a process
// of its own. It measures the processor time and memory of this process while a ring of the given size emits: from
// every member a load each second and a keyframe each ten seconds, and from one member in a hundred a pointer change
// each second. An iteration takes a second: use -benchtime 20x.
func BenchmarkConductor(b *testing.B) {
	for _, members := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprintf("members=%d", members), func(b *testing.B) { benchmarkConductor(b, members) })
	}
}

func benchmarkConductor(b *testing.B, n int) {
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), asConductor+"="+b.TempDir())
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		stdin.Close()
		cmd.Wait()
	}()
	answers := bufio.NewScanner(stdout)
	answers.Scan()
	otlp, page, ok := strings.Cut(answers.Text(), " ")
	if !ok {
		b.Fatalf("the data path printed %q", answers.Text())
	}
	ask := func() (f figures) {
		fmt.Fprintln(stdin)
		if !answers.Scan() {
			b.Fatal("the data path has ended")
		}
		if err := json.Unmarshal(answers.Bytes(), &f); err != nil {
			b.Fatal(err)
		}
		return f
	}

	telemetry, err := otel.Setup(b.Context(), otel.Config{Ring: "test", Endpoint: otlp, IgnoreEnvironment: true})
	if err != nil {
		b.Fatal(err)
	}
	defer telemetry.Shutdown(context.Background())
	p := &path{logger: telemetry.Events.Logger("test")}
	members, keyframes := otlptest.Ring(n, 8, time.Now())
	for _, ev := range keyframes {
		p.emit(b.Context(), ev)
	}
	s := &stage{url: "http://" + page}
	client := s.open(b, "", 0)
	client.until("the ring is ideal", func() bool {
		return client.ring.GetStatus() == hubpb.RingState_STATUS_IDEAL && len(client.rows) == n
	})
	seen := make(chan struct{})
	stop := make(chan struct{})
	go func() { // the client reads what it receives
		defer close(seen)
		for {
			select {
			case <-stop:
				return
			default:
				client.next()
			}
		}
	}()

	const parts = 10 // of a second; each part of the members emits in its own
	before := ask()
	tick := time.NewTicker(time.Second / parts)
	defer tick.Stop()
	b.ResetTimer()
	for second := range b.N {
		for part := range parts {
			for i := part; i < n; i += parts {
				m, now := members[i], time.Now()
				p.emit(b.Context(), m.Event(now, chordevent.NodeLoad{Load: chordevent.Load{OwnedKeys: int64(second), Gets: int64(second)}}))
				if i/parts%10 == second%10 {
					p.emit(b.Context(), m.Event(now, otlptest.Keyframe(members, i, 8)))
				}
				if i%100 == second%100 {
					p.emit(b.Context(), m.Event(now, chordevent.PredecessorChanged{Predecessor: members[(i+n-1)%n].Peer}))
				}
			}
			<-tick.C
		}
	}
	b.StopTimer()
	after := ask()
	close(stop)
	<-seen
	b.ReportMetric(100*(after.CPU-before.CPU).Seconds()/b.Elapsed().Seconds(), "cpu-%")
	b.ReportMetric(float64(after.Resident)/(1<<20), "MB")
	b.ReportMetric(float64(after.P99.Microseconds())/1000, "stale-p99-ms")
	b.ReportMetric(float64(after.Applied-before.Applied)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(0, "ns/op")
}
