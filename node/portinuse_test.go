package main

import (
	"net"
	"strings"
	"testing"

	"chordconductor/internal/freeport"
)

// Whichever port is in use, and however telemetry is exported to an absent receiver, the program
// prints only the reason, in the same wording for all ports.
func TestAPortInUseIsAllThatIsPrinted(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	host, port, _ := net.SplitHostPort(taken.Addr().String())
	for _, protocol := range []string{"grpc", "http/protobuf"} {
		for _, scraped := range []bool{false, true} {
			t.Run(protocol, func(t *testing.T) {
				t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+freeport.Address(t))
				t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
				listen := taken.Addr().String()
				if scraped {
					listen = "127.0.0.1:0"
					t.Setenv("OTEL_METRICS_EXPORTER", "otlp,prometheus")
					t.Setenv("OTEL_EXPORTER_PROMETHEUS_HOST", host)
					t.Setenv("OTEL_EXPORTER_PROMETHEUS_PORT", port)
				}
				printed := stderr(t)
				_, err := execute(t.Context(), "--listen", listen)
				if text := printed(); text != "" {
					t.Errorf("printed: %s", text)
				}
				if err == nil || !strings.Contains(err.Error(), "address "+taken.Addr().String()+" is already in use, perhaps by another node") || strings.Contains(err.Error(), "\n") {
					t.Errorf("%v", err)
				}
			})
		}
	}
}
