package otel

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// ignored lists variables of the specification that neither this package nor the SDK in this process reads. They are no
// mistakes: an environment is often shared with other programs.
var ignored = []string{
	"OTEL_LOG_LEVEL", "OTEL_ENTITIES", "OTEL_CONFIG_FILE", "OTEL_EXPERIMENTAL_CONFIG_FILE", "OTEL_SEMCONV_STABILITY_OPT_IN",
	"OTEL_EXPORTER_OTLP_SPAN_INSECURE", "OTEL_EXPORTER_OTLP_METRIC_INSECURE",
	"OTEL_EXPORTER_ZIPKIN_ENDPOINT", "OTEL_EXPORTER_ZIPKIN_TIMEOUT",
}

// ignoredPrefixes are those of variables for the SDKs of other languages, for automatic instrumentation, and of the
// Kubernetes operator, which puts a resource together from several variables.
var ignoredPrefixes = []string{
	"OTEL_CPP_", "OTEL_DOTNET_", "OTEL_GO_AUTO_", "OTEL_JAVA_", "OTEL_JAVAAGENT_", "OTEL_JS_", "OTEL_NODE_", "OTEL_PHP_", "OTEL_PYTHON_",
	"OTEL_RUBY_", "OTEL_INSTRUMENTATION_", "OTEL_INJECTOR_", "OTEL_RESOURCE_ATTRIBUTES_",
}

// UnknownVariables returns a warning of one line about OTEL_* variables that are set and that no program reads by these
// names, such as misspelt ones; it is empty if there are none. It has their names and never their values.
func UnknownVariables() string {
	known := slices.Clone(ignored)
	for _, v := range variables() {
		known = append(known, v.name)
	}
	var unknown []string
	for _, setting := range os.Environ() {
		name, value, _ := strings.Cut(setting, "=")
		if !strings.HasPrefix(name, "OTEL_") || strings.TrimSpace(value) == "" || slices.Contains(known, name) ||
			slices.ContainsFunc(ignoredPrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			continue
		}
		if !isToken(name) {
			name = strconv.QuoteToASCII(name)
		}
		unknown = append(unknown, name)
	}
	if len(unknown) == 0 {
		return ""
	}
	slices.Sort(unknown)
	return fmt.Sprintf("%s: no such variable is known, so it has no effect; is the name misspelt?", strings.Join(unknown, ", "))
}
