package otel

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// An outage is reported once for all signals that it affects, and then at growing intervals. An
// outage for another reason is reported immediately.
func TestOutageIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reported errorLog
		all := &outage{notify: reported.add}
		spans, events := &reporter{outage: all}, &reporter{outage: all}
		refused := status.Error(codes.Unavailable, `connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:4317: connect: connection refused"`)
		start := time.Now()
		for time.Since(start) < time.Hour {
			spans.report(fmt.Errorf("cannot export 1 spans: %w", fmt.Errorf("traces export: exporter export timeout: %w", refused)))
			events.report(fmt.Errorf("cannot export 6 events: %w", refused))
			<-time.After(time.Second)
		}
		// The outage is reported at 0, 10, 30, 70, 150 and 310 s, and every five minutes after
		// that.
		if n := len(reported.errs); n < 15 || n > 18 {
			t.Errorf("the outage was reported %d times in an hour", n)
		}
		if got, want := reported.errs[0].Error(), "cannot export 1 spans: dial tcp 127.0.0.1:4317: connect: connection refused"; got != want {
			t.Errorf("reported %q, want %q", got, want)
		}
		if last := reported.errs[len(reported.errs)-1]; !errors.Is(last, refused) || !strings.Contains(last.Error(), "more failures") {
			t.Errorf("the last report is %v", last)
		}
		before := len(reported.errs)
		<-time.After(reportGap)
		events.report(fmt.Errorf("cannot export 6 events: %w", status.Error(codes.Unauthenticated, "no token")))
		if len(reported.errs) != before+1 || !strings.HasPrefix(reported.errs[before].Error(), "cannot export 6 events: Unauthenticated: no token") {
			t.Errorf("the reports of an outage for another reason are %v", reported.errs[before:])
		}
	})
}

// An outage that begins after another has ended is reported as a new outage, however long the
// interval between reports has become, and without the number of unreported failures of the earlier
// outage. Outages that begin and end every second are reported no more often than one that lasts.
func TestOutagesAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reported errorLog
		all := &outage{notify: reported.add}
		events := &reporter{outage: all}
		fail := func() {
			events.report(fmt.Errorf("cannot export 6 events: %w", status.Error(codes.Unavailable, "away")))
			<-time.After(time.Second)
		}
		for range 320 { // the latest report is at 310 s, the next would be five minutes later
			fail()
		}
		all.over()
		before := len(reported.errs)
		fail()
		if len(reported.errs) != before+1 {
			t.Fatalf("the reports of the second outage are %v", reported.errs[before:])
		}
		if got, want := reported.errs[before].Error(), "cannot export 6 events: Unavailable: away"; got != want {
			t.Errorf("the report of the second outage is %q, want %q", got, want)
		}
		for range 60 {
			fail()
			all.over()
		}
		if n := len(reported.errs) - before; n > 8 {
			t.Errorf("short outages were reported %d times in a minute", n)
		}
	})
}

func TestReasons(t *testing.T) {
	dial := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4318}, Err: syscall.ECONNREFUSED}
	for _, test := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("cannot export 2 events: %w", fmt.Errorf(`Post "http://localhost:4318/v1/logs": %w`, dial)), "cannot export 2 events: dial tcp 127.0.0.1:4318: connection refused"},
		{fmt.Errorf("cannot export metrics: %w", errors.New("400 Bad Request:\n  what is this?")), "cannot export metrics: 400 Bad Request: what is this?"},
		{errors.New("broken"), "broken"},
	} {
		if got := plain(test.err, reasonOf(test.err)).Error(); got != test.want {
			t.Errorf("the text of the report is %q, want %q", got, test.want)
		}
	}
}
