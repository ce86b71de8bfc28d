package grpclogs

import (
	"bytes"
	"strings"
	"testing"

	"google.golang.org/grpc/grpclog"
)

// The lines of grpc-go's loggers, including those of its components, go to the writer passed to To.
func TestTo(t *testing.T) {
	for _, log := range []func(...any){grpclog.Error, grpclog.Component("transport").Error} {
		var here bytes.Buffer
		To(&here)
		log("cannot do")
		if text := here.String(); !strings.Contains(text, "cannot do") || strings.Count(text, "\n") != 1 {
			t.Errorf("the writer has received %q", text)
		}
	}
}

// grpc-go's environment variables have the same effect as without this package.
func TestLevels(t *testing.T) {
	for level, want := range map[string]string{"": "e", "ERROR": "e", "error": "e", "WARNING": "we", "info": "iwe", "none": ""} {
		var here bytes.Buffer
		l := logger(&here, func(name string) string {
			return map[string]string{"GRPC_GO_LOG_SEVERITY_LEVEL": level, "GRPC_GO_LOG_VERBOSITY_LEVEL": "2"}[name]
		})
		l.Info("i")
		l.Warning("w")
		l.Error("e")
		var got string
		for line := range strings.Lines(here.String()) {
			got += line[len(line)-2 : len(line)-1]
		}
		if got != want || !l.V(2) || l.V(3) {
			t.Errorf("with the severity level %q the writer has received %q, want %q", level, got, want)
		}
	}
}
