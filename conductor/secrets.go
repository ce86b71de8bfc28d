package main

import (
	"fmt"

	"github.com/spf13/pflag"

	"chordconductor/internal/redact"
	"chordconductor/node/env/access"
)

// addSecrets registers the secrets among the flags, so that they are never printed. The only exception is the page's
// address on standard output, which contains the token so that the page can be opened.
func addSecrets(r *redact.Redactor, flags *pflag.FlagSet) {
	for _, name := range []string{"token", "view-token", "otlp-token", "client-token"} {
		if f := flags.Lookup(name); f != nil {
			r.Add(f.Value.String())
		}
	}
	addForwardSecrets(r, flags)
	for _, name := range []string{"jaeger-ui", "grafana"} {
		if f := flags.Lookup(name); f != nil {
			r.AddURL(f.Value.String())
		}
	}
}

// checkSenders rejects OTLP ports that accept every sender, on whatever address the page is: senders of telemetry
// determine what the page shows.
func (o *options) checkSenders() error {
	if o.otlpInsecure || o.ingest.TLS.ClientCAFile != "" {
		return nil
	}
	for _, a := range []struct{ flag, value string }{{"--otlp-grpc", o.ingest.GRPC}, {"--otlp-http", o.ingest.HTTP}} {
		switch {
		case access.OnLoopback(a.value):
		case o.ingest.Token != "" && o.demoToken:
		case o.ingest.Token != "":
			if err := access.CheckStrength("--otlp-token", o.ingest.Token); err != nil {
				return fmt.Errorf("%w; --insecure-demo-token accepts it for a demo", err)
			}
		default:
			return fmt.Errorf("%s %s: off loopback senders must authenticate: set --otlp-token or --tls-client-ca, or --otlp-insecure to accept telemetry from every sender", a.flag, a.value)
		}
	}
	return nil
}

// checkTokens rejects tokens that give no protection.
func (o *options) checkTokens() error {
	if err := o.checkDifferent(); err != nil {
		return err
	}
	if access.OnLoopback(o.http) {
		if o.viewToken != "" {
			return fmt.Errorf("--view-token has no effect on loopback (--http %s): every process on this machine may send commands; remove it", o.http)
		}
		return nil
	}
	for _, t := range []struct{ flag, value string }{{"--token", o.token}, {"--view-token", o.viewToken}} {
		if t.value == "" || o.demoToken {
			continue
		}
		if err := access.CheckStrength(t.flag, t.value); err != nil {
			return fmt.Errorf("%w; --insecure-demo-token accepts it for a demo", err)
		}
	}
	return nil
}

// checkDifferent rejects one secret for two purposes: whoever has it would have the rights of both. (nodeAccess checks
// --client-token.)
func (o *options) checkDifferent() error {
	for _, pair := range []struct{ flag, value, other, otherValue, who, could string }{
		{"--view-token", o.viewToken, "--token", o.token, "viewers", "send commands"},
		{"--otlp-token", o.ingest.Token, "--token", o.token, "senders of telemetry", "send commands"},
		{"--otlp-token", o.ingest.Token, "--view-token", o.viewToken, "viewers", "send telemetry, and so determine what the page shows"},
	} {
		if pair.value != "" && pair.value == pair.otherValue {
			return fmt.Errorf("%s and %s are the same, so %s could %s; make another token", pair.flag, pair.other, pair.who, pair.could)
		}
	}
	return nil
}
