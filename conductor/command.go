package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.opentelemetry.io/otel/metric"

	"chordconductor/conductor/ingest"
	"chordconductor/conductor/web"
	"chordconductor/internal/redact"
	"chordconductor/internal/version"
	"chordconductor/node/env/access"
	"chordconductor/otel"
)

const about = `Chord Conductor receives the telemetry of a Chord ring over OpenTelemetry and shows the ring live.

Without arguments it receives OTLP on ports 4317 (gRPC) and 4318 (HTTP), serves the page and
the API on http://127.0.0.1:4321, and starts a demo ring of 32 members in this process, under a
light load. All that is shown comes from the telemetry that the members push.`

const examples = `  conductor                                    the demo ring, and the page
  conductor --scenario none                    only receive: for nodes that run elsewhere
  conductor --scenario churn-demo              another shipped scenario, or a file
  conductor --forward-traces localhost:4317 --otlp-grpc 127.0.0.1:14317 --jaeger-ui http://localhost:16686
                                               pass traces on to Jaeger, and link to it
  conductor --scenario churn-demo --speed 10   on a simulated clock and network, ten times as fast
  conductor run adjacent-crashes --report out.html
                                               an experiment without a page, with a report
  conductor run churn-demo --speed virtual     the same in virtual time, in seconds
  conductor scenarios                          list the shipped scenarios
  conductor --record today.otlp                record the received telemetry
  conductor replay today.otlp --speed 10       play a recording`

// options are the flags of the commands that serve the page.
type options struct {
	meters metric.MeterProvider // of tests, for the conductor's own metrics; nil: set by the OTEL_* variables

	http      string
	scenario  string
	speed     string
	pace      float64 // of a simulated world, by --speed; 0: the wall clock
	token     string
	viewToken string
	demoToken bool
	allowHost []string
	basePath  string
	jaegerUI  string
	grafana   string
	dataDir   string
	memory    string
	record    string
	nodes     access.ClientSettings // how this conductor authenticates to node hosts, and verifies them
	ingest    ingest.Config

	otlpInsecure bool
	secrets      *redact.Redactor // of all that is printed
}

// command returns the whole command line.
func command(secrets *redact.Redactor) *cobra.Command {
	root, o := commandWith()
	o.secrets = secrets
	return root
}

// commandWith also returns the options that the flags set.
func commandWith() (*cobra.Command, *options) {
	o := new(options)
	root := &cobra.Command{
		Use:           "conductor",
		Short:         "Receive the telemetry of a Chord ring over OpenTelemetry and show the ring live",
		Long:          about,
		Example:       examples,
		Version:       version.Text(),
		Args:          noArguments,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			if err := o.checkSpeed(cmd.Flags()); err != nil {
				return err
			}
			if err := otel.CheckEnvironment(); err != nil {
				return err
			}
			warnOfVariables(cmd.ErrOrStderr())
			return serve(cmd.Context(), *o, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	root.SetVersionTemplate("conductor {{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	flags := root.Flags()
	flags.SortFlags = false
	flags.StringVar(&o.scenario, "scenario", "demo", "`scenario` to run: the name of a shipped scenario, a file, or none")
	flags.StringVar(&o.speed, "speed", speedReal, "real `time`; virtual, a simulated clock and network as fast as possible; or simulated seconds per second, 0.1 to 100")
	o.pageFlags(flags)
	o.receiverFlags(flags)
	flags.StringVar(&o.dataDir, "data-dir", "", "`directory` for history and queues (default: in memory)")
	o.nodeFlags(flags)
	flags.StringVar(&o.record, "record", "", "new `file` to record events, spans and metrics in, for conductor replay or a Collector")
	root.AddCommand(runCommand(), replayCommand(), scenariosCommand(), healthCommand(), historyCommand(), conformCommand())
	return root, o
}

// pageFlags adds the flags of the page and the API.
func (o *options) pageFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.http, "http", "127.0.0.1:4321", "`address` of the page and the API")
	flags.StringVar(&o.token, "token", os.Getenv("CHORD_TOKEN"),
		"token for the API off loopback, and to sign commands to remote hosts (default $CHORD_TOKEN, else a new one per start)")
	flags.Lookup("token").DefValue = "" // no secret in the help
	flags.StringVar(&o.viewToken, "view-token", os.Getenv("CHORD_VIEW_TOKEN"), "token for reading the page and the API without commands (default $CHORD_VIEW_TOKEN, else none)")
	flags.Lookup("view-token").DefValue = ""
	flags.BoolVar(&o.demoToken, "insecure-demo-token", false, "off loopback, accept weak tokens, for demos")
	flags.StringVar(&o.basePath, "base-path", "", "`path` below which page and API are served, for a proxy that does not remove its prefix, such as /chord")
	flags.StringSliceVar(&o.allowHost, "allow-host", nil, "further Host `name` that the page, the API and the OTLP/HTTP port accept (repeatable)")
	flags.StringVar(&o.ingest.TLS.CertFile, "tls-cert", "", "`file` with the certificate (PEM) of the page and the OTLP ports (this file and the other PEM files are read again when they change; a pipe is read once)")
	flags.StringVar(&o.ingest.TLS.KeyFile, "tls-key", "", "`file` with the certificate's key (PEM)")
	flags.StringVar(&o.memory, "memory", "", "`size` of the memory to use, such as 512MiB (default $GOMEMLIMIT, else nine tenths of the control group's or a quarter of the machine's)")
	flags.StringVar(&o.jaegerUI, "jaeger-ui", "", "`URL` of Jaeger's page, for links to traces")
	flags.StringVar(&o.grafana, "grafana", "", "`URL` of Grafana, for links to dashboards")
}

// receiverFlags adds the flags of the OTLP receiver.
func (o *options) receiverFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.ingest.GRPC, "otlp-grpc", "127.0.0.1:4317", "`address` for OTLP over gRPC")
	flags.StringVar(&o.ingest.HTTP, "otlp-http", "127.0.0.1:4318", "`address` for OTLP over HTTP")
	flags.StringVar(&o.ingest.Token, "otlp-token", os.Getenv("CHORD_OTLP_TOKEN"), "bearer token that senders must send (default $CHORD_OTLP_TOKEN, else none)")
	flags.Lookup("otlp-token").DefValue = ""
	flags.BoolVar(&o.otlpInsecure, "otlp-insecure", false, "off loopback, accept telemetry from every sender that reaches the OTLP ports")
	flags.StringVar(&o.ingest.TLS.ClientCAFile, "tls-client-ca", "", "`file` with the CA (PEM) that must have signed the client certificates of OTLP senders")
	o.forwardFlags(flags)
}

// nodeFlags adds the flags for commands to node hosts.
func (o *options) nodeFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.nodes.CertFile, "node-cert", "", "`file` with the conductor's certificate (PEM), for commands to node hosts over TLS")
	flags.StringVar(&o.nodes.KeyFile, "node-key", "", "`file` with the certificate's key (PEM)")
	flags.StringVar(&o.nodes.CAFile, "node-ca", "", "`file` with the CA (PEM) of the node hosts' certificates")
	flags.StringVar(&o.nodes.ServerPin, "server-pin", os.Getenv("CHORD_SERVER_PIN"), "`fingerprint` of the node hosts' public key, sha256:HEX, as a host with a ring secret prints it (several with commas between; default $CHORD_SERVER_PIN)")
	flags.Lookup("server-pin").DefValue = ""
	flags.StringVar(&o.nodes.Token, "client-token", os.Getenv("CHORD_CLIENT_TOKEN"), "token for the node hosts' key service, over TLS alone (default $CHORD_CLIENT_TOKEN)")
	flags.Lookup("client-token").DefValue = ""
}

// check validates the flags, before anything is started.
func (o *options) check() error {
	for _, a := range []struct{ flag, value string }{{"--otlp-grpc", o.ingest.GRPC}, {"--otlp-http", o.ingest.HTTP}} {
		if err := checkAddress(a.flag, a.value); err != nil {
			return err
		}
	}
	if _, err := o.nodeAccess(); err != nil {
		return err
	}
	if o.ingest.TLS.ClientCAFile != "" && o.ingest.TLS.CertFile == "" {
		return errors.New("--tls-client-ca needs --tls-cert and --tls-key")
	}
	if err := o.checkSenders(); err != nil {
		return err
	}
	if err := o.addHeaders(); err != nil {
		return err
	}
	return o.checkPage()
}

// nodeAccess loads the credentials for connections to node hosts.
func (o *options) nodeAccess() (*access.Client, error) {
	s := o.nodes
	s.Names = access.FlagNames{Cert: "--node-cert", Key: "--node-key", CA: "--node-ca", Pin: "--server-pin", Token: "--client-token"}
	if s.Token != "" && s.Token == o.token {
		return nil, errors.New("--client-token is the conductor's --token: the right to use keys must not include commands to hosts; make another token")
	}
	return access.NewClient(s)
}

// checkPage checks the flags that a replay has as well.
func (o *options) checkPage() error {
	if err := checkAddress("--http", o.http); err != nil {
		return err
	}
	base, err := web.CheckBasePath(o.basePath)
	if err != nil {
		return fmt.Errorf("--base-path %w", err)
	}
	o.basePath = base
	for _, u := range []struct{ flag, value string }{{"--jaeger-ui", o.jaegerUI}, {"--grafana", o.grafana}} {
		if err := checkURL(u.flag, u.value); err != nil {
			return err
		}
	}
	if (o.ingest.TLS.CertFile == "") != (o.ingest.TLS.KeyFile == "") {
		return errors.New("--tls-cert and --tls-key must be set together, or neither")
	}
	if _, err := o.budget(); err != nil {
		return err
	}
	return o.checkTokens()
}

func checkAddress(flag, value string) error {
	host, port, err := net.SplitHostPort(value)
	if err != nil {
		return fmt.Errorf("%s %q: expected HOST:PORT, such as 127.0.0.1:4321", flag, value)
	}
	if _, err := net.LookupPort("tcp", port); err != nil || port == "" {
		return fmt.Errorf("%s %q: %q is not a port number", flag, value, port)
	}
	if strings.ContainsAny(host, " /") {
		return fmt.Errorf("%s %q: %q is not a host", flag, value, host)
	}
	return nil
}

func checkURL(flag, value string) error {
	if value == "" {
		return nil
	}
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%s %q: expected a URL such as http://localhost:16686", flag, value)
	}
	return nil
}

func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unknown command %q; conductor --help lists them", args[0])
	}
	return nil
}

func flagError(_ *cobra.Command, err error) error {
	return fmt.Errorf("%w; --help lists the flags", err)
}
