package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"chordconductor/internal/duration"
	"chordconductor/node/chord"
	"chordconductor/node/env/access"
	"chordconductor/node/nodepb"
)

// client is the state that all client commands share.
type client struct {
	addr  string
	limit time.Duration // time limit of one call
	wait  time.Duration // health: time limit for a healthy answer
	pin   string
	flags *access.Settings // shared by hosts and clients
	way   *access.Client   // set by dial
}

// clientCommands returns put, get, delete, lookup, status, health and leave.
func clientCommands(shared *access.Settings) []*cobra.Command {
	c := &client{flags: shared}
	put, get := c.putCommand(), c.getCommand()

	del := c.command("delete KEY", "Delete a value", 1, func(ctx context.Context, cc *grpc.ClientConn, out io.Writer, args []string) error {
		a, err := nodepb.NewKVClient(cc).Delete(ctx, &nodepb.DeleteRequest{Key: []byte(args[0])})
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "deleted at %s, replicas: %d\n", a.GetLookup().GetOwner().GetAddress(), a.Copies)
		return nil
	})

	var mode string
	var isID bool
	lookup := c.command("lookup KEY", "Find a key's owner, and print its path and trace ID", 1, func(ctx context.Context, cc *grpc.ClientConn, out io.Writer, args []string) error {
		q := &nodepb.LookupRequest{Mode: mode, Key: []byte(args[0])}
		if isID {
			id, err := chord.ParseID(args[0])
			if err != nil {
				return usageError{err}
			}
			q.Key, q.KeyId = nil, id[:]
		}
		host, err := nodepb.NewKVClient(cc).Status(ctx, &nodepb.StatusRequest{})
		if err != nil {
			return err
		}
		a, err := nodepb.NewKVClient(cc).Lookup(ctx, q)
		if err != nil {
			return err
		}
		return printLookup(out, a.GetLookup(), int(host.Bits))
	})
	lookup.Flags().StringVar(&mode, "mode", "", "recursive or iterative (default: the host's)")
	lookup.Flags().BoolVar(&isID, "id", false, "KEY is an identifier in hex, not a key to be hashed")

	status := c.command("status", "Print the members of a host", 0, func(ctx context.Context, cc *grpc.ClientConn, out io.Writer, _ []string) error {
		a, err := nodepb.NewKVClient(cc).Status(ctx, &nodepb.StatusRequest{})
		if err != nil {
			return err
		}
		return printStatus(out, a)
	})

	health := c.command("health", "Exit 0 if the host is on the ring, for health checks", 0, func(ctx context.Context, cc *grpc.ClientConn, out io.Writer, _ []string) error {
		for begin := time.Now(); ; {
			once, cancel := context.WithTimeout(ctx, c.limit)
			err := c.healthy(once, cc)
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

func (c *client) healthy(ctx context.Context, cc *grpc.ClientConn) error {
	a, err := grpc_health_v1.NewHealthClient(cc).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		return err
	}
	if a.Status != grpc_health_v1.HealthCheckResponse_SERVING {
		return fmt.Errorf("%s is not on the ring yet", c.addr)
	}
	return nil
}

// command returns a client command that takes exactly args arguments.
func (c *client) command(use, short string, args int, do func(context.Context, *grpc.ClientConn, io.Writer, []string) error) *cobra.Command {
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
			cc, err := c.dial()
			if err != nil {
				return usageError{err}
			}
			defer cc.Close()
			ctx, cancel := context.WithTimeout(cmd.Context(), c.wait+c.limit)
			defer cancel()
			return c.explain(do(ctx, cc, cmd.OutOrStdout(), given))
		},
	}
	cmd.Flags().StringVar(&c.addr, "addr", "127.0.0.1:7001", "`address` of the host to ask, HOST:PORT")
	cmd.Flags().DurationVar(&c.limit, "timeout", 30*time.Second, "how long to wait for the answer")
	cmd.Flags().StringVar(&c.pin, "server-pin", os.Getenv("CHORD_SERVER_PIN"), "`fingerprint` of the host's public key, sha256:HEX, as it prints it (several with commas between; $CHORD_SERVER_PIN)")
	cmd.Flags().Lookup("server-pin").DefValue = ""
	return cmd
}

// wanted describes the arguments of a command's use line in words.
func wanted(use string) string {
	_, args, some := strings.Cut(use, " ")
	if !some {
		return "no arguments"
	}
	return strings.ToLower(strings.ReplaceAll(args, " ", " and "))
}

func (c *client) dial() (*grpc.ClientConn, error) {
	if _, err := checkAddress("--addr", c.addr, false); err != nil {
		return nil, err
	}
	s := c.flags
	way, err := access.NewClient(access.ClientSettings{
		CertFile: s.CertFile, KeyFile: s.KeyFile, CAFile: s.CAFile, ServerPin: c.pin, RingSecret: s.RingSecret, Token: s.ClientToken,
		Names: access.FlagNames{Cert: "--tls-cert", Key: "--tls-key", CA: "--tls-ca", Pin: "--server-pin", RingSecret: "--ring-secret", Token: "--client-token"},
	})
	if err != nil {
		return nil, err
	}
	c.way = way
	return grpc.NewClient("passthrough:///"+c.addr, append(way.DialOptions(), grpc.WithNoProxy())...)
}

// explain turns a host's error into one line, with the host's address where the connection failed.
func (c *client) explain(err error) error {
	s, ok := status.FromError(err)
	if err == nil || !ok {
		return err
	}
	message := strings.Join(strings.Fields(s.Message()), " ")
	switch s.Code() {
	case codes.NotFound:
		return fmt.Errorf("not found: %s", message)
	case codes.DeadlineExceeded:
		return fmt.Errorf("%s: no answer within %s", c.addr, duration.Text(c.limit))
	case codes.InvalidArgument:
		return usageError{fmt.Errorf("%s", message)}
	case codes.Unavailable:
		// gRPC wraps the system's error text in its own.
		if _, cause, quoted := strings.Cut(message, "desc = "); quoted {
			message = strings.Trim(cause, `"`)
		}
		message = strings.TrimPrefix(message, "transport: ")
		if c.way.Plain() && strings.Contains(message, "server preface") {
			message += "; if the host uses TLS, give --server-pin, --tls-ca or --ring-secret"
		}
	}
	return fmt.Errorf("%s: %s", c.addr, message)
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
