package deploytest

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/conductor/lab/deploy"
	"chordconductor/node/member"
	"chordconductor/otel/chordevent"
)

// WantRefusal makes the last member of a ring leave, and requires that the fleet refuses this and that the error names
// the option that forces it.
func WantRefusal(t *testing.T, leave func() error, m *member.Member) {
	t.Helper()
	err := leave()
	if err == nil || !strings.Contains(err.Error(), "force the leave") || m.Status() != chordevent.StatusActive {
		t.Fatalf("a leave that is not forced: %v, status %s", err, m.Status())
	}
	if !errors.Is(err, deploy.ErrConflict) && status.Code(err) != codes.FailedPrecondition { // 409, both
		t.Errorf("refused as %v", err)
	}
}
