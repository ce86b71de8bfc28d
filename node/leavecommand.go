package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"chordconductor/node/chord"
	"chordconductor/node/client"
	"chordconductor/node/hostauth"
	"chordconductor/node/nodepb"
)

// leaveCommand returns the command that makes all members of a host, or one of them, leave the
// ring. The host keeps running without members.
func (c *caller) leaveCommand() *cobra.Command {
	q := &nodepb.StopMemberRequest{}
	var member, token string
	cmd := c.command("leave", "Make the members of a host leave the ring", 0, func(ctx context.Context, host *client.Client, out io.Writer, _ []string) error {
		if member != "" {
			id, err := chord.ParseID(member)
			if err != nil {
				return usageError{fmt.Errorf("--member: %w", err)}
			}
			q.Id = id[:]
		}
		a, err := stopMember(ctx, host, c.addr, token, q)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, leftText(a))
		return nil
	})
	cmd.Flags().StringVar(&member, "member", "", "`identifier` of the only member to leave, in hex (default: all members of the host)")
	cmd.Flags().BoolVar(&q.Force, "force", false, "leave even if no other host stays to receive the keys: then they end with the ring")
	secretVar(cmd.Flags(), &token, "control-token", "CHORD_CONTROL_TOKEN", "the host's control token, which signs the command and is never sent")
	cmd.Example = "  node leave --addr host-a.example:7001\n  node leave --member 2a\n  node leave --force    the last host of a ring"
	return cmd
}

// leftText describes a leave that has succeeded. Hosts of earlier versions report the end of a ring
// only by the number of keys, if any end with it.
func leftText(a *nodepb.StopMemberResponse) string {
	if a.RingEnded || a.KeysEnded > 0 {
		return fmt.Sprintf("left; the ring ends, and %d key(s) with it", a.KeysEnded)
	}
	return "left"
}

// stopMember sends the command. With a token it signs the command, once the host has proven that it
// holds the same token.
func stopMember(ctx context.Context, to *client.Client, addr, token string, q *nodepb.StopMemberRequest) (*nodepb.StopMemberResponse, error) {
	host := nodepb.NewHostClient(to.Conn())
	if token == "" {
		return host.StopMember(ctx, q)
	}
	nonce := make([]byte, hostauth.NonceBytes)
	_, _ = rand.Read(nonce) // never fails
	challenge, err := host.Challenge(ctx, &nodepb.ChallengeRequest{Nonce: nonce, Address: addr})
	if err != nil {
		return nil, err
	}
	session, err := hostauth.NewKey(token).Prove(nonce, addr, challenge.Nonce, challenge.Instance, challenge.Mac)
	if err != nil {
		return nil, fmt.Errorf("cannot verify host %s: %w; the command was not sent", addr, err)
	}
	request, err := proto.Marshal(q)
	if err != nil {
		return nil, err
	}
	method := nodepb.Host_StopMember_FullMethodName
	signed := &nodepb.CommandRequest{Method: method, Request: request}
	signed.Nonce, signed.Counter, signed.Mac = session.Sign(method, request)
	answer, err := host.Command(ctx, signed)
	if err != nil {
		return nil, err
	}
	a := &nodepb.StopMemberResponse{}
	return a, proto.Unmarshal(answer.Response, a)
}
