package deptest

import (
	"go/token"
	"slices"
	"strings"
	"testing"
)

// directions lists in which directions the module's packages may import each other. The first row
// that matches a file's directory counts. Tests may import more, but no test of a node imports the
// conductor.
var directions = []struct {
	dir string
	may []string // directories of the module, besides its own
	why string
}{
	{"node/chord", nil, "the protocol is pure"},
	{"node/nodepb", nil, "generated"},
	{"node/store", []string{"node/chord"}, "records and ranges"},
	{"node/env", []string{"node/nodepb", "internal/reload"}, "the environment is below members"},
	{"node/env/exchange", []string{"node/env", "node/nodepb"}, "a stream of calls, whoever makes them"},
	{"node/env/instrument", []string{"node/env", "node/nodepb"}, "spans and metrics of calls, whatever carries them"},
	{"node/simenv", []string{"node/env", "node/nodepb"}, "the environment is below members"},
	{"node/wire", []string{"node/chord", "node/kv/terms", "node/nodepb", "otel/chordevent"}, "a codec of values"},
	{"node/retry", nil, "settings"},
	{"node/kv/hlc", nil, "a clock"},
	{"node/kv/terms", []string{"node/chord"}, "a leaf: what the parts of the key side share"},
	{"node/kv/ownership", []string{"node/chord", "node/kv/terms", "node/retry"}, "the parts of the key side know none of each other"},
	{"node/kv/replication", []string{"node/chord", "node/kv/terms", "node/store"}, "the parts of the key side know none of each other"},
	{"node/kv/handoff", []string{"node/chord", "node/kv/terms", "otel/chordevent"}, "the parts of the key side know none of each other"},
	{"node/kv/termstest", []string{"node/chord", "node/kv/terms"}, "tests call it"},
	{"node/kv", []string{"node/chord", "node/env", "node/nodepb", "node/retry", "node/store", "node/wire", "otel/chordevent"}, "a member's key side reaches the outside through env"},
	{"node/member", []string{"node/chord", "node/env", "node/kv", "node/nodepb", "node/retry", "node/store", "node/wire", "otel/chordevent"}, "a member reaches the outside through env"},
	{"node/client", []string{"node/env/access", "node/nodepb", "internal/netname"}, "a client links no member"},
	{"node/host", []string{"node", "otel", "internal/duration", "internal/netname"}, "a host is the node program without its command line"},
	{"node", []string{"node", "otel", "internal"}, "a node is independent of the conductor"},

	{"otel/chordevent", []string{"node/chord"}, "the vocabulary is shared by node and conductor"},
	{"otel/internal/otlptest", []string{"internal"}, "tests call it"},
	{"otel", []string{"node/chord"}, "telemetry is independent of members and conductor"},

	{"conductor/encoding", []string{"node/chord", "otel/chordevent"}, "a form of events"},
	{"conductor/ring", []string{"node/chord", "otel/chordevent", "conductor/encoding"}, "the fold is pure"},
	{"conductor/lookups", []string{"node/chord", "otel/chordevent"}, "spans to lookups"},
	{"conductor/conform", []string{"node/chord", "otel/chordevent", "conductor/ring", "conductor/lookups"}, "emitters are verified with the packages of the view"},
	{"conductor/memory", nil, "a share is independent of its user"},
	{"conductor/eventlog", []string{"node/chord", "otel/chordevent", "conductor/memory", "conductor/ring", "conductor/encoding", "internal/dirs"}, "ring <- eventlog"},
	{"conductor/live", []string{"node/chord", "otel/chordevent", "conductor/memory", "conductor/ring", "conductor/lookups", "conductor/eventlog", "conductor/encoding", "conductor/internal/histogram"}, "the fold's loop"},
	{"conductor/ingest", []string{"node/chord", "otel/chordevent", "conductor/memory", "conductor/live", "conductor/lookups", "conductor/internal", "internal/dirs", "internal/netname", "internal/reload"}, "ingest imports its consumers only"},
	{"conductor/hub", []string{"node/chord", "otel/chordevent", "conductor/memory", "conductor/ring", "conductor/live", "conductor/lookups", "conductor/eventlog"}, "ring <- hub"},
	{"conductor/lab/scenario", []string{"node/member"}, "what a user writes, by the rule for what a host accepts"},
	{"conductor/lab/runtime", []string{"node/env"}, "time and tasks"},
	{"conductor/lab/load", []string{"node/chord", "node/env", "node/nodepb", "node/wire", "conductor/lab/scenario", "conductor/lab/runtime", "conductor/internal/histogram"}, "a load knows a store, no ring"},
	{"conductor/lab/result", []string{"node/chord", "otel/chordevent", "conductor/ring", "conductor/lab/scenario", "conductor/lab/load"}, "what is measured, as values"},
	{"conductor/lab/report", []string{"node/chord", "node/wire", "conductor/ring", "conductor/lab/scenario", "conductor/lab/load", "conductor/lab/result"}, "a report is a function of a result"},
	{"conductor/lab/deploy", []string{"node", "otel", "conductor/ring", "conductor/lab/scenario", "conductor/lab/load", "conductor/lab/runtime"}, "a fleet knows no simulation and no judge"},
	{"conductor/lab/judge/groundtruth", []string{"node/chord", "node/nodepb", "otel/chordevent"}, "what a node answers about itself"},
	{"conductor/lab/judge", []string{"node/chord", "node/wire", "otel/chordevent", "conductor/memory", "conductor/ring", "conductor/lab/load", "conductor/lab/result"}, "a judge knows events and views, no fleet"},
	{"conductor/lab/run", []string{"node/chord", "node/simenv", "otel", "conductor/live", "conductor/lookups", "conductor/ring", "conductor/lab/deploy", "conductor/lab/judge", "conductor/lab/load", "conductor/lab/result", "conductor/lab/runtime", "conductor/lab/scenario"}, "run is below the controller"},
	{"conductor/lab/controller", []string{"node/chord", "node/nodepb", "node/wire", "conductor/live", "conductor/ring", "conductor/lab"}, "the controller is on top"},
	{"conductor", []string{"conductor", "node", "otel", "client", "internal"}, ""},
	{"client", nil, "assets"},
	{"internal", []string{"node", "otel", "conductor"}, ""},
}

// usesMessages lists the packages that import the generated messages of a node's services, and the
// reason. All other packages use the values into which node/wire decodes messages.
var usesMessages = map[string]string{
	"node/wire":                       "the codec",
	"node/env":                        "calls between members are messages",
	"node/env/access":                 "names services and their methods",
	"node/env/faults":                 "a fault is set by a message",
	"node/env/exchange":               "carries calls over streams",
	"node/env/grpcenv":                "serves and calls over gRPC",
	"node/env/instrument":             "names on spans the members of a call",
	"node/simenv":                     "serves and calls in a simulated world",
	"node/service":                    "answers clients and controllers",
	"node/client":                     "asks as a client",
	"node/host":                       "serves what the service answers",
	"node":                            "the program's client commands",
	"node/kv":                         "calls and answers peers: see docs/architecture.md",
	"node/member":                     "calls and answers peers: see docs/architecture.md",
	"conductor/lab/load":              "asks a store, which is a key service",
	"conductor/lab/deploy":            "a fleet gives access to key services and sets faults",
	"conductor/lab/deploy/deploytest": "a fleet on paper",
	"conductor/lab/deploy/faults":     "orders of faults",
	"conductor/lab/deploy/local":      "a fleet in this process",
	"conductor/lab/deploy/remote":     "a fleet that is called over gRPC",
	"conductor/lab/controller":        "asks a key service for page and API",
	"conductor/lab/judge/groundtruth": "asks what a node answers about itself",
}

func TestMessagesStayInside(t *testing.T) {
	used := map[string]bool{}
	for _, s := range tree(t) {
		if s.test || !slices.Contains(s.imports, module+"node/nodepb") {
			continue
		}
		used[s.dir] = true
		if _, may := usesMessages[s.dir]; !may {
			t.Errorf("%s imports node/nodepb: it should use the values into which node/wire decodes messages", s.name)
		}
	}
	for dir := range usesMessages {
		if !used[dir] {
			t.Errorf("%s does not import node/nodepb: take it off the list", dir)
		}
	}
}

// forAll lists packages that every package may import. They write values as text, and import no
// package of this module.
var forAll = []string{"internal/assertion", "internal/duration", "internal/printable", "internal/version"}

func TestDirections(t *testing.T) {
	for _, s := range tree(t) {
		row := -1
		for i := range directions {
			if within(s.dir, directions[i].dir) {
				row = i
				break
			}
		}
		if row < 0 {
			t.Errorf("%s: the table of directions has no row for this package", s.name)
			continue
		}
		rule := directions[row]
		for _, target := range s.imports {
			to, ours := strings.CutPrefix(target, module)
			if !ours {
				continue
			}
			switch {
			case within(s.dir, "node") && within(to, "conductor"), within(s.dir, "otel") && within(to, "conductor"):
				t.Errorf("%s imports %s: no package of a node may import the conductor", s.name, to)
			case slices.Contains(forAll, to):
			case !s.test && !within(to, rule.dir) && !withinAny(to, rule.may...):
				t.Errorf("%s imports %s, but %s may import %v only (%s)", s.name, to, rule.dir, rule.may, rule.why)
			}
		}
	}
}

// Of the conductor's packages, only those that run rings, control hosts or serve commands import
// packages of a node: telemetry is the only source of the view.
func TestViewKnowsNoNode(t *testing.T) {
	for _, s := range tree(t) {
		if s.test || !withinAny(s.dir, "conductor/ring", "conductor/live", "conductor/lookups", "conductor/eventlog", "conductor/hub", "conductor/ingest", "conductor/encoding") {
			continue
		}
		for _, target := range s.imports {
			if to, ours := strings.CutPrefix(target, module); ours && within(to, "node") && to != "node/chord" {
				t.Errorf("%s imports %s: the view is rebuilt from telemetry alone", s.name, to)
			}
			if within(target, "google.golang.org/grpc") && !within(s.dir, "conductor/ingest") {
				t.Errorf("%s imports %s: the view reads telemetry only", s.name, target)
			}
		}
	}
}

// Only package otel configures OpenTelemetry. Tests of instrumented code read the telemetry with
// the SDK's recorders.
func TestSDKOnlyInOtel(t *testing.T) {
	for _, s := range tree(t) {
		if within(s.dir, "otel") || s.test && within(s.dir, "node/env") {
			continue
		}
		for _, target := range s.imports {
			if withinAny(target, "go.opentelemetry.io/otel/sdk", "go.opentelemetry.io/otel/exporters") {
				t.Errorf("%s imports %s: only otel/ does; providers are injected", s.name, target)
			}
		}
	}
}

// Providers and propagators are injected; no code sets or reads OpenTelemetry's globals. The root
// package of OpenTelemetry's module offers little else, and the instrumentation of gRPC falls back
// to the globals if it is given no provider.
func TestNoGlobals(t *testing.T) {
	const otelgrpc = "go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	given := map[string]map[string]bool{} // directory to functions of otelgrpc it calls
	for _, s := range tree(t) {
		for _, target := range s.imports {
			if target == "go.opentelemetry.io/otel" || within(target, "go.opentelemetry.io/otel/log/global") {
				t.Errorf("%s imports %s, the globals of OpenTelemetry", s.name, target)
			}
		}
		s.calls(func(pkg, function string, _ token.Position) {
			if pkg == otelgrpc {
				if given[s.dir] == nil {
					given[s.dir] = map[string]bool{}
				}
				given[s.dir][function] = true
			}
		})
	}
	for dir, g := range given {
		handles := g["NewClientHandler"] || g["NewServerHandler"]
		if handles && !(g["WithTracerProvider"] && g["WithMeterProvider"] && g["WithPropagators"]) {
			t.Errorf("%s: otelgrpc without a tracer provider, meter provider and propagators of ours uses the globals", dir)
		}
	}
}
