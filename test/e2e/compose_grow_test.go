package e2e

import (
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"chordconductor/test/internal/polltest"
)

// composeScales runs `docker compose up --scale node=10` beside the running ring.
func composeScales(t *testing.T, c *conductor, must func(...string) string) {
	before, err := c.ring()
	if err != nil {
		t.Fatal(err)
	}
	must("up", "--detach", "--no-recreate", "--wait", "--wait-timeout", "180", "--scale", "node=10", "node")
	if n := len(strings.Fields(must("ps", "-q", "node"))); n != 10 {
		t.Fatalf("%d node containers", n)
	}
	begin := time.Now()
	c.settles(t, before.with("active")+7*8, "ideal", 120*time.Second)
	t.Logf("seven hosts of 8 members more: ideal %v after they were healthy", time.Since(begin).Round(100*time.Millisecond))
	must("up", "--detach", "--no-recreate", "--scale", "node=3", "node") // the others leave gracefully
	c.settles(t, before.with("active"), "ideal", 120*time.Second)
}

// composeChaos starts the profile in which hosts crash by themselves. The same container starts again each time, and in
// between the ring is ideal.
func composeChaos(t *testing.T, c *conductor, docker string, must func(...string) string) {
	before, err := c.ring()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("CHORD_LIFE", "8s-16s")
	must("--profile", "chaos", "up", "--detach", "--no-recreate", "chaos")
	ids := strings.Fields(must("--profile", "chaos", "ps", "-q", "chaos"))
	if len(ids) != 2 {
		t.Fatalf("%d chaos containers", len(ids))
	}
	restarts := func() (n int, err error) {
		for _, id := range ids {
			out, err := exec.Command(docker, "inspect", "--format", "{{.RestartCount}}", id).Output()
			if err != nil {
				return 0, err
			}
			count, err := strconv.Atoi(strings.TrimSpace(string(out)))
			if err != nil {
				return 0, err
			}
			n += count
		}
		return n, nil
	}
	deaths := 0
	polltest.Passes(t, 90*time.Second, "members of a host that killed itself are failed", func() error {
		r, err := c.ring()
		if err != nil {
			return err
		}
		deaths = max(deaths, r.with("failed"))
		if n, err := restarts(); err != nil || n < 2 || deaths < 4 {
			return fmt.Errorf("%d restarts, at most %d failed at once, %v", n, deaths, err)
		}
		return nil
	})
	polltest.Passes(t, 60*time.Second, "a host that died is back on the ring", func() error {
		r, err := c.ring()
		if err == nil && r.with("active") <= before.with("active") {
			err = fmt.Errorf("%d active, before %d", r.with("active"), before.with("active"))
		}
		return err
	})
	must("--profile", "chaos", "stop", "chaos")
	must("--profile", "chaos", "rm", "--force", "chaos")
	// A host that crashed during a join leaves members that are silent, or referenced only. Only these may be uncertain.
	chaos := func(host string) bool {
		return slices.ContainsFunc(ids, func(id string) bool { return strings.HasPrefix(host, id[:12]+":") })
	}
	polltest.Passes(t, 60*time.Second, "the rest is ideal", func() error {
		r, err := c.ring()
		if err == nil && (r.Status != "ideal" || r.with("active") != before.with("active")) {
			err = fmt.Errorf("%s, %d active, before %d", r.Status, r.with("active"), before.with("active"))
		}
		for _, m := range r.Certainty.Members {
			if err == nil && m.Host != "" && !chaos(m.Host) {
				err = fmt.Errorf("member %s of %s is uncertain: %s", m.ID, m.Host, m.Why)
			}
		}
		return err
	})
}
