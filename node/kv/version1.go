package kv

import (
	"context"

	"chordconductor/node/chord"
	"chordconductor/node/kv/handoff"
	"chordconductor/node/nodepb"
	"chordconductor/node/wire"
	"chordconductor/otel/chordevent"
)

// Members of version 1 of the protocol, which carries no version number, run beside those of this version while the
// hosts of a ring are replaced. Most fields that they do not know are optional; the others are handled here:
//
//   - Discard of a leaver has no digest. The leaver names the owner's ownership, and compares before it calls; the
//     answer is yes or no. So this version always sends the ownership as well (heldOwnership), reads such an answer
//     (discardAnswered), and answers such a call like any other, except a leaver's.
//   - A source does not wait for its turn: it releases once the receiver is prepared. Where it would have to wait it is
//     refused (mustWait), and begins again.
//   - An owner does not understand that a leaver refuses replicas (ReplicateResponse.leaving): it would retry without
//     end. So a leaver stores its records, and then asks whether it may drop them, which informs the owner.
//   - It makes no reservation, and does not report its room. Room is then reserved at every write, and granted. A lack
//     of memory shows only when its reserve is used up.

// version1 reports whether the sender of a call or an answer speaks version 1.
func version1(header interface{ GetVersion() uint32 }) bool { return header.GetVersion() < 2 }

// heldOwnership returns the owner's ownership of a held range, which a member of version 1 requires; nil if it is not
// known.
func (k *Keeper) heldOwnership(c *handoff.HeldRange) *nodepb.Ownership {
	k.mu.Lock()
	defer k.mu.Unlock()
	if known, ok := k.own.Table.Covering(c.To); ok && known.Owner == c.Owner {
		return wire.Ownership(known.Ownership)
	}
	return nil
}

// discardAnswered completes an owner's answer to a leaver's Discard, if that owner speaks version 1.
func (k *Keeper) discardAnswered(ctx context.Context, owner chord.Peer, q *nodepb.DiscardRequest, a *nodepb.DiscardResponse) (*nodepb.DiscardResponse, error) {
	if !version1(a.Reply) {
		return a, nil
	}
	a = &nodepb.DiscardResponse{Reply: a.Reply, Granted: a.Granted && q.Compared, Differs: !q.Compared, Ownership: q.Ownership}
	if !a.Granted { // perhaps because it owns another range by now
		point, err := wire.ReadID(k.space, q.Held.GetTo())
		if err != nil {
			return nil, err
		}
		s, err := k.survey(ctx, owner, point, chordevent.SpanLeave)
		if err != nil {
			return nil, err
		}
		if a.Ownership = nil; s.own != nil {
			a.Ownership = wire.Ownership(*s.own)
		}
		for _, o := range s.claims {
			a.Claims = append(a.Claims, wire.Ownership(o))
		}
	}
	return a, nil
}

// mustWait reports whether a source has to wait for its turn, and cannot.
func mustWait(m *handoff.Incoming, turn bool) bool { return m.Firm && !m.Due && !turn }
