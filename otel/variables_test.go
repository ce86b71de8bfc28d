package otel

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"chordconductor/otel/internal/otlptest"
)

// read returns the variables that the SDK and its exporters read, according to their source code.
func read(t *testing.T) map[string]string {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", "-f", `{{$d := .Dir}}{{range .GoFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}`, ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	whole := regexp.MustCompile(`"(OTEL_[A-Z0-9_]*[A-Z0-9])"`)
	suffix := regexp.MustCompile(`(?:With[A-Za-z]+|withEnv[A-Za-z]+)\(\s*"([A-Z_]+)"(?:,\s*"([A-Z_]+)")?`)
	found := map[string]string{}
	for file := range strings.FieldsSeq(string(out)) {
		if !strings.Contains(file, "go.opentelemetry.io/") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range whole.FindAllStringSubmatch(string(text), -1) {
			found[m[1]] = file
		}
		if filepath.Base(file) == "envconfig.go" && strings.Contains(string(text), `"OTEL_EXPORTER_OTLP"`) {
			for _, m := range suffix.FindAllStringSubmatch(regexp.MustCompile(`\s*\n\s*`).ReplaceAllString(string(text), ""), -1) {
				for _, name := range m[1:] {
					if name != "" {
						found["OTEL_EXPORTER_OTLP_"+name] = file
					}
				}
			}
		}
	}
	delete(found, "OTEL_EXPORTER_OTLP") // only a prefix, not a variable
	return found
}

// This package checks every variable that the SDK reads. If a new version of the SDK reads a
// further variable, this test fails.
func TestEveryVariableIsChecked(t *testing.T) {
	checked := map[string]bool{}
	for _, v := range variables() {
		if checked[v.name] {
			t.Errorf("%s is checked twice", v.name)
		}
		checked[v.name] = true
	}
	found := read(t)
	if len(found) < 50 {
		t.Errorf("only %d variables found in the SDK's source: this test no longer finds them all: %v", len(found), found)
	}
	for name, file := range found {
		if !checked[name] {
			t.Errorf("%s is read in %s, but is not checked", name, file)
		}
	}
}

const secret = "s3cr3t-0f-a-sender"

// values returns the values that are tried in every variable.
func values(random *rand.Rand) []string {
	list := []string{
		"Authorization: Bearer " + secret, "authorization=Bearer%20" + secret, "authorization=%zz" + secret, "=" + secret, secret, secret + "=",
		"a=b," + secret, "a=b\x01" + secret, "http://user:" + secret + "@", "http://user:" + secret + "@[", "https://user:" + secret + "@127.0.0.1:1",
		"unix:///" + secret, "-----BEGIN PRIVATE KEY-----\n" + secret, "/no/such/" + "file", "0", "-1", "-2", "1", "5000", "1.5", "nan", "1e400", "99999999999999999999", "9223372036854775807",
		"4611686018427387904", " 7 ", "7\n", "true", "TRUE", "yes", "grpc", "GRPC", "gzip", "otlp", "otlp,none", "none", "always_on", "traceidratio", "delta", "Explicit_Bucket_Histogram", "tracecontext", "b3", ",", "=", "%",
	}
	const letters = "abcXYZ019=,:%/@. \t-_"
	for range 10 {
		var b strings.Builder
		b.WriteByte("xX9= %,"[random.IntN(7)]) // a character with which no path begins, since errors may contain paths
		for range 1 + random.IntN(30) {
			b.WriteByte(letters[random.IntN(len(letters))])
		}
		list = append(list, b.String()+secret)
	}
	return list
}

// For every variable and any value, a mistake gives an error of one line that names the variable
// and does not contain the value. The SDK accepts the values that the check accepts, and prints
// nothing. A separate process captures what the SDK prints.
func TestMistakesInTheEnvironment(t *testing.T) {
	if os.Getenv("VARIABLES_TEST_CHILD") == "1" {
		tryVariables(t)
		return
	}
	type try struct{ Name, Value string }
	var tries []try
	random := rand.New(rand.NewPCG(7, 8))
	for _, v := range variables() {
		for _, value := range values(random) {
			tries = append(tries, try{v.name, value})
		}
	}
	accepted, refused := 0, 0
	var list bytes.Buffer
	for _, c := range tries {
		if strings.ContainsRune(c.Value, 0) {
			continue
		}
		t.Setenv(c.Name, c.Value)
		err := CheckEnvironment()
		if err == nil {
			accepted++
			line, _ := json.Marshal(c)
			list.Write(append(line, '\n'))
		} else {
			refused++
			text := err.Error()
			if !strings.Contains(text, c.Name) || strings.Contains(text, "\n") || strings.Contains(text, secret) {
				t.Errorf("%s=%q: the error is not one line that names the variable and not its value: %v", c.Name, c.Value, err)
			}
			if tel, err := Setup(t.Context(), Config{}); err == nil {
				_ = tel.Shutdown(t.Context())
				t.Errorf("%s=%q: Setup returned no error", c.Name, c.Value)
			}
		}
		os.Unsetenv(c.Name)
	}
	if accepted < 200 || refused < 1000 {
		t.Errorf("%d values were accepted and %d refused: this test tries too few", accepted, refused)
	}
	child := exec.Command(os.Args[0], "-test.run=^TestMistakesInTheEnvironment$")
	child.Env = append(os.Environ(), "VARIABLES_TEST_CHILD=1")
	child.Stdin = &list
	var printed bytes.Buffer
	child.Stderr = &printed
	if out, err := child.Output(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for line := range strings.Lines(printed.String()) {
		if !strings.Contains(line, "context canceled") && !strings.Contains(line, "context deadline exceeded") { // an export that the limit below ended
			t.Errorf("for an accepted value the SDK printed: %.2000s", line)
		}
	}
}

// tryVariables sets up telemetry with each of the variables that it reads from standard input.
func tryVariables(t *testing.T) {
	r := otlptest.New(t)
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var c struct{ Name, Value string }
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		os.Setenv(c.Name, c.Value)
		cfg := Config{Endpoint: "http://" + r.GRPC}
		if strings.HasSuffix(c.Name, "_PROTOCOL") && c.Value == httpProtocol {
			cfg.Endpoint = "http://" + r.HTTP
		}
		tel, err := Setup(context.Background(), cfg)
		if err == nil {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
			_ = tel.Shutdown(ctx) // the error does not matter: the receiver is not under test
			cancel()
		} else if !strings.Contains(c.Name, "PROMETHEUS") && !strings.Contains(c.Value, "prometheus") {
			fmt.Fprintf(os.Stderr, "%s=%q was accepted by the check, but not by the SDK: %v\n", c.Name, c.Value, err)
		}
		os.Unsetenv(c.Name)
	}
}

// Values that the SDK accepts and then ignores, or that make only a later export fail, are also
// mistakes.
func TestIgnoredValues(t *testing.T) {
	for _, test := range []struct {
		set  string // NAME=value, several separated by spaces
		want string // part of the error's text; empty: no error
	}{
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:99999", "expected a port from 1 to 65535"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:0", "expected a port from 1 to 65535"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://:4317", "expected a URL such as"},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://127.0.0.1:4317/?token=" + secret, "expected a URL such as"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://[::1]:4317/v1", ""},
		{"OTEL_TRACES_SAMPLER_ARG=0.5", "OTEL_TRACES_SAMPLER_ARG: is ignored unless"},
		{"OTEL_TRACES_SAMPLER=always_on OTEL_TRACES_SAMPLER_ARG=0.5", "OTEL_TRACES_SAMPLER_ARG: is ignored unless"},
		{"OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=0.5", ""},
		{"OTEL_BSP_MAX_QUEUE_SIZE=10", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE: expected at most OTEL_BSP_MAX_QUEUE_SIZE"},
		{"OTEL_BLRP_MAX_QUEUE_SIZE=10 OTEL_BLRP_MAX_EXPORT_BATCH_SIZE=11", "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE: expected at most"},
		{"OTEL_BSP_MAX_QUEUE_SIZE=10 OTEL_BSP_MAX_EXPORT_BATCH_SIZE=10", ""},
		{"OTEL_EXPORTER_PROMETHEUS_HOST=not/a/host", "expected a host name or an IP address"},
		{"OTEL_EXPORTER_PROMETHEUS_HOST=fe80::1%eth0", ""},
	} {
		t.Run(test.set, func(t *testing.T) {
			for _, one := range strings.Fields(test.set) {
				name, value, _ := strings.Cut(one, "=")
				t.Setenv(name, value)
			}
			switch err := CheckEnvironment(); {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), secret)):
				t.Errorf("the error is %v, want one that contains %q", err, test.want)
			}
		})
	}
}

// The error for an address that cannot be served names its variables and not the address: the value
// may be a secret.
func TestPrometheusHostIsNotPrinted(t *testing.T) {
	t.Setenv("OTEL_METRICS_EXPORTER", "prometheus")
	t.Setenv("OTEL_EXPORTER_PROMETHEUS_HOST", secret+"..") // no host name ends like this
	tel, err := Setup(t.Context(), Config{})
	if err == nil {
		_ = tel.Shutdown(t.Context())
		t.Fatal("Setup returned no error for an address that does not exist")
	}
	if strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "OTEL_EXPORTER_PROMETHEUS_HOST") {
		t.Error(err)
	}
}
