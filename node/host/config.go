package host

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"chordconductor/internal/duration"
	"chordconductor/internal/netname"
	"chordconductor/node/env/access"
	"chordconductor/node/member"
	"chordconductor/otel"
)

// Config configures a host. A zero field stands for the value of LAN, so an application sets only
// the fields that differ from a preset. All hosts of a ring must have the same Ring, Bits,
// Successors and Replicas: others are refused.
type Config struct {
	// Listen is the address to listen on, HOST:PORT. Port 0 picks a free port; without a host the
	// address is on all interfaces. Default 127.0.0.1:7001.
	Listen string
	// Advertise is the address at which other hosts reach this one, HOST:PORT. Default: the listen
	// address; on all interfaces the machine's name. The identifiers of the members follow from it,
	// so a host that restarts should have the same one.
	Advertise string

	// Join lists addresses of hosts to join through; one that answers is enough. If it is empty, or
	// has only the host's own address, the host founds a ring. So all hosts of a set may have the
	// same list, and its first host founds the ring.
	Join []string
	// JoinTimeout is how long Joined waits for the host to join. Default 1 min.
	JoinTimeout time.Duration

	// Ring is the ring's name, at most 255 bytes. Default "chord".
	Ring string
	// HostID names the failure domain, at most 255 bytes. Default: the advertised address.
	HostID string
	// VirtualNodes is how many members the host has: from 1 to 64, and at most a quarter of the 2^Bits identifiers.
	// Default 1.
	VirtualNodes int
	// Bits of an identifier, from 3 to 160. Default 160.
	Bits int
	// Successors is the length of successor lists: from 1 to 32, and at least 2 with more than one replica. Default 8.
	Successors int
	// Replicas is how many hosts hold each key, from 1 to 16. Default 3.
	Replicas int
	// Memory limits what the host's members store, keys and values, in bytes. Default 0: no limit.
	Memory int64

	// Stabilize is the base interval of ring maintenance, from 1 ms to 1 h. Default 500 ms.
	Stabilize time.Duration
	// CallLimit is how long a peer may take to answer, from 10 ms to 1 min. A peer that has twice
	// not answered in time is treated as dead. Default 1 s.
	CallLimit time.Duration
	// Lookup is the routing mode of lookups: "recursive" or "iterative". Default "recursive".
	Lookup string

	// Access is how the host authenticates itself, and what it requires of callers. The zero value
	// is for loopback: at an address that other machines reach, a host must have a RingSecret, or
	// certificates, or be Insecure.
	Access Access
	// WeakControlToken accepts an Access.ControlToken that can be guessed although other machines
	// reach the host: for demos.
	WeakControlToken bool

	// Version of the program, which telemetry and the key service's Status contain.
	Version string
	// Telemetry receives events, spans and metrics. Hosts of one process may share one; Close
	// leaves it open. If it is nil, Open sets up one from the OTEL_* variables (otel.Setup), by
	// default to http://localhost:4317, and Close ends it.
	Telemetry *otel.Telemetry
	// Log receives lines for the host's operator: where it listens, whether it is on the ring, why
	// it cannot join, which calls it refused, whether telemetry cannot be exported. The lines may
	// quote errors of peers and receivers. Log may be called from any goroutine, and must not
	// block. If it is nil, the lines are dropped.
	Log func(line string)

	// Names maps a field's name to its name in errors: the user of a program knows flags. Errors of
	// Access name the node program's flags.
	Names map[string]string
}

// Access is how a host authenticates itself to its peers, and what it requires of callers: the
// settings of the node program's flags for access, with the same meaning and bounds.
type Access = access.Settings

func (c *Config) name(field string) string { return cmp.Or(c.Names[field], field) }

func setDefault[T comparable](value *T, byDefault T) {
	var zero T
	if *value == zero {
		*value = byDefault
	}
}

// Validate returns what is wrong with a configuration, in one line: the error that Open returns
// before it opens anything.
func (c Config) Validate() error {
	_, err := c.validated()
	return err
}

// validated returns the configuration with the defaults and the address to advertise.
func (c Config) validated() (Config, error) {
	lan := LAN()
	setDefault(&c.Listen, "127.0.0.1:7001")
	setDefault(&c.JoinTimeout, lan.JoinTimeout)
	setDefault(&c.Ring, lan.Ring)
	setDefault(&c.VirtualNodes, lan.VirtualNodes)
	setDefault(&c.Bits, lan.Bits)
	setDefault(&c.Successors, lan.Successors)
	setDefault(&c.Replicas, lan.Replicas)
	setDefault(&c.Stabilize, lan.Stabilize)
	setDefault(&c.CallLimit, lan.CallLimit)
	setDefault(&c.Lookup, lan.Lookup)
	if c.Log == nil {
		c.Log = func(string) {}
	}
	if err := c.checkAddresses(); err != nil {
		return c, err
	}
	if err := c.member().Validate(c.Listen, c.VirtualNodes); err != nil {
		return c, errors.New(oneLine(err))
	}
	if c.JoinTimeout < 0 {
		return c, fmt.Errorf("%s %s: must be positive", c.name("JoinTimeout"), duration.Text(c.JoinTimeout))
	}
	exposed := !access.OnLoopback(c.Listen) || c.Advertise != "" && !access.OnLoopback(c.Advertise)
	if c.Access.ControlToken != "" && !c.WeakControlToken && exposed {
		if err := access.CheckStrength(c.name("ControlToken"), c.Access.ControlToken); err != nil {
			return c, fmt.Errorf("%w; %s accepts it for a demo", err, c.name("WeakControlToken"))
		}
	}
	var err error
	if c.Advertise, err = c.reachable(); err != nil {
		return c, err
	}
	return c, c.Access.Check(c.Listen, c.Advertise)
}

func (c *Config) checkAddresses() error {
	if _, err := netname.HostPort(c.name("Listen"), c.Listen, true); err != nil {
		return err
	}
	if c.Advertise != "" {
		host, err := netname.HostPort(c.name("Advertise"), c.Advertise, false)
		if err != nil {
			return err
		}
		if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
			return fmt.Errorf("%s %q: is no address that other hosts can reach; give an address of this machine", c.name("Advertise"), c.Advertise)
		}
	}
	for _, addr := range c.Join {
		if _, err := netname.HostPort(c.name("Join"), addr, false); err != nil {
			return err
		}
	}
	return nil
}

// reachable returns the address to advertise: Advertise if it is set; on all interfaces the
// machine's name; otherwise the empty text, for which the listen address is advertised.
func (c *Config) reachable() (string, error) {
	host, port, _ := net.SplitHostPort(c.Listen)
	if ip := net.ParseIP(host); c.Advertise != "" || host != "" && (ip == nil || !ip.IsUnspecified()) {
		return c.Advertise, nil
	}
	if strings.HasSuffix(c.Listen, ":0") {
		return "", fmt.Errorf("%s %q: a random port on all interfaces has no address to advertise; give %s", c.name("Listen"), c.Listen, c.name("Advertise"))
	}
	name, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("%s %q: the machine has no name to advertise: %w; give %s", c.name("Listen"), c.Listen, err, c.name("Advertise"))
	}
	return net.JoinHostPort(name, port), nil
}

// bound returns Listen, with the port that the system has picked in place of port 0.
func (c *Config) bound(listening string) string {
	host, port, _ := net.SplitHostPort(c.Listen)
	if _, picked, err := net.SplitHostPort(listening); err == nil && port == "0" {
		port = picked
	}
	return net.JoinHostPort(host, port)
}

// way describes how the host gets onto a ring. Its own address in Join does not count: all hosts of
// a set may be started with the same list, and the host that the list names first founds the ring.
func (c *Config) way(own string) string {
	for _, addr := range c.Join {
		if addr != own {
			return "joining through " + strings.Join(c.Join, ",")
		}
	}
	return "founding it"
}

// member returns the members' configuration.
func (c *Config) member() member.Config {
	return member.Config{
		Ring: c.Ring, HostID: c.HostID, Join: c.Join, Bits: c.Bits, Successors: c.Successors, Replicas: c.Replicas,
		Stabilize: c.Stabilize, CallLimit: c.CallLimit, Lookup: member.Mode(c.Lookup), Memory: c.Memory,
	}
}

// oneLine returns an error of several parts as one line.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
