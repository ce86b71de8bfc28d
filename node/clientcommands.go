package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"

	"chordconductor/internal/duration"
	"chordconductor/internal/netname"
	"chordconductor/node/chord"
	"chordconductor/node/client"
	"chordconductor/node/env/access"
	"chordconductor/node/nodepb"
)

// caller is the state that all client commands share.
type caller struct {
	addr  string
	limit time.Duration // time limit of one call
	wait  time.Duration // health: time limit for a healthy answer
	pin   string
	flags *access.Settings // shared by hosts and clients
}

// clientCommands returns put, get, delete, lookup, status, health and leave.
func clientCommands(shared *access.Settings) []*cobra.Command {
	c := &caller{flags: shared}
	put, get := c.putCommand(), c.getCommand()

	del := c.command("delete KEY", "Delete a value", 1, func(ctx context.Context, host *client.Client, out io.Writer, args []string) error {
		deleted, err := host.Delete(ctx, []byte(args[0]))
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "deleted at %s, replicas: %d\n", deleted.Owner, deleted.Replicas)
		return nil
	})

	var mode string
	var isID bool
	lookup := c.command("lookup KEY", "Find a key's owner, and print its path and trace ID", 1, func(ctx context.Context, host *client.Client, out io.Writer, args []string) error {
		q := &nodepb.LookupRequest{Mode: mode, Key: []byte(args[0])}
		if isID {
			id, err := chord.ParseID(args[0])
			if err != nil {
				return usageError{err}
			}
			q.Key, q.KeyId = nil, id[:]
		}
		kv := nodepb.NewKVClient(host.Conn())
		ring, err := kv.Status(ctx, &nodepb.StatusRequest{})
		if err != nil {
			return err
		}
		a, err := kv.Lookup(ctx, q)
		if err != nil {
			return err
		}
		return printLookup(out, a.GetLookup(), int(ring.Bits))
	})
	lookup.Flags().StringVar(&mode, "mode", "", "recursive or iterative (default: the host's)")
	lookup.Flags().BoolVar(&isID, "id", false, "KEY is an identifier in hex, not a key to be hashed")

	status := c.command("status", "Print the members of a host", 0, func(ctx context.Context, host *client.Client, out io.Writer, _ []string) error {
		a, err := nodepb.NewKVClient(host.Conn()).Status(ctx, &nodepb.StatusRequest{})
		if err != nil {
			return err
		}
		return printStatus(out, a)
	})

	health := c.command("health", "Exit 0 if the host is on the ring, for health checks", 0, func(ctx context.Context, host *client.Client, out io.Writer, _ []string) error {
		for begin := time.Now(); ; {
			once, cancel := context.WithTimeout(ctx, c.limit)
			err := c.healthy(once, host)
			cancel()
			if err == nil {
				fmt.Fprintln(out, "on the ring")
				return nil
			}
			if time.Since(begin) >= c.wait {
				return err
			}
			select {
			case <-ctx.Done():
				return err
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	health.Flags().DurationVar(&c.wait, "wait", 0, "repeat the check until the host is on the ring, for this long at most")

	del.Example = "  node delete tide"
	lookup.Example = "  node lookup tide\n  node lookup --mode iterative tide\n  node lookup --id 2a"
	status.Example = "  node status --addr host-a.example:7001"
	health.Example = "  node health\n  node health --addr host-a.example:7001 --wait 30s    in scripts that have just started the host"
	return []*cobra.Command{put, get, del, lookup, status, health, c.leaveCommand()}
}

func (c *caller) healthy(ctx context.Context, host *client.Client) error {
	a, err := grpc_health_v1.NewHealthClient(host.Conn()).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		return err
	}
	if a.Status != grpc_health_v1.HealthCheckResponse_SERVING {
		return fmt.Errorf("no member of host %s is on the ring yet", c.addr)
	}
	return nil
}

// command returns a client command that takes exactly args arguments.
func (c *caller) command(use, short string, args int, do func(context.Context, *client.Client, io.Writer, []string) error) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short,
		Args: func(cmd *cobra.Command, given []string) error {
			if len(given) != args {
				return usageError{fmt.Errorf("%s: expected %s", cmd.Name(), wanted(use))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, given []string) error {
			if c.limit <= 0 {
				return usageError{fmt.Errorf("--timeout %s: must be positive", duration.Text(c.limit))}
			}
			host, err := c.dial()
			if err != nil {
				return usageError{err}
			}
			defer host.Close()
			ctx, cancel := context.WithTimeout(cmd.Context(), c.wait+c.limit)
			defer cancel()
			return c.explain(do(ctx, host, cmd.OutOrStdout(), given))
		},
	}
	cmd.Flags().StringVar(&c.addr, "addr", "127.0.0.1:7001", "`address` of the host to ask, HOST:PORT")
	cmd.Flags().DurationVar(&c.limit, "timeout", 30*time.Second, "how long to wait for the answer")
	cmd.Flags().StringVar(&c.pin, "server-pin", os.Getenv("CHORD_SERVER_PIN"), "`fingerprint` of the host's public key, sha256:HEX, as it prints it (several with commas between; $CHORD_SERVER_PIN)")
	cmd.Flags().Lookup("server-pin").DefValue = ""
	return cmd
}

// wanted returns a description of the arguments in a command's use line.
func wanted(use string) string {
	_, args, some := strings.Cut(use, " ")
	if !some {
		return "no arguments"
	}
	return strings.ToLower(strings.ReplaceAll(args, " ", " and "))
}

func (c *caller) dial() (*client.Client, error) {
	if _, err := netname.HostPort("--addr", c.addr, false); err != nil {
		return nil, err
	}
	s := c.flags
	return client.New(client.Config{
		Address: c.addr, CertFile: s.CertFile, KeyFile: s.KeyFile, CAFile: s.CAFile, ServerPin: c.pin, RingSecret: s.RingSecret, Token: s.ClientToken,
		Names: client.Names{Cert: "--tls-cert", Key: "--tls-key", CA: "--tls-ca", Pin: "--server-pin", RingSecret: "--ring-secret", Token: "--client-token"},
	})
}

// explain returns a host's error as the error of the command.
func (c *caller) explain(err error) error {
	failed := &client.Error{}
	if !errors.As(err, &failed) {
		return err
	}
	switch failed.Code {
	case codes.NotFound:
		return fmt.Errorf("not found: %s", failed.Text)
	case codes.DeadlineExceeded:
		return fmt.Errorf("%s: no answer within %s", c.addr, duration.Text(c.limit))
	case codes.InvalidArgument:
		return usageError{errors.New(failed.Text)}
	}
	return failed
}

func printLookup(out io.Writer, l *nodepb.Lookup, bits int) error {
	space, err := chord.NewSpace(bits)
	if err != nil {
		return err
	}
	hex := func(id []byte) string {
		if len(id) != len(chord.ID{}) {
			return "?"
		}
		return space.Format(chord.ID(id))
	}
	fmt.Fprintf(out, "key    %s\nowner  %s  %s\ntook   %s, %s, %d timeout(s)\n", hex(l.Key), hex(l.GetOwner().GetId()), l.GetOwner().GetAddress(),
		duration.Text(time.Duration(l.DurationMicros)*time.Microsecond), l.Mode, l.Timeouts)
	if l.TraceId != "" {
		fmt.Fprintf(out, "trace  %s\n", l.TraceId)
	} else {
		fmt.Fprintln(out, "trace  none (the host sends no traces)")
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i, h := range l.Path {
		via := strings.ToLower(strings.TrimPrefix(h.Pointer.String(), "POINTER_"))
		switch h.Pointer {
		case nodepb.Candidate_POINTER_SELF:
			via = "start"
		case nodepb.Candidate_POINTER_FINGER, nodepb.Candidate_POINTER_SUCCESSOR:
			via = fmt.Sprintf("by %s %d", via, h.Slot)
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%v\n", i, hex(h.GetPeer().GetId()), h.GetPeer().GetAddress(), via, time.Duration(h.AtMicros)*time.Microsecond)
	}
	return w.Flush()
}

func printStatus(out io.Writer, s *nodepb.StatusResponse) error {
	space, err := chord.NewSpace(int(s.Bits))
	if err != nil {
		return err
	}
	short := func(p *nodepb.Peer) string {
		if len(p.GetId()) != len(chord.ID{}) {
			return "-"
		}
		text := space.Format(chord.ID(p.Id))
		return text[:min(len(text), 10)]
	}
	fmt.Fprintf(out, "host %s at %s, ring %q, %d bits, version %s\n", s.HostId, s.Address, s.Ring, s.Bits, s.Version)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MEMBER\tSTATUS\tPREDECESSOR\tSUCCESSORS\tKEYS\tREPLICAS\tBYTES")
	for _, m := range s.Members {
		list := make([]string, 0, 3)
		for _, p := range m.Successors[:min(len(m.Successors), 3)] {
			list = append(list, short(p))
		}
		if more := len(m.Successors) - len(list); more > 0 {
			list = append(list, fmt.Sprintf("+%d", more))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%d\n", short(m.Self), m.Status, short(m.Predecessor), strings.Join(list, " "), m.Keys, m.Replicas, m.Bytes)
	}
	return w.Flush()
}
