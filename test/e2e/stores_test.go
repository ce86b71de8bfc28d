package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chordconductor/test/internal/polltest"
)

// getJSON requests an address of a real store and decodes the answer.
func getJSON(address string, into any) error {
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Get(address)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: status %d: %s", address, response.StatusCode, tail(string(body), 300))
	}
	return json.Unmarshal(body, into)
}

// startJaeger starts a real Jaeger on free ports with the shipped configuration, its span metrics in a Prometheus, and
// returns the addresses of OTLP over gRPC and HTTP, and the query API's URL.
func startJaeger(t *testing.T, prometheus string) (overGRPC, overHTTP, query string) {
	t.Helper()
	config, err := os.ReadFile(filepath.Join(root, "dashboards/jaeger.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"16686", "16685", "13133", "4317", "4318"}
	ports := freePorts(t, len(names))
	var pairs []string
	for i, name := range names {
		pairs = append(pairs, "0.0.0.0:"+name, local(ports[i]))
	}
	path := filepath.Join(t.TempDir(), "jaeger.yaml")
	text := strings.NewReplacer(pairs...).Replace(string(config))
	text = strings.ReplaceAll(text, "http://prometheus:9090", prometheus)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, []string{"OTEL_TRACES_SAMPLER=always_off"}, onPath(t, "jaeger"), "--config", path)
	query = "http://" + local(ports[0])
	polltest.Passes(t, 30*time.Second, "Jaeger is healthy, by what docker-compose.yml asks", func() error {
		var any map[string]any
		return getJSON("http://"+local(ports[2])+"/status", &any)
	})
	return local(ports[3]), local(ports[4]), query
}

// startPrometheus starts a real Prometheus with the shipped configuration and returns its URL.
func startPrometheus(t *testing.T) string {
	t.Helper()
	config, err := filepath.Abs(filepath.Join(root, "dashboards/prometheus.yml"))
	if err != nil {
		t.Fatal(err)
	}
	address := local(freePorts(t, 1)[0])
	start(t, nil, onPath(t, "prometheus"), "--config.file="+config, "--storage.tsdb.path="+t.TempDir(),
		"--web.listen-address="+address, "--web.enable-otlp-receiver", "--enable-feature=exemplar-storage")
	base := "http://" + address
	polltest.Passes(t, 30*time.Second, "Prometheus is ready", func() error {
		response, err := http.Get(base + "/-/ready")
		if err != nil {
			return err
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d", response.StatusCode)
		}
		return nil
	})
	return base
}

// promValue evaluates an instant query that yields one sample.
func promValue(base, query string) (value string, err error) {
	var answer struct {
		Data struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	if err := getJSON(base+"/api/v1/query?query="+url.QueryEscape(query), &answer); err != nil {
		return "", err
	}
	if len(answer.Data.Result) == 0 {
		return "", fmt.Errorf("%s: no data", query)
	}
	return fmt.Sprint(answer.Data.Result[0].Value[1]), nil
}

// promLabel returns the value of a label on any one series of a metric.
func promLabel(base, metric, label string) (string, error) {
	var answer struct {
		Data []map[string]string `json:"data"`
	}
	if err := getJSON(base+"/api/v1/series?match[]="+url.QueryEscape(metric), &answer); err != nil {
		return "", err
	}
	for _, series := range answer.Data {
		if value := series[label]; value != "" {
			return value, nil
		}
	}
	return "", fmt.Errorf("none of %d series of %s has a label %s", len(answer.Data), metric, label)
}

// A span from Jaeger's query API.
type span struct {
	SpanID     string `json:"spanID"`
	Operation  string `json:"operationName"`
	StartTime  int64  `json:"startTime"` // microseconds
	Duration   int64  `json:"duration"`
	ProcessID  string `json:"processID"`
	References []struct {
		Type   string `json:"refType"`
		SpanID string `json:"spanID"`
	} `json:"references"`
	Tags []tag   `json:"tags"`
	Logs []event `json:"logs"`
}

// A tag is an attribute, of a span, an event or a process.
type tag struct {
	Key   string `json:"key"`
	Value any    `json:"value"`
}

// An event of a span; its name is the field "event".
type event struct {
	Timestamp int64 `json:"timestamp"`
	Fields    []tag `json:"fields"`
}

func find(tags []tag, key string) string {
	for _, tag := range tags {
		if tag.Key == key {
			return fmt.Sprint(tag.Value)
		}
	}
	return ""
}

func (e event) field(key string) string { return find(e.Fields, key) }

func (s span) tag(key string) string { return find(s.Tags, key) }

// event returns the span's first event with a name; nil if there is none.
func (s span) event(name string) *event {
	for i := range s.Logs {
		if s.Logs[i].field("event") == name {
			return &s.Logs[i]
		}
	}
	return nil
}

func (s span) parent() string {
	for _, reference := range s.References {
		if reference.Type == "CHILD_OF" {
			return reference.SpanID
		}
	}
	return ""
}

type trace struct {
	TraceID   string `json:"traceID"`
	Spans     []span `json:"spans"`
	Processes map[string]struct {
		Service string `json:"serviceName"`
		Tags    []tag  `json:"tags"`
	} `json:"processes"`
}

func jaegerTraces(base, path string) ([]trace, error) {
	var answer struct {
		Data []trace `json:"data"`
	}
	err := getJSON(base+path, &answer)
	return answer.Data, err
}

// servicePerformance makes the queries of Jaeger's Monitor page: the call rate and the latency of lookups.
func servicePerformance(base string) error {
	for _, path := range []string{"calls?", "latencies?quantile=0.95&"} {
		var answer struct {
			Metrics []struct {
				Labels []struct{ Name, Value string }
				Points []any `json:"metricPoints"`
			}
		}
		query := "service=chord-node&groupByOperation=true&lookback=600000&step=5000&ratePer=60000&spanKind=internal&spanKind=server"
		if err := getJSON(base+"/api/metrics/"+path+query, &answer); err != nil {
			return err
		}
		found := false
		for _, metric := range answer.Metrics {
			for _, label := range metric.Labels {
				found = found || label.Value == "chord.lookup" && len(metric.Points) > 0
			}
		}
		if !found {
			return fmt.Errorf("%s: none of %d operations is chord.lookup", path, len(answer.Metrics))
		}
	}
	return nil
}

// hopsNest checks that a trace's hop spans form one chain: each is a descendant of the hop before it, with only spans of
// RPCs between, and each names its member and the pointer used. It returns the number of hops.
func hopsNest(tr trace) (int, error) {
	byID := map[string]span{}
	var hops []span
	for _, s := range tr.Spans {
		byID[s.SpanID] = s
		if s.Operation == "chord.lookup.hop" {
			hops = append(hops, s)
		}
	}
	for _, hop := range hops {
		if hop.tag("chord.node.id") == "" || hop.tag("chord.host.id") == "" || hop.tag("chord.lookup.pointer") == "" {
			return 0, fmt.Errorf("hop %s lacks its member, host or pointer: %v", hop.SpanID, hop.Tags)
		}
		depth, at := 0, hop
		for at.parent() != "" {
			next, ok := byID[at.parent()]
			if !ok {
				return 0, fmt.Errorf("span %s names a parent %s that is not in the trace", at.SpanID, at.parent())
			}
			at = next
			if at.Operation == "chord.lookup.hop" || at.Operation == "chord.lookup" {
				depth++
			}
		}
		if at.Operation == "chord.lookup.hop" {
			return 0, fmt.Errorf("hop %s has no lookup above it", hop.SpanID)
		}
		if want := hop.tag("chord.lookup.hop"); want != fmt.Sprint(depth) {
			return 0, fmt.Errorf("hop %s is numbered %s and nested %d deep", hop.SpanID, want, depth)
		}
	}
	return len(hops), nil
}
