package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"chordconductor/conductor/hub/hubpb"
	"chordconductor/conductor/lab/deploy/local"
	"chordconductor/conductor/lab/scenario"
	"chordconductor/conductor/web"
	"chordconductor/internal/version"
	"chordconductor/node/env/access"
)

// printBanner prints the addresses of all parts.
func (c *conductor) printBanner(w io.Writer, s *scenario.Scenario) {
	row := func(what, format string, args ...any) {
		fmt.Fprintf(w, "  %-9s"+format+"\n", append([]any{what}, args...)...)
	}
	fmt.Fprintf(w, "Chord Conductor %s\n", version.Text())
	row("page", "%s", c.url())
	if c.world != nil {
		row("clock", "%s", c.clockText())
	} else {
		row("OTLP", "gRPC %s, HTTP %s", orOff(c.ingest.GRPCAddr()), orOff(c.ingest.HTTPAddr()))
	}
	if c.jaegerUI != "" {
		row("Jaeger", "%s", c.jaegerUI)
	}
	if c.grafana != "" {
		row("Grafana", "%s", c.grafana)
	}
	switch {
	case s == nil:
		row("scenario", "none")
	case s.OwnRing:
		row("scenario", "%s: %d members, %g operations per second", s.Name, s.Ring.Members, s.Workload.Rate)
	default:
		row("scenario", "%s: %g operations per second on the existing nodes", s.Name, s.Workload.Rate)
	}
	if c.ingest != nil && c.ingest.GRPCAddr() != "" && (s == nil || !s.OwnRing) {
		row("nodes", "set OTEL_EXPORTER_OTLP_ENDPOINT=%s on them", target(c.ingest.GRPCAddr(), c.options.ingest.TLS.CertFile != ""))
	}
	fmt.Fprintln(w, "Ctrl-C stops the conductor.")
}

func orOff(address string) string {
	if address == "" {
		return "off"
	}
	return address
}

// url is the page's address. The token is in the fragment, which browsers do not send.
func (c *conductor) url() string {
	scheme := "http"
	if c.options.ingest.TLS.CertFile != "" {
		scheme = "https"
	}
	address := c.page.Addr().String()
	if a, err := netip.ParseAddrPort(address); err == nil && a.Addr().IsUnspecified() {
		address = fmt.Sprintf("localhost:%d", a.Port())
	}
	u := scheme + "://" + address + c.basePath + "/"
	if !c.open {
		u += "#token=" + c.token
	}
	return u
}

// target is the address for nodes' telemetry. An unspecified address, which means all interfaces, becomes that of the
// machine.
func target(address string, tls bool) string {
	if a, err := netip.ParseAddrPort(address); err == nil && a.Addr().IsUnspecified() {
		if name, err := os.Hostname(); err == nil {
			address = net.JoinHostPort(name, strconv.Itoa(int(a.Port())))
		}
	}
	if tls {
		return "https://" + address
	}
	return "http://" + address
}

// endpoint returns where members in this process send their telemetry: the OTLP/gRPC address that the listener is bound
// to, since the flag may give port 0.
func (c *conductor) endpoint() local.Endpoint {
	return endpointOf(c.ingest.GRPCAddr(), c.options.ingest)
}

// names returns the values of the Host header that a port at this address accepts, beside localhost and IP addresses.
func (c *conductor) names(address string) []string {
	names := make([]string, 0, len(c.allowHost)+1)
	for _, name := range c.allowHost {
		names = append(names, strings.ToLower(name))
	}
	if host, err := os.Hostname(); err == nil && !access.OnLoopback(address) {
		names = append(names, strings.ToLower(host))
	}
	return names
}

// settings returns the settings for one client of the page; ctx is the context of its request.
func (c *conductor) settings(ctx context.Context) *hubpb.Settings {
	may := web.MayCommand(ctx)
	return &hubpb.Settings{
		Version: version.Text(), JaegerUrl: c.jaegerUI, GrafanaUrl: c.grafana, CanControl: c.controller != nil && may, NeedsToken: !c.open,
		Replay: c.player != nil, ViewOnly: !may,
	}
}

// simulation returns the state of the simulation for the hub, the same as the API's JSON. It returns nil if there has
// been no simulation.
func (c *conductor) simulation() *hubpb.Simulation {
	if c.controller == nil {
		return nil
	}
	st := c.controller.Simulation()
	if st.Scenario == "" && st.Cut == 0 {
		return nil
	}
	out := &hubpb.Simulation{
		Running: st.Running, Scenario: st.Scenario, Phase: st.Phase, ElapsedS: st.ElapsedS, DurationS: st.DurationS,
		WorkloadRate: st.Rate, WorkloadReads: st.Reads, LostKeys: uint64(st.Lost), ReportReady: st.Report, Cut: uint32(st.Cut), Error: st.Error,
	}
	for _, p := range st.Phases {
		out.Phases = append(out.Phases, &hubpb.Phase{Name: p.Name, AtS: p.AtS, ForS: p.ForS})
	}
	return out
}

func newToken() string {
	var b [32]byte
	rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}
