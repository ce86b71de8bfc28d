package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"chordconductor/internal/duration"
	"chordconductor/internal/version"
	"chordconductor/node/chord"
	"chordconductor/node/env/access"
	"chordconductor/node/host"
	"chordconductor/node/member"
)

// options are a host's settings from the command line.
type options struct {
	listen, advertise string
	hostID, ring      string
	join              []string
	joinGiven         bool // true even if the list is empty
	joinTimeout       time.Duration
	virtualNodes      int
	bits              int
	successors        int
	replicas          int
	stabilize         time.Duration
	callLimit         time.Duration
	lookup            string
	memory            int64
	demoToken         bool
	dieAfter          string
	access            access.Settings // including the control token
}

// newRoot returns the command line, which fills in o.
func newRoot(end *ending, o *options) *cobra.Command {
	root := &cobra.Command{
		Use:   "node",
		Short: "A host of a Chord ring, and the client of such a host",
		Long: fmt.Sprintf(`node runs one host of a Chord ring, with one or more members (virtual nodes), until a signal stops it:
on SIGTERM or Ctrl-C its members hand their keys off and leave the ring, which may take %v; another signal, a second
later or more, ends it at once. Its subcommands are clients of a running host.

Events, traces and metrics are exported over OTLP to http://localhost:4317, or as the OTEL_* variables configure.`, host.LeaveLimit),
		Example: `  node --listen 127.0.0.1:7001
  node --listen 127.0.0.1:7002 --join 127.0.0.1:7001 --virtual-nodes 8
  node put --addr 127.0.0.1:7001 tide high
  node lookup --addr 127.0.0.1:7002 tide`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q; node --help lists them", args[0])}
			}
			return nil
		},
		Version: version.Text(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.joinGiven = cmd.Flags().Changed("join")
			return serve(cmd.Context(), end, o)
		},
		// main prints errors, once and on one line.
		SilenceErrors: true, SilenceUsage: true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; --help lists the flags", err)}
	})
	root.SetVersionTemplate("node {{.Version}}\n")

	f, lan := root.Flags(), host.LAN()
	f.StringVar(&o.listen, "listen", "127.0.0.1:7001", "`address` to listen on, HOST:PORT; port 0 picks a free one")
	f.StringVar(&o.advertise, "advertise", "", "`address` at which other hosts reach this one, HOST:PORT (default: the one listened on; on all interfaces the host's name)")
	f.StringSliceVar(&o.join, "join", nil, "`addresses` of hosts to join through, HOST:PORT, separated by commas; one that answers is enough; none, or only the own advertised address: found a ring")
	f.DurationVar(&o.joinTimeout, "join-timeout", lan.JoinTimeout, "end if no host could be joined within this time")
	f.Lookup("join-timeout").DefValue = duration.Text(o.joinTimeout) // DurationVar has set it to the default
	f.IntVar(&o.virtualNodes, "virtual-nodes", lan.VirtualNodes, fmt.Sprintf("members on this host: at most %d, and at most a quarter of the identifiers", member.MaxVirtualNodes))
	f.IntVar(&o.bits, "bits", lan.Bits, fmt.Sprintf("bits of an identifier, %d to %d; the same on all hosts", chord.MinBits, chord.MaxBits))
	f.IntVar(&o.successors, "successors", lan.Successors, fmt.Sprintf("length of successor lists, up to %d; at least 2 with more than 1 replica; the same on all hosts", member.MaxSuccessors))
	f.IntVar(&o.replicas, "replicas", lan.Replicas, fmt.Sprintf("hosts that hold each key, up to %d; the same on all hosts", member.MaxReplicas))
	f.DurationVar(&o.stabilize, "stabilize", lan.Stabilize, "base interval of ring maintenance")
	f.DurationVar(&o.callLimit, "call-limit", lan.CallLimit, "time limit of a call to a peer; one that has twice not answered in time is treated as dead")
	f.StringVar(&o.lookup, "lookup", lan.Lookup, "routing mode of lookups: recursive or iterative")
	f.Int64Var(&o.memory, "memory", 0, "limit for stored keys and values, in `MiB`; 0: none")
	f.StringVar(&o.hostID, "host-id", "", "name of the failure domain (default: the advertised address)")
	f.StringVar(&o.ring, "ring", lan.Ring, "name of the ring; hosts of another ring are refused")
	secretVar(f, &o.access.ControlToken, "control-token", "CHORD_CONTROL_TOKEN", "token of controllers, which sign their commands with it and never send it; without one only loopback may command")
	f.BoolVar(&o.demoToken, "insecure-demo-token", false, "off loopback, accept a --control-token that can be guessed, for demos")
	f.BoolVar(&o.access.Insecure, "insecure", false, "allow unauthenticated peers and clients on an address that other machines reach")
	f.StringVar(&o.dieAfter, "die-after", "", "crash the host after a random time in this `range`, such as 30s-90s, for experiments")
	p := root.PersistentFlags()
	p.StringVar(&o.access.CertFile, "tls-cert", "", "`file` with this program's certificate (PEM; turns mutual TLS on, with the two below; the three files are read again when they change, a pipe once)")
	p.StringVar(&o.access.KeyFile, "tls-key", "", "`file` with its key (PEM)")
	p.StringVar(&o.access.CAFile, "tls-ca", "", "`file` with the CA certificates by which certificates of peers and clients are verified (PEM)")
	secretVar(p, &o.access.RingSecret, "ring-secret", "CHORD_RING_SECRET", "secret of all hosts of the ring, 128 bits or more, in place of certificates; or NEW,OLD: the first is used, both are accepted")
	secretVar(p, &o.access.ClientToken, "client-token", "CHORD_CLIENT_TOKEN", "token of clients of the key service that have no certificate, sent only over TLS")
	root.AddCommand(clientCommands(&o.access)...)
	root.AddCommand(pinCommand(&o.access))
	return root
}

// secretVar defines a string flag. Its default is an environment variable, whose value no help
// shows. The variable is the safer place: other users of a machine see a program's arguments.
func secretVar(f *pflag.FlagSet, value *string, name, variable, usage string) {
	f.StringVar(value, name, os.Getenv(variable), usage+" ($"+variable+", which other users do not see)")
	f.Lookup(name).DefValue = ""
}

// pinCommand prints the pins of a ring secret, to configure clients before a host runs.
func pinCommand(s *access.Settings) *cobra.Command {
	return &cobra.Command{
		Use: "pin", Short: "Print the public key's fingerprint of the ring secret, for --server-pin", Args: noArguments,
		Example: "  CHORD_RING_SECRET=$(cat ring.secret) node pin",
		RunE: func(cmd *cobra.Command, _ []string) error {
			secrets, err := access.ParseRingSecrets("--ring-secret", s.RingSecret)
			if err == nil && len(secrets) == 0 {
				err = errors.New("pin: no ring secret: set CHORD_RING_SECRET")
			}
			if err != nil {
				return usageError{err}
			}
			pins, err := access.Pins(secrets)
			for _, pin := range pins {
				fmt.Fprintln(cmd.OutOrStdout(), pin)
			}
			return err
		},
	}
}

func noArguments(cmd *cobra.Command, given []string) error {
	if len(given) > 0 {
		return usageError{fmt.Errorf("%s: takes no arguments", cmd.Name())}
	}
	return nil
}

// check validates the options before anything is started.
func (o *options) check() error {
	if o.joinGiven && len(o.join) == 0 { // probably an unset variable in a script; to found another ring is hardly what the user wants
		return fmt.Errorf("--join: names no host; to found a ring leave the flag out")
	}
	for _, n := range []struct {
		flag  string
		value int
	}{{"bits", o.bits}, {"successors", o.successors}, {"replicas", o.replicas}, {"stabilize", int(o.stabilize)}, {"call-limit", int(o.callLimit)}, {"virtual-nodes", o.virtualNodes}} {
		if n.value == 0 { // package host would replace 0 by its default
			return fmt.Errorf("--%s 0: must be positive", n.flag)
		}
	}
	if o.listen == "" { // the same for an empty text
		return fmt.Errorf("--listen %q: expected HOST:PORT", o.listen)
	}
	if o.ring == "" {
		return fmt.Errorf("--ring: the name is empty")
	}
	if o.memory < 0 || o.memory > 1<<30 {
		return fmt.Errorf("--memory %d: must be from 0 (no limit) to %d MiB", o.memory, 1<<30)
	}
	if o.joinTimeout <= 0 {
		return fmt.Errorf("--join-timeout %s: must be positive", duration.Text(o.joinTimeout))
	}
	if _, err := parseLifetime("--die-after", o.dieAfter); err != nil {
		return err
	}
	return o.config().Validate()
}

// config returns the host's configuration.
func (o *options) config() host.Config {
	return host.Config{
		Listen: o.listen, Advertise: o.advertise, Join: o.join, JoinTimeout: o.joinTimeout,
		Ring: o.ring, HostID: o.hostID, VirtualNodes: o.virtualNodes, Bits: o.bits, Successors: o.successors, Replicas: o.replicas,
		Memory: o.memory << 20, Stabilize: o.stabilize, CallLimit: o.callLimit, Lookup: o.lookup,
		Access: o.access, WeakControlToken: o.demoToken, Version: version.Text(), Log: func(line string) { printf("%s", line) },
		Names: map[string]string{
			"Listen": "--listen", "Advertise": "--advertise", "Join": "--join", "JoinTimeout": "--join-timeout",
			"ControlToken": "--control-token", "WeakControlToken": "--insecure-demo-token",
		},
	}
}
