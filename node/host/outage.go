package host

import "sync/atomic"

// outage is the state of the host's telemetry export: it begins when exports fail. The first line
// printed adds that the ring works without telemetry.
type outage struct {
	printf func(format string, args ...any)

	on   atomic.Bool
	hint atomic.Bool // whether it has been printed
}

// begins is called with errors of failed exports; they are few enough to print each.
func (o *outage) begins(err error) {
	o.on.Store(true)
	hint := ""
	if !o.hint.Swap(true) {
		hint = "; the ring works without it (OTEL_EXPORTER_OTLP_ENDPOINT sets the receiver, OTEL_SDK_DISABLED=true turns telemetry off)"
	}
	o.printf("cannot export telemetry: %v%s", err, hint)
}

// ends is called when events are exported again.
func (o *outage) ends() {
	if o.on.Swap(false) {
		o.printf("telemetry is exported again")
	}
}
