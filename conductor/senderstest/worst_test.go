package senderstest

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chordconductor/conductor/memory"
	"chordconductor/internal/polltest"
)

var (
	full  = flag.Duration("full", 0, "how long the worst senders are at work at each limit of memory; 0: some seconds")
	table = flag.String("table", "", "file that the results of a full run are written to")
)

// Bounds of a run: the honest ring's events must be applied within a second. In the short form, which runs beside other
// tests on machines of any size, they must only be applied at some time.
const (
	shortRun = 10 * time.Second
	soon     = time.Second
)

// The conductor stays within its memory, serves the page and health checks, and applies an honest ring's events,
// whatever other senders send.
func TestWorstSenders(t *testing.T) {
	var rows []string
	for _, limit := range []string{"256MiB", "1GiB"} {
		t.Run(limit, func(t *testing.T) { rows = append(rows, worst(t, limit)) })
	}
	if *table != "" {
		text := "| limit | peak memory | honest events | applied within (median, 99 %, most) | late | page, health answered within | gave way |\n|-|-|-|-|-|-|-|\n" + strings.Join(rows, "")
		if err := os.WriteFile(*table, []byte(text), 0o644); err != nil {
			t.Error(err)
		}
	}
}

func worst(t *testing.T, text string) (row string) {
	limit, err := memory.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	c := startConductor(t, text)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var all sync.WaitGroup
	failed := make(chan error, 100)
	spawn := func(f func() error) {
		all.Go(func() {
			if err := f(); err != nil {
				select {
				case failed <- err:
				default:
				}
			}
		})
	}
	h := newHonest(c)
	spawn(func() error { h.watch(ctx); return nil })
	for host := range honestHosts {
		spawn(func() error { h.send(ctx, host); return nil })
	}
	probes := &probes{}
	for _, path := range []string{"/healthz", "/"} {
		spawn(func() error { probes.ask(ctx, c, path); return nil })
	}
	polltest.Until(t, "the honest ring is there", func() bool {
		select {
		case <-c.done:
			t.Fatal(c.runs())
		default:
		}
		return h.applied() >= honestMembers
	})
	begun := h.applied()

	stopSenders := startSenders(t, c, limit)
	run := shortRun
	if *full > 0 {
		run = *full
	}
	end := time.After(run)
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for running := true; running; {
		select {
		case <-end:
			running = false
		case <-c.done:
			t.Fatalf("%v; its peak was %d MiB", c.runs(), c.peak()>>20)
		case err := <-failed:
			t.Fatal(err)
		case <-tick.C:
			took := h.times()
			t.Logf("peak %d MiB; of %d honest events half took %v, the slowest %v", c.peak()>>20, len(took), quantile(took, .5), quantile(took, 1))
		}
	}
	took, peak := h.times(), c.peak()
	usage := shares(c)
	answers := stopSenders()
	cancel()
	all.Wait()
	for _, name := range slices.Sorted(maps.Keys(answers)) {
		t.Logf("%s: %d", name, answers[name])
	}
	var gave []string
	for _, u := range usage {
		t.Logf("%-10s %6d KiB of %6d, gave way %d times", u.Part, u.Used>>10, u.Limit>>10, u.Refused)
		if u.Refused > 0 {
			gave = append(gave, fmt.Sprintf("%s %d", u.Part, u.Refused))
		}
	}
	late := 0
	for _, d := range took {
		if d > soon {
			late++
		}
	}
	t.Logf("peak %d MiB of %d; %d honest events, sent %d times more, page connected %d times more: %v, %v, %v; %d late; probes: slowest %v, %d of %d failed",
		peak>>20, limit>>20, len(took), h.tries, h.again, quantile(took, .5), quantile(took, .99), quantile(took, 1), late,
		probes.slowest.Round(time.Millisecond), probes.failed, probes.asked)
	if peak > limit {
		t.Errorf("the process had %d MiB, with a limit of %d", peak>>20, limit>>20)
	}
	if peak == 0 && runtime.GOOS == "linux" {
		t.Error("how much memory the process had is not known")
	}
	if worst := quantile(took, 1); *full > 0 && worst > soon {
		t.Errorf("an honest event took %v", worst)
	}
	if applied := h.applied(); applied < begun+honestMembers {
		t.Errorf("%d honest events were applied in %v, of %d members", applied-begun, run, honestMembers)
	}
	if probes.failed > 0 {
		t.Errorf("%d of %d requests for page and health failed: %v", probes.failed, probes.asked, probes.err)
	}
	return fmt.Sprintf("| %s | %d MiB | %d | %v, %v, %v | %d | %v | %s |\n", text, peak>>20, len(took), quantile(took, .5),
		quantile(took, .99), quantile(took, 1), late, probes.slowest.Round(time.Millisecond), strings.Join(gave, ", "))
}

// probes request the page and a health check, twice a second each.
type probes struct {
	mu            sync.Mutex
	asked, failed int
	slowest       time.Duration
	err           error
}

func (p *probes) ask(ctx context.Context, c *conductor, path string) {
	client := newClient(30 * time.Second)
	client.Transport.(*http.Transport).DisableKeepAlives = true
	for ctx.Err() == nil {
		begin := time.Now()
		code, _, err := c.get(client, path)
		if ctx.Err() != nil {
			return
		}
		p.mu.Lock()
		p.asked++
		p.slowest = max(p.slowest, time.Since(begin))
		if err != nil || code != http.StatusOK {
			p.failed++
			p.err = fmt.Errorf("%s: status %d, %v", path, code, err)
		}
		p.mu.Unlock()
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// shares returns the conductor's report of its memory.
func shares(c *conductor) []memory.Usage {
	var stats struct {
		Memory struct{ Parts []memory.Usage }
	}
	for range 10 {
		if code, body, err := c.get(newClient(30*time.Second), "/api/stats"); err == nil && code == http.StatusOK && json.Unmarshal(body, &stats) == nil {
			break
		}
	}
	return stats.Memory.Parts
}
