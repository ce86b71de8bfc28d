package otel

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// The SDK ignores a value that it cannot parse, and prints some of these values to stderr, among
// them headers with secrets. So every variable that the SDK or this package reads is checked
// before. The error names the variable and what is expected, and never repeats the value, since any
// variable may contain a secret by mistake.

// A variable is an environment variable with a check, which returns an error for an invalid value.
// The check is not called with an empty value.
type variable struct {
	name  string
	check func(value string) error
}

// maxBuffer bounds the queues and batches whose length a variable sets: the SDK allocates their
// whole memory at the start.
const maxBuffer = 1 << 20

// variables lists the variables that are checked one at a time. Pairs of a certificate and a key
// are checked elsewhere.
func variables() []variable {
	list := []variable{
		{"OTEL_SDK_DISABLED", oneOf("true", "false")},
		{"OTEL_SERVICE_NAME", anyText},
		{"OTEL_RESOURCE_ATTRIBUTES", pairs(func(string) bool { return true }, func(string) bool { return true })},
		{"OTEL_PROPAGATORS", checkPropagators},
		{"OTEL_TRACES_EXPORTER", oneOf("otlp", "none")},
		{"OTEL_LOGS_EXPORTER", oneOf("otlp", "none")},
		{"OTEL_METRICS_EXPORTER", checkMetricExporters},
		{"OTEL_EXPORTER_PROMETHEUS_HOST", checkHost},
		{"OTEL_EXPORTER_PROMETHEUS_PORT", integer("a port", 0, math.MaxUint16)},
		{"OTEL_TRACES_SAMPLER", oneOf("always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio")},
		{"OTEL_TRACES_SAMPLER_ARG", checkSamplerArg},
		{"OTEL_METRICS_EXEMPLAR_FILTER", oneOf("always_on", "always_off", "trace_based")},
		{"OTEL_METRIC_EXPORT_INTERVAL", milliseconds},
		{"OTEL_METRIC_EXPORT_TIMEOUT", milliseconds},
		{"OTEL_GO_X_CARDINALITY_LIMIT", integer("a number of series", 0, math.MaxInt32)},
		{"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", oneOf("cumulative", "delta", "lowmemory")},
		{"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", oneOf("explicit_bucket_histogram", "base2_exponential_bucket_histogram")},
	}
	for _, prefix := range []string{"OTEL_BSP_", "OTEL_BLRP_"} {
		list = append(list,
			variable{prefix + "SCHEDULE_DELAY", milliseconds}, variable{prefix + "EXPORT_TIMEOUT", milliseconds},
			variable{prefix + "MAX_QUEUE_SIZE", integer("a number of records", 1, maxBuffer)},
			variable{prefix + "MAX_EXPORT_BATCH_SIZE", integer("a number of records", 1, maxBuffer)})
	}
	for _, name := range []string{"ATTRIBUTE_VALUE_LENGTH", "ATTRIBUTE_COUNT", "SPAN_ATTRIBUTE_VALUE_LENGTH", "SPAN_ATTRIBUTE_COUNT", "SPAN_EVENT_COUNT",
		"EVENT_ATTRIBUTE_COUNT", "SPAN_LINK_COUNT", "LINK_ATTRIBUTE_COUNT", "LOGRECORD_ATTRIBUTE_COUNT", "LOGRECORD_ATTRIBUTE_VALUE_LENGTH"} {
		list = append(list, variable{"OTEL_" + name + "_LIMIT", integer("a limit, -1 for none", -1, math.MaxInt32)})
	}
	for _, prefix := range otlpPrefixes {
		list = append(list,
			variable{prefix + "ENDPOINT", checkURL},
			variable{prefix + "PROTOCOL", oneOf(grpcProtocol, httpProtocol)},
			variable{prefix + "COMPRESSION", oneOf("gzip", "none")},
			variable{prefix + "INSECURE", oneOf("true", "false")},
			variable{prefix + "TIMEOUT", milliseconds},
			variable{prefix + "HEADERS", pairs(isToken, isPrintable)},
			variable{prefix + "CERTIFICATE", checkAuthorities},
			variable{prefix + "CLIENT_CERTIFICATE", anyText}, // checked together with its key, below
			variable{prefix + "CLIENT_KEY", anyText})
	}
	return list
}

// otlpPrefixes are the prefixes of the exporters' variables: the one that all signals share, and
// one for each signal.
var otlpPrefixes = [...]string{"OTEL_EXPORTER_OTLP_", "OTEL_EXPORTER_OTLP_TRACES_", "OTEL_EXPORTER_OTLP_METRICS_", "OTEL_EXPORTER_OTLP_LOGS_"}

// CheckEnvironment returns an error of one line that names every OTEL_* variable whose value would
// be ignored.
func CheckEnvironment() error {
	var wrong []string
	for _, err := range (environ{}).mistakes() {
		wrong = append(wrong, err.Error())
	}
	if len(wrong) == 0 {
		return nil
	}
	return errors.New(strings.Join(wrong, "; "))
}

// mistakes returns an error of one line for everything that is wrong with the variables.
func (e environ) mistakes() (wrong []error) {
	for _, v := range variables() {
		if value := e.get(v.name); value != "" {
			if exact(v.name) {
				value = os.Getenv(v.name)
			}
			if err := v.check(value); err != nil {
				wrong = append(wrong, fmt.Errorf("%s: %w", v.name, err))
			}
		}
	}
	for _, prefix := range []string{"OTEL_BSP_", "OTEL_BLRP_"} {
		queue, batch := number(prefix+"MAX_QUEUE_SIZE", 2048), number(prefix+"MAX_EXPORT_BATCH_SIZE", 512)
		if queue > 0 && batch > queue {
			wrong = append(wrong, fmt.Errorf("%sMAX_EXPORT_BATCH_SIZE: expected at most %sMAX_QUEUE_SIZE", prefix, prefix))
		}
	}
	for _, prefix := range otlpPrefixes {
		cert, key := e.get(prefix+"CLIENT_CERTIFICATE"), e.get(prefix+"CLIENT_KEY")
		switch {
		case cert == "" && key == "":
		case key == "":
			wrong = append(wrong, fmt.Errorf("%sCLIENT_CERTIFICATE needs %sCLIENT_KEY: set both, or neither", prefix, prefix))
		case cert == "":
			wrong = append(wrong, fmt.Errorf("%sCLIENT_KEY needs %sCLIENT_CERTIFICATE: set both, or neither", prefix, prefix))
		default:
			if err := checkPair(prefix, cert, key); err != nil {
				wrong = append(wrong, err)
			}
		}
	}
	return wrong
}

// number returns the value of a variable, its default if it is not set, or 0 if it is not a number.
func number(name string, byDefault int64) int64 {
	text := os.Getenv(name)
	if text == "" {
		return byDefault
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// exact reports whether the SDK parses a variable's value with the white space around it, so that a
// number with white space is not valid.
func exact(name string) bool {
	return strings.HasPrefix(name, "OTEL_BSP_") || strings.HasPrefix(name, "OTEL_BLRP_") || strings.HasPrefix(name, "OTEL_METRIC_") || strings.HasSuffix(name, "_LIMIT")
}

func anyText(string) error { return nil }

// oneOf returns a check that accepts the given values, in upper or lower case if the SDK does.
func oneOf(values ...string) func(string) error {
	return func(value string) error {
		for _, allowed := range values {
			if value == allowed || allowed != grpcProtocol && allowed != "gzip" && allowed != "none" && allowed != "otlp" && strings.EqualFold(value, allowed) {
				return nil
			}
		}
		if n := len(values); n > 2 {
			return fmt.Errorf("expected %s or %s", strings.Join(values[:n-1], ", "), values[n-1])
		}
		return fmt.Errorf("expected %s", strings.Join(values, " or "))
	}
}

func integer(what string, least, most int64) func(string) error {
	return func(value string) error {
		if n, err := strconv.ParseInt(value, 10, 64); err != nil || n < least || n > most {
			return fmt.Errorf("expected %s, from %d to %d", what, least, most)
		}
		return nil
	}
}

// checkHost accepts what may be a host name or an IP address.
func checkHost(value string) error {
	if strings.IndexFunc(value, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(".-_:%", r)
	}) >= 0 {
		return errors.New("expected a host name or an IP address")
	}
	return nil
}

func milliseconds(value string) error {
	return integer("milliseconds", 1, int64(24*time.Hour/time.Millisecond))(value)
}

// checkSamplerArg checks the ratio of those samplers that use one.
func checkSamplerArg(value string) error {
	sampler := environ{}.get("OTEL_TRACES_SAMPLER")
	if !strings.HasSuffix(strings.ToLower(sampler), "traceidratio") {
		return errors.New("is ignored unless OTEL_TRACES_SAMPLER is traceidratio or parentbased_traceidratio")
	}
	if ratio, err := strconv.ParseFloat(value, 64); err != nil || !(ratio >= 0 && ratio <= 1) {
		return errors.New("expected a ratio from 0 to 1")
	}
	return nil
}

// pairs returns a check that accepts a list of key=value, separated by commas, with percent-encoded
// values. Its error identifies an entry by its position.
func pairs(isKey, isValue func(string) bool) func(string) error {
	return func(text string) error {
		entries := strings.Split(text, ",")
		for i, entry := range entries {
			key, raw, found := strings.Cut(entry, "=")
			value, err := url.PathUnescape(strings.TrimSpace(raw))
			key = strings.TrimSpace(key)
			if !found || key == "" || !isKey(key) || err != nil || !isValue(value) {
				return fmt.Errorf("entry %d of %d: expected key=value with the value percent-encoded, such as tenant=a%%20b; commas separate entries", i+1, len(entries))
			}
		}
		return nil
	}
}

// isToken reports whether key is a valid name of an HTTP header: a token in RFC 9110.
func isToken(key string) bool {
	return strings.IndexFunc(key, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	}) < 0
}

func isPrintable(value string) bool {
	return strings.IndexFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}

func checkAuthorities(file string) error {
	pem, err := os.ReadFile(file)
	if err != nil {
		return unreadable(file, err)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(pem) {
		return fmt.Errorf("no certificate in PEM form in the file%s", shown(file))
	}
	return nil
}

func checkPair(prefix, certFile, keyFile string) error {
	cert, err := os.ReadFile(certFile)
	if err != nil {
		return fmt.Errorf("%sCLIENT_CERTIFICATE: %w", prefix, unreadable(certFile, err))
	}
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return fmt.Errorf("%sCLIENT_KEY: %w", prefix, unreadable(keyFile, err))
	}
	if _, err := tls.X509KeyPair(cert, key); err != nil {
		return fmt.Errorf("%sCLIENT_CERTIFICATE and %sCLIENT_KEY: no certificate in PEM form with its key", prefix, prefix)
	}
	return nil
}

// unreadable returns an error about a file that cannot be read. It contains the file's name only if
// the name looks like a path: the value may be a key that was given instead of the name of its
// file.
func unreadable(file string, err error) error {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("cannot read the file%s: %w", shown(file), err)
}

func shown(file string) string {
	isPath := strings.HasPrefix(file, "/") || strings.HasPrefix(file, "./") || strings.HasPrefix(file, "../")
	if isPath && len(file) <= 100 && isPrintable(file) {
		return " " + file
	}
	return ""
}
